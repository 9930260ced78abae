//! With `OW_WAIT_FOR_ACK` a worker says when it is ready; without, it is so once it is started.

use harness::{ControlPlane, Gate, Process, Watchdog, child, free_port, sh};
use serde_json::json;

const ACK: (&str, &str) = ("OW_WAIT_FOR_ACK", "true");

/// A watchdog that listens and whose worker waits at the gate before it says anything.
fn starting(gate: &Gate, extra: &[(&str, &str)]) -> Watchdog {
    let port = free_port();
    let number = port.to_string();
    let command = child(&format!("worker --late {}", gate.path()));
    let mut watchdog = Watchdog::spawn("WORKER", &command, &[&[ACK, ("WARM_PORT", number.as_str())], extra].concat());
    watchdog.wait_until_listening(port);
    watchdog
}

/// The line that tells why nothing starts.
fn error_line(log: &str) -> &str {
    log.lines().find(|line| line.contains("STARTUP_ERROR")).unwrap_or_else(|| panic!("no STARTUP_ERROR in\n{log}"))
}

#[test]
fn the_worker_is_asked_for_it_by_a_variable() {
    for (extra, expected) in
        [(&[ACK][..], json!("1")), (&[("OW_WAIT_FOR_ACK", "false")], json!(null)), (&[], json!(null))]
    {
        let watchdog = Watchdog::with_child("WORKER", extra);
        let first = watchdog.child("e-1");
        assert_eq!(watchdog.report("e-2")["environment"]["__OW_WAIT_FOR_ACK"], expected, "{extra:?}");
        assert_eq!(watchdog.child("e-3"), first, "its first line was taken for a stray one");
    }
}

#[test]
fn it_is_ready_only_after_the_worker_says_so() {
    let gate = Gate::new();
    let mut watchdog = starting(&gate, &[("READY_TIMEOUT_MS", "600000")]);
    let _ = gate.entered_by();
    for _ in 0..3 {
        assert_eq!((watchdog.get("/health").status, watchdog.get("/ready").status), (503, 503));
    }
    assert_eq!(watchdog.invoke("e-1", &json!(1)).refusal(), (503, "RUNTIME_NOT_READY".to_owned()));
    gate.open("");
    watchdog.wait_until_ready();
    watchdog.wait_for_status("/ready", 200);
    assert_eq!(watchdog.get("/health").status, 200);
    assert_eq!(watchdog.invoke("e-2", &json!(1)).json(), json!({ "echo": 1 }));
}

