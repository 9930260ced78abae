//! The end of the watchdog: in peace, in a hurry, or by force. Nothing is left.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;

use harness::{Connection, ControlPlane, Gate, Process, Watchdog, child, eventually, has_command, quote, sh, skip};
use serde_json::json;

const MODES: [&str; 3] = ["HTTP", "STDIO", "FILE"];
const PATIENT: (&str, &str) = ("NANOFAAS_SHUTDOWN_TIMEOUT", "600000");

/// A watchdog with one call that waits at the gate, and the child that serves it.
fn busy(mode: &str, gate: &Gate, extra: &[(&str, &str)]) -> (Watchdog, Connection, Process) {
    let watchdog = Watchdog::with_child(mode, &[&[("TIMEOUT_MS", "600000")], extra].concat());
    let caller = watchdog.hold("e-1", gate);
    (watchdog, caller, Process(gate.entered_by()))
}

/// Sends the signal and waits until it has been seen.
fn begin_to_stop(watchdog: &Watchdog, signal: &str) {
    watchdog.signal(signal);
    watchdog.wait_for_status("/ready", 503);
}

#[test]
fn a_running_call_is_answered_before_its_child_is_signalled() {
    for signal in ["TERM", "INT", "QUIT"] {
        for mode in MODES {
            let (plane, gate) = (ControlPlane::start(), Gate::new());
            let extra = [PATIENT, ("CALLBACK_URL", &*plane.callback_url())];
            let (mut watchdog, mut caller, child) = busy(mode, &gate, &extra);
            begin_to_stop(&watchdog, signal);
            let stopping = (503, "RUNTIME_STOPPING".to_owned());
            assert_eq!(watchdog.invoke("e-2", &json!(1)).refusal(), stopping, "{mode}");
            assert!(child.is_alive(), "{mode}: the child was signalled too early");
            gate.open("");
            assert_eq!(caller.answer().expect("an answer").status, 200, "{mode}");
            assert_eq!(watchdog.wait().code(), Some(0), "{mode}");
            assert!(!child.is_alive(), "{mode}");
            assert!(plane.accepted("e-1").success(), "{mode}");
            assert_eq!(plane.completions().len(), 1, "{mode}");
        }
    }
}

#[test]
fn calls_that_wait_are_refused() {
    let gate = Gate::new();
    let (mut watchdog, mut caller, _) = busy("STDIO", &gate, &[PATIENT]);
    let mut waiting = watchdog.connect();
    waiting.begin(&[("X-Execution-Id", "e-2")], r#"{"input":1}"#);
    watchdog.wait_for_metric("queued_invocations", &[], 1);
    watchdog.signal("TERM");
    assert_eq!(waiting.answer().expect("an answer").refusal(), (503, "RUNTIME_STOPPING".to_owned()));
    gate.open("");
    assert_eq!(caller.answer().expect("an answer").status, 200);
    assert_eq!(watchdog.wait().code(), Some(0));
}

#[test]
fn what_outlasts_the_time_out_is_called_back_as_cancelled() {
    for mode in MODES {
        let (plane, gate) = (ControlPlane::start(), Gate::new());
        let extra = [("NANOFAAS_SHUTDOWN_TIMEOUT", "300"), ("CALLBACK_URL", &*plane.callback_url())];
        let (mut watchdog, _caller, child) = busy(mode, &gate, &extra);
        watchdog.signal("TERM");
        assert_eq!(watchdog.wait().code(), Some(1), "{mode}: work was cut off");
        assert_eq!(plane.accepted("e-1").error().expect("an error").code, "INVOCATION_CANCELLED", "{mode}");
        assert!(!child.is_alive(), "{mode}");
    }
}

#[test]
fn a_second_signal_ends_everything_now() {
    for (first, second, status) in [("TERM", "TERM", 128 + 15), ("INT", "INT", 128 + 2), ("TERM", "INT", 128 + 2)] {
        for mode in MODES {
            let gate = Gate::new();
            // No grace would end in time.
            let extra = [PATIENT, ("WATCHDOG_KILL_GRACE_MS", "600000")];
            let (mut watchdog, _caller, child) = busy(mode, &gate, &extra);
            begin_to_stop(&watchdog, first);
            watchdog.signal(second);
            assert_eq!(watchdog.wait().code(), Some(status), "{first} {second} {mode}");
            child.wait_until_gone();
            watchdog.wait_until_alone();
        }
    }
}

#[test]
fn a_kept_child_is_asked_to_end_and_may_clean_up() {
    let gone = Gate::new();
    let script = format!("trap 'echo > {}; kill $!; exit 0' TERM; {} & wait", gone.path(), child("http"));
    let mut watchdog = Watchdog::start("HTTP", &sh(&script), &[("WATCHDOG_KILL_GRACE_MS", "600000")]);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).status, 200);
    watchdog.stop();
    assert!(PathBuf::from(gone.path()).exists(), "no SIGTERM came");
    watchdog.wait_until_alone();
}

