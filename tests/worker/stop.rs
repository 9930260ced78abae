//! The end of a watchdog with workers: in peace, in a hurry, or by force. Nothing is left.

use std::path::Path;

use harness::{Connection, ControlPlane, Gate, Process, Watchdog, child, eventually, has_command, sh, skip};
use serde_json::json;

const PATIENT: (&str, &str) = ("NANOFAAS_SHUTDOWN_TIMEOUT", "600000");
const TWO: [(&str, &str); 2] = [("WATCHDOG_WORKERS", "2"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "2")];

/// A watchdog with two workers and one call that waits at the gate, and the worker that serves it.
fn busy(gate: &Gate, extra: &[(&str, &str)]) -> (Watchdog, Connection, Process) {
    let watchdog = Watchdog::with_child("WORKER", &[&TWO[..], &[("TIMEOUT_MS", "600000")], extra].concat());
    let caller = watchdog.hold("e-1", gate);
    (watchdog, caller, Process(gate.entered_by()))
}

#[test]
fn a_running_call_is_answered_before_its_worker_is_signalled() {
    for signal in ["TERM", "INT", "QUIT"] {
        let (plane, gate) = (ControlPlane::start(), Gate::new());
        let (mut watchdog, mut caller, worker) = busy(&gate, &[PATIENT, ("CALLBACK_URL", &*plane.callback_url())]);
        watchdog.signal(signal);
        watchdog.wait_for_status("/ready", 503);
        assert_eq!(watchdog.invoke("e-2", &json!(1)).refusal(), (503, "RUNTIME_STOPPING".to_owned()), "{signal}");
        assert!(worker.is_alive(), "{signal}: it was signalled too early");
        gate.open("");
        assert_eq!(caller.answer().expect("an answer").status, 200, "{signal}");
        assert_eq!(watchdog.wait().code(), Some(0), "{signal}");
        assert_eq!(watchdog.family(), [], "{signal}");
        assert!(plane.accepted("e-1").success(), "{signal}");
    }
}

#[test]
fn with_nothing_to_do_it_ends_at_once() {
    let mut watchdog = Watchdog::with_child("WORKER", &[PATIENT, ("WATCHDOG_KILL_GRACE_MS", "600000")]);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).status, 200);
    watchdog.stop();
    assert_eq!(watchdog.family(), []);
}

#[test]
fn a_worker_is_asked_to_end_and_may_clean_up() {
    let (gone, waiting) = (Gate::new(), Gate::new());
    let script =
        format!("trap 'echo > {}; exit 0' TERM; echo > {}; while :; do sleep 0.01; done", gone.path(), waiting.path());
    let mut watchdog = Watchdog::start("WORKER", &sh(&script), &[("WATCHDOG_KILL_GRACE_MS", "600000")]);
    eventually("a worker", || Path::new(&waiting.path()).exists().then_some(()));
    watchdog.stop();
    // One that ended by the end of its stdin had no signal to wait for: this one does not look at it.
    assert!(Path::new(&gone.path()).exists(), "no SIGTERM came");
    watchdog.wait_until_alone();
}

#[test]
fn a_worker_that_ignores_everything_is_killed_after_the_grace() {
    for then in ["exec sleep 600", "while :; do sleep 1; done"] {
        let waiting = Gate::new();
        let script = format!("trap '' TERM HUP INT; echo > {}; {then}", waiting.path());
        let mut watchdog = Watchdog::start("WORKER", &sh(&script), &[("WATCHDOG_KILL_GRACE_MS", "300")]);
        eventually("a worker", || Path::new(&waiting.path()).exists().then_some(()));
        watchdog.stop();
        assert_eq!(watchdog.family(), []);
    }
}