#[test]
fn without_it_a_worker_that_is_still_starting_gets_its_call() {
    let gate = Gate::new();
    let watchdog = Watchdog::start("WORKER", &child(&format!("worker --late {}", gate.path())), &[]);
    watchdog.wait_for_status("/ready", 200);
    let mut caller = watchdog.connect();
    caller.begin(&[("X-Execution-Id", "e-1")], r#"{"input":1}"#);
    watchdog.wait_for_metric("active_handlers", &[], 1);
    gate.open("");
    assert_eq!(caller.answer().expect("an answer").json(), json!({ "echo": 1 }));
}

#[test]
fn one_that_does_not_say_it_in_time_is_killed_and_ends_the_watchdog_with_1() {
    for script in
        ["exec sleep 600", "printf '{\"ok\":true}' >&3; exec sleep 600", "trap '' TERM; while :; do sleep 1; done"]
    {
        let pids = Gate::new();
        let script = format!("echo $$ > {}; {script}", pids.path());
        let extra = [ACK, ("READY_TIMEOUT_MS", "700"), ("WATCHDOG_KILL_GRACE_MS", "200")];
        let ended = Watchdog::run_warm("WORKER", &sh(&script), &extra);
        assert_eq!(ended.code, Some(1), "{script} {ended:?}");
        let _ = error_line(&ended.stderr);
        let pid = std::fs::read_to_string(pids.path()).expect("a worker was started");
        assert!(!Process(pid.trim().parse().expect("a process id")).is_alive(), "{script}");
    }
}

#[test]
fn one_that_ends_before_ends_the_watchdog_at_once_with_its_status() {
    for (script, status, word) in [
        ("echo no database >&2; exit 3", 3, "3"),
        ("echo no database; exit 65", 65, "65"),
        ("echo no database >&2; exit 0", 1, "0"),
        ("echo no database >&2; kill -KILL $$", 128 + 9, "SIGKILL"),
    ] {
        // Far beyond what the test waits for.
        let ended = Watchdog::run_warm("WORKER", &sh(script), &[ACK, ("READY_TIMEOUT_MS", "600000")]);
        assert_eq!(ended.code, Some(status), "{script} {ended:?}");
        let line = error_line(&ended.stderr);
        assert!(line.contains(word) && line.contains("no database"), "{script} {line}");
    }
}

#[test]
fn anything_else_in_its_place_is_no_start() {
    for line in ["{\"ok\":false}", "no ink left", "{}", "", "{\"error\":\"no database\"}", "\\000"] {
        let script = format!("printf '{line}\\n' >&3; exec sleep 600");
        let extra = [ACK, ("READY_TIMEOUT_MS", "2000"), ("WATCHDOG_KILL_GRACE_MS", "200")];
        let ended = Watchdog::run_warm("WORKER", &sh(&script), &extra);
        assert!(ended.code.is_some_and(|code| code != 0), "{line} {ended:?}");
        let _ = error_line(&ended.stderr);
    }
}

#[test]
fn white_space_in_it_does_not_matter() {
    let watchdog = Watchdog::start("WORKER", &child("worker --ack '{ \"ok\": true } '"), &[ACK]);
    watchdog.wait_for_status("/ready", 200);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).json(), json!({ "echo": 1 }));
}

#[test]
fn a_replacement_has_to_say_it_too() {
    let gate = Gate::new();
    gate.open("");
    let command = child(&format!("worker --late {}", gate.path()));
    let watchdog = Watchdog::start("WORKER", &command, &[ACK]);
    gate.close();
    assert_eq!(watchdog.invoke("e-1", &json!({ "exit": 43 })).failure(), (500, "FUNCTION_ERROR".to_owned()));
    let second = Process(gate.entered_by());
    // Calls wait a moment for it before there is no worker.
    watchdog.wait_for_status("/ready", 503);
    assert_eq!(watchdog.get("/health").status, 503);
    assert_eq!(watchdog.invoke("e-2", &json!(1)).refusal(), (503, "RUNTIME_NOT_READY".to_owned()));
    gate.open("");
    watchdog.wait_for_status("/ready", 200);
    assert_eq!(watchdog.child("e-3"), second);
}

#[test]
fn a_stop_during_the_start_does_not_wait_for_the_worker() {
    let gate = Gate::new();
    let mut watchdog = starting(&gate, &[("READY_TIMEOUT_MS", "600000")]);
    let worker = Process(gate.entered_by());
    watchdog.signal("TERM");
    assert!(watchdog.wait().code().is_some(), "the signal killed it");
    assert!(!worker.is_alive());
}

#[test]
fn a_single_run_whose_worker_does_not_start_is_called_back_as_such() {
    for (script, word) in [("echo no database >&2; exit 3", "no database"), ("exec sleep 600", "")] {
        let plane = ControlPlane::start();
        let extra = [ACK, ("READY_TIMEOUT_MS", "1000"), ("WATCHDOG_KILL_GRACE_MS", "200")];
        let ended = Watchdog::once("WORKER", &sh(script), &plane, "1", &extra);
        assert_eq!(ended.code, Some(0), "{script} {ended:?}");
        let error = plane.accepted("e-1").error().expect("an error");
        assert_eq!(error.code, "STARTUP_ERROR", "{script}");
        assert!(error.message.contains(word), "{script} {error:?}");
    }
}