#[test]
fn a_kept_child_that_ignores_sigterm_is_killed_after_the_grace() {
    let script = format!("trap '' TERM; exec {}", child("http"));
    let mut watchdog = Watchdog::start("HTTP", &sh(&script), &[("WATCHDOG_KILL_GRACE_MS", "300")]);
    let child = watchdog.child("e-1");
    watchdog.stop();
    assert!(!child.is_alive());
}

#[test]
fn a_stopped_kept_child_does_not_hold_up_the_end() {
    let mut watchdog = Watchdog::with_child("HTTP", &[("WATCHDOG_KILL_GRACE_MS", "300")]);
    let child = watchdog.child("e-1");
    assert!(child.signal("STOP"));
    eventually("a stopped child", || child.is_stopped().then_some(()));
    watchdog.stop();
    assert!(!child.is_alive());
}

#[test]
fn nothing_is_left_after_the_end() {
    if !has_command(&["setsid", "true"]) {
        return skip("there is no `setsid`");
    }
    for mode in MODES {
        let directory = Gate::new();
        let tmp = PathBuf::from(directory.path()).with_file_name("tmp");
        std::fs::create_dir_all(&tmp).expect("a directory");
        let extra = [("TMPDIR", tmp.to_str().expect("a path")), ("WATCHDOG_KILL_GRACE_MS", "300"), PATIENT];
        let gate = Gate::new();
        let mut watchdog = Watchdog::with_child(mode, &extra);
        let script = "sleep 600 >/dev/null 2>&1 & \
                      (setsid sh -c 'trap \"\" TERM; sleep 600; :' >/dev/null 2>&1 &) ; \
                      setsid sleep 600 >/dev/null 2>&1 &";
        assert_eq!(watchdog.invoke("e-0", &json!({ "sh": script })).status, 200, "{mode}");
        let mut caller = watchdog.connect();
        let input = json!({ "sh": script, "gate": gate.path(), "report": true });
        caller.begin(&[("X-Execution-Id", "e-1")], &json!({ "input": input }).to_string());
        let _ = gate.entered_by();
        begin_to_stop(&watchdog, "TERM");
        gate.open("");
        let port = caller.answer().expect("an answer").json()["environment"]["PORT"].clone();
        assert_eq!(watchdog.wait().code(), Some(0), "{mode}");
        assert_eq!(watchdog.family(), [], "{mode}");
        assert!(std::fs::read_dir(&tmp).expect("a directory").next().is_none(), "{mode}: files");
        assert!(TcpStream::connect(watchdog.address()).is_err(), "{mode}: a socket");
        if let Some(port) = port.as_str().and_then(|port| port.parse().ok()) {
            assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok(), "{mode}: the child's socket");
        }
    }
}

