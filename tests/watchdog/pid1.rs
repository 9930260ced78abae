//! As the first process of a container, and as the one that inherits orphans outside of one.

use harness::{Gate, Process, Watchdog, child, eventually, has_command, sh, skip};
use serde_json::{Value, json};

/// 50 processes that no longer have the parent that started them, and wait at the gate.
fn daemons(gate: &Gate) -> Value {
    let look = format!("while [ ! -e {} ]; do sleep 0.5; done", gate.path());
    let script =
        format!("i=0; while [ $i -lt 50 ]; do (setsid sh -c '{look}' </dev/null >/dev/null 2>&1 &); i=$((i+1)); done");
    json!({ "sh": script })
}

/// The same test as PID 1 and, where that is not so, as a sub-reaper.
fn both(mode: &str, extra: &[(&str, &str)], test: impl Fn(&mut Watchdog)) {
    if !has_command(&["setsid", "true"]) {
        return skip("there is no `setsid`");
    }
    let command = child(&mode.to_lowercase());
    test(&mut Watchdog::start(mode, &command, extra));
    if let Some(mut watchdog) = Watchdog::as_init(mode, &command, extra) {
        test(&mut watchdog);
    }
}

#[test]
fn orphans_become_its_children_and_never_zombies() {
    both("HTTP", &[], |watchdog| {
        let gate = Gate::new();
        assert_eq!(watchdog.invoke("e-1", &daemons(&gate)).status, 200);
        let process = watchdog.process();
        eventually("50 orphans", || (process.children().len() >= 50).then_some(()));
        gate.open("");
        eventually("an end of all", || (watchdog.family().len() <= 1).then_some(()));
        eventually("no zombie", || process.zombies().is_empty().then_some(()));
        assert_eq!(watchdog.invoke("e-2", &json!(1)).status, 200);
        watchdog.stop();
    });
}

#[test]
fn statuses_of_its_own_children_stay_right_while_it_reaps() {
    both("STDIO", &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "4")], |watchdog| {
        let short = "i=0; while [ $i -lt 10 ]; do (setsid sh -c 'exit 5' >/dev/null 2>&1 &); i=$((i+1)); done";
        std::thread::scope(|scope| {
            for caller in 0..4 {
                let watchdog = &*watchdog;
                scope.spawn(move || {
                    for call in 0..5 {
                        let (id, status) = (format!("e-{caller}-{call}"), 30 + caller * 10 + call);
                        let answer = watchdog.invoke(&id, &json!({ "sh": short, "exit": status }));
                        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{id}");
                        assert!(answer.text().contains(&status.to_string()), "{id} {status} {answer:?}");
                        assert_eq!(watchdog.invoke(&id, &json!({ "sh": short })).status, 200, "{id}");
                    }
                });
            }
        });
        let process = watchdog.process();
        eventually("no zombie", || process.zombies().is_empty().then_some(()));
        watchdog.stop();
    });
}

#[test]
fn a_status_that_is_not_taken_at_once_is_not_taken_by_the_reaper() {
    both("STDIO", &[], |watchdog| {
        for status in 40..45 {
            // Somebody holds the pipes: they are read for a while before anybody asks for the status.
            let answer = watchdog.invoke("e-1", &json!({ "sh": "sleep 600 &", "exit": status }));
            assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{status}");
            assert!(answer.text().contains(&format!("status {status}")), "{status} {answer:?}");
        }
    });
}

#[test]
fn children_that_end_at_once_have_their_status() {
    let watchdog = Watchdog::start("STDIO", &sh("exit 43"), &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "4")]);
    std::thread::scope(|scope| {
        for caller in 0..4 {
            let watchdog = &watchdog;
            scope.spawn(move || {
                for call in 0..10 {
                    let answer = watchdog.invoke(&format!("e-{caller}-{call}"), &json!(1));
                    assert!(answer.text().contains("status 43"), "{caller} {call} {answer:?}");
                }
            });
        }
    });
}

#[test]
fn a_kept_child_that_dies_among_orphans_is_noticed() {
    both("HTTP", &[], |watchdog| {
        let gate = Gate::new();
        gate.open("");
        let first = watchdog.report("e-1")["pid"].clone();
        let mut input = daemons(&gate);
        input["exit"] = json!(43);
        let answer = watchdog.invoke("e-2", &input);
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()));
        assert!(answer.text().contains("43"), "{answer:?}");
        watchdog.wait_for_status("/ready", 200);
        assert_ne!(watchdog.report("e-3")["pid"], first);
        let process = watchdog.process();
        eventually("no zombie", || process.zombies().is_empty().then_some(()));
    });
}

#[test]
fn as_pid_1_it_is_alone_with_its_child() {
    let Some(watchdog) = Watchdog::as_init("HTTP", &child("http"), &[]) else { return };
    let seen = watchdog.report("e-1");
    assert_eq!(seen["parent"], 1, "the watchdog is PID 1 there");
    assert_eq!(watchdog.process().children().len(), 1, "a helper runs beside the child");
}

#[test]
fn as_pid_1_it_stops_at_a_signal_and_leaves_nothing() {
    for signal in ["TERM", "INT"] {
        let gate = Gate::new();
        let Some(mut watchdog) =
            Watchdog::as_init("STDIO", &child("stdio"), &[("NANOFAAS_SHUTDOWN_TIMEOUT", "600000")])
        else {
            return;
        };
        let mut caller = watchdog.hold("e-1", &gate);
        watchdog.signal(signal);
        watchdog.wait_for_status("/ready", 503);
        gate.open("");
        assert_eq!(caller.answer().expect("an answer").status, 200);
        assert_eq!(watchdog.wait().code(), Some(0), "{signal}");
        watchdog.wait_until_alone();
    }
}

#[test]
fn as_pid_1_the_childs_status_is_its_own_where_the_child_ends_it() {
    let extra = [("WATCHDOG_CRASH_LIMIT", "1")];
    let Some(mut watchdog) = Watchdog::as_init("HTTP", &child("http"), &extra) else { return };
    assert_eq!(watchdog.invoke("e-1", &json!({ "exit": 43 })).status, 500);
    assert_eq!(watchdog.wait().code(), Some(43));
}

#[test]
fn as_pid_1_a_time_out_ends_what_the_call_started() {
    let never = Gate::new();
    let extra = [("TIMEOUT_MS", "500"), ("WATCHDOG_KILL_GRACE_MS", "200")];
    let Some(watchdog) = Watchdog::as_init("STDIO", &child("stdio"), &extra) else { return };
    let input = json!({ "sh": "sleep 600 & (trap '' TERM; sleep 600) &", "gate": never.path() });
    assert_eq!(watchdog.invoke("e-1", &input).failure(), (504, "TIMEOUT".to_owned()));
    watchdog.wait_until_alone();
    let process: Process = watchdog.process();
    eventually("no zombie", || process.zombies().is_empty().then_some(()));
}
