//! Children, clients and helpers that do what nobody should.

use std::path::Path;

use harness::{ControlPlane, Gate, Process, Scratch, Watchdog, eventually, has_command, quote, skip};
use nanofaas::testing::Fault;
use serde_json::json;

#[test]
fn a_child_that_leaves_its_group_is_ended_all_the_same() {
    if !has_command(&["python3", "--version"]) {
        return skip("python3 is not installed, and a shell cannot change its group");
    }
    // Into the group of its parent, where no signal to its own group finds it.
    let script = "import os, sys, json, time\n\
                  if json.load(sys.stdin)['input'] == 'leave':\n \
                  os.setpgid(0, os.getpgid(os.getppid())); time.sleep(600)\n\
                  print(1)";
    let extra = [("TIMEOUT_MS", "1500"), ("WATCHDOG_KILL_GRACE_MS", "200")];
    let watchdog = Watchdog::start("STDIO", &format!("python3 -c {}", quote(script)), &extra);
    assert_eq!(watchdog.invoke("e-1", &json!("leave")).failure(), (504, "TIMEOUT".to_owned()));
    watchdog.wait_until_alone();
    eventually("a call in the place of the one that left", || {
        (watchdog.invoke("e-2", &json!("stay")).status == 200).then_some(())
    });
}

#[test]
fn a_call_that_waits_with_a_callback_is_reported_though_its_client_left() {
    for mode in ["HTTP", "STDIO", "FILE"] {
        let (plane, gate) = (ControlPlane::start(), Gate::new());
        let mut watchdog = Watchdog::with_child(mode, &[("TIMEOUT_MS", "600000")]);
        let mut running = watchdog.hold("e-1", &gate);
        let mut leaving = watchdog.connect();
        let callback = plane.callback_url();
        leaving.begin(&[("X-Execution-Id", "e-2"), ("X-Callback-Url", &callback)], r#"{"input":1}"#);
        watchdog.wait_for_metric("queued_invocations", &[], 1);
        drop(leaving);
        // Another request: the end of that connection has been seen by now.
        assert_eq!(watchdog.get("/health").status, 200);
        watchdog.signal("TERM");
        assert_eq!(plane.accepted("e-2").error().expect("an error").code, "RUNTIME_STOPPING", "{mode}");
        gate.open("");
        assert_eq!(running.answer().expect("an answer").status, 200, "{mode}");
        assert_eq!(watchdog.wait().code(), Some(0), "{mode}");
    }
}

#[test]
fn a_watchdog_that_nobody_calls_delivers_before_it_ends() {
    let plane = ControlPlane::start();
    // About a second until it is taken.
    plane.fail_next([Fault::Status(503), Fault::Status(503)]);
    let mut watchdog = Watchdog::with_child("STDIO", &[("WARM_IDLE_TIMEOUT_MS", "100")]);
    let callback = plane.callback_url();
    let headers = [("X-Execution-Id", "e-1"), ("X-Callback-Url", callback.as_str())];
    assert_eq!(watchdog.post(&headers, r#"{"input":1}"#).status, 200);
    assert!(plane.accepted("e-1").success());
    assert_eq!(watchdog.wait().code(), Some(0));
}

#[test]
fn files_do_not_outlive_a_forced_end() {
    for signals in [&["TERM", "TERM"][..], &["KILL"]] {
        let (gate, temporary) = (Gate::new(), Scratch::new());
        let place = temporary.path().display().to_string();
        let extra = [("TMPDIR", place.as_str()), ("TIMEOUT_MS", "600000"), ("NANOFAAS_SHUTDOWN_TIMEOUT", "600000")];
        let mut watchdog = Watchdog::with_child("FILE", &extra);
        let _caller = watchdog.hold("e-1", &gate);
        assert!(!is_empty(temporary.path()), "a directory of the call");
        for signal in signals {
            watchdog.signal(signal);
            if signals.len() > 1 && watchdog.process().is_alive() {
                let _ = watchdog.wait_for_log("the signal", |line| line["message"] == "signal");
            }
        }
        let _ = watchdog.wait();
        eventually("an empty directory", || is_empty(temporary.path()).then_some(()));
    }
}

fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).expect("a directory").next().is_none()
}

#[test]
fn a_guardian_that_is_killed_is_replaced() {
    let mut watchdog = Watchdog::with_child("HTTP", &[]);
    let child = watchdog.child("e-1");
    let guardian = |not: Option<Process>| {
        eventually("a guardian", || {
            let others = watchdog.process().children().into_iter().filter(|process| *process != child);
            others.filter(|process| process.is_alive()).find(|process| Some(*process) != not)
        })
    };
    let first = guardian(None);
    assert!(first.signal("KILL"));
    let second = guardian(Some(first));
    assert_ne!(first, second);
    let _ = watchdog
        .wait_for_log("a warning", |line| line["message"].as_str().is_some_and(|message| message.contains("guardian")));
    // It has been told of the child that was there before it.
    watchdog.signal("KILL");
    let _ = watchdog.wait();
    child.wait_until_gone();
}

#[test]
fn a_worker_that_outlives_a_crashed_child_does_not_keep_its_port() {
    if !has_command(&["setsid", "true"]) {
        return skip("there is no `setsid`");
    }
    let watchdog = Watchdog::with_child("HTTP", &[]);
    let child = watchdog.child("e-1");
    // Inherits the listening socket of nobody, but holds on to the group's mark.
    let answer = watchdog.invoke("e-2", &json!({ "sh": "setsid sleep 600 >/dev/null 2>&1 &", "report": true }));
    assert_eq!(answer.status, 200);
    assert!(child.signal("KILL"));
    eventually("the next child", || {
        let answer = watchdog.invoke("e-3", &json!({ "report": true }));
        (answer.status == 200 && answer.json()["pid"] != json!(child.0)).then_some(())
    });
    // Of all that the first one started nothing is left.
    eventually("one child alone", || (watchdog.family().len() == 1).then_some(()));
}