#[test]
fn a_stopped_worker_does_not_hold_up_the_end() {
    let mut watchdog = Watchdog::with_child("WORKER", &[("WATCHDOG_KILL_GRACE_MS", "300")]);
    let worker = watchdog.child("e-1");
    assert!(worker.signal("STOP"));
    eventually("a stopped worker", || worker.is_stopped().then_some(()));
    watchdog.stop();
    assert!(!worker.is_alive());
}

#[test]
fn what_outlasts_the_time_for_that_is_called_back_as_cancelled() {
    let (plane, gate) = (ControlPlane::start(), Gate::new());
    let extra = [("NANOFAAS_SHUTDOWN_TIMEOUT", "300"), ("CALLBACK_URL", &*plane.callback_url())];
    let (mut watchdog, _caller, worker) = busy(&gate, &extra);
    watchdog.signal("TERM");
    assert_eq!(watchdog.wait().code(), Some(1), "work was cut off");
    assert_eq!(plane.accepted("e-1").error().expect("an error").code, "INVOCATION_CANCELLED");
    assert!(!worker.is_alive());
}

#[test]
fn a_second_signal_ends_everything_now() {
    let gate = Gate::new();
    // No grace would end in time.
    let (mut watchdog, _caller, worker) = busy(&gate, &[PATIENT, ("WATCHDOG_KILL_GRACE_MS", "600000")]);
    watchdog.signal("TERM");
    watchdog.wait_for_status("/ready", 503);
    watchdog.signal("TERM");
    assert_eq!(watchdog.wait().code(), Some(128 + 15));
    worker.wait_until_gone();
    watchdog.wait_until_alone();
}

#[test]
fn workers_die_with_a_watchdog_that_is_killed() {
    let gate = Gate::new();
    // The first one ignores that its stdin ends, as it does when the watchdog is gone.
    let script = format!("trap '' TERM HUP; sleep 600 & {}; sleep 600; :", child("worker"));
    let mut watchdog = Watchdog::start("WORKER", &sh(&script), &TWO);
    let _caller = watchdog.hold("e-1", &gate);
    let worker = Process(gate.entered_by());
    watchdog.signal("KILL");
    assert_eq!(watchdog.wait().code(), None);
    worker.wait_until_gone();
    watchdog.wait_until_alone();
}

#[test]
fn nothing_of_what_calls_had_started_is_left() {
    if !has_command(&["setsid", "true"]) {
        return skip("there is no `setsid`");
    }
    let mut watchdog = Watchdog::with_child("WORKER", &[("WATCHDOG_KILL_GRACE_MS", "300"), PATIENT]);
    let script = "sleep 600 >/dev/null 2>&1 & \
                  (setsid sh -c 'trap \"\" TERM; sleep 600; :' >/dev/null 2>&1 &) ; \
                  setsid sleep 600 >/dev/null 2>&1 &";
    assert_eq!(watchdog.invoke("e-1", &json!({ "sh": script })).status, 200);
    watchdog.stop();
    assert_eq!(watchdog.family(), []);
}

#[test]
fn a_stop_while_there_is_no_worker_is_a_clean_one() {
    let gate = Gate::new();
    gate.open("");
    let command = child(&format!("worker --late {}", gate.path()));
    let mut watchdog = Watchdog::start("WORKER", &command, &[("OW_WAIT_FOR_ACK", "true")]);
    gate.close();
    assert_eq!(watchdog.invoke("e-1", &json!({ "exit": 43 })).status, 500);
    let _ = gate.entered_by();
    watchdog.stop();
    watchdog.wait_until_alone();
}

#[test]
fn as_the_first_process_of_a_container_it_serves_and_leaves_nothing() {
    let Some(mut watchdog) = Watchdog::as_init("WORKER", &child("worker"), &TWO) else { return };
    for id in ["e-1", "e-2"] {
        assert_eq!(watchdog.invoke(id, &json!({ "sh": "(setsid sleep 600 >/dev/null 2>&1 &)" })).status, 200);
    }
    watchdog.stop();
    watchdog.wait_until_alone();
}