#[test]
fn an_orphan_that_cleared_its_environment_does_not_outlive_the_end() {
    if !has_command(&["setsid", "true"]) {
        return skip("there is no `setsid`");
    }
    for mode in MODES {
        let mut watchdog = Watchdog::with_child(mode, &[PATIENT]);
        let script = "setsid env -i \"$(command -v sleep)\" 60 >/dev/null 2>&1 & echo $! >&2";
        assert_eq!(watchdog.invoke("e-1", &json!({ "sh": script })).status, 200, "{mode}");
        let line = watchdog.wait_for_log("an id", |line| line["stream"] == "stderr");
        let orphan = line["message"].as_str().and_then(|text| text.trim().parse().ok()).expect("a process id");
        watchdog.stop();
        assert!(!Process(orphan).is_alive(), "{mode}");
    }
}

#[test]
fn children_die_with_a_watchdog_that_is_killed() {
    for mode in MODES {
        let gate = Gate::new();
        let mut watchdog = Watchdog::with_child(mode, &[("TIMEOUT_MS", "600000")]);
        let mut caller = watchdog.connect();
        let input = json!({ "sh": "sleep 600 & (trap '' TERM; sleep 600) &", "gate": gate.path() });
        caller.begin(&[("X-Execution-Id", "e-1")], &json!({ "input": input }).to_string());
        let child = Process(gate.entered_by());
        watchdog.signal("KILL");
        assert_eq!(watchdog.wait().code(), None, "{mode}");
        child.wait_until_gone();
        watchdog.wait_until_alone();
    }
}

#[test]
fn those_of_a_group_that_cleared_their_environment_die_with_a_watchdog_that_is_killed() {
    for mode in MODES {
        let (id, gate) = (Gate::new(), Gate::new());
        let mut watchdog = Watchdog::with_child(mode, &[("TIMEOUT_MS", "600000")]);
        let unmarked = format!("echo $$ > {}; exec sleep 600", id.path());
        let script =
            format!("env -i \"PATH=$PATH\" sh -c '{unmarked}' & while [ ! -s {} ]; do sleep 0.01; done", id.path());
        let mut caller = watchdog.connect();
        let input = json!({ "sh": script, "gate": gate.path() });
        caller.begin(&[("X-Execution-Id", "e-1")], &json!({ "input": input }).to_string());
        let child = Process(gate.entered_by());
        watchdog.signal("KILL");
        assert_eq!(watchdog.wait().code(), None, "{mode}");
        child.wait_until_gone();
        let unmarked = std::fs::read_to_string(id.path()).ok().and_then(|text| text.trim().parse().ok());
        Process(unmarked.expect("a process id")).wait_until_gone();
    }
}

#[test]
fn a_child_that_is_still_starting_dies_with_a_watchdog_that_is_killed() {
    let gate = Gate::new();
    let command = child(&format!("http --late {}", quote(&gate.path())));
    let watchdog = Watchdog::spawn("HTTP", &command, &[]);
    let child = Process(gate.entered_by());
    watchdog.signal("KILL");
    child.wait_until_gone();
}

#[test]
fn other_signals_are_passed_on() {
    let seen = Gate::new();
    for signal in ["HUP", "USR1", "USR2"] {
        seen.close();
        let script = format!(
            "trap 'echo {signal} > {}' {signal}; {} & while :; do wait; sleep 0.05; done",
            seen.path(),
            child("http")
        );
        let watchdog = Watchdog::start("HTTP", &sh(&script), &[]);
        // The server itself has no use for these signals and ends.
        watchdog.signal(signal);
        eventually("the signal", || std::fs::read_to_string(seen.path()).ok().filter(|text| text.contains(signal)));
        assert_eq!(watchdog.get("/metrics").status, 200, "{signal}");
    }
}

#[test]
fn with_nobody_to_stop_it_ends_at_once() {
    for mode in MODES {
        let mut watchdog = Watchdog::with_child(mode, &[PATIENT, ("WATCHDOG_KILL_GRACE_MS", "600000")]);
        let kept = watchdog.connect();
        watchdog.stop();
        watchdog.wait_until_alone();
        drop(kept);
    }
}
