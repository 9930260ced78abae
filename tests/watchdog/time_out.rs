//! A call that takes too long is answered at its deadline, and what served it does not live on.

use harness::{Answer, ControlPlane, Gate, Process, Watchdog, child, eventually, has_command, sh, skip};
use serde_json::json;

const MODES: [&str; 3] = ["HTTP", "STDIO", "FILE"];
const PER_CALL: [&str; 2] = ["STDIO", "FILE"];
const SHORT: (&str, &str) = ("TIMEOUT_MS", "500");

fn is_time_out(answer: &Answer) {
    assert_eq!(answer.failure(), (504, "TIMEOUT".to_owned()), "{answer:?}");
    assert_eq!(answer.json()["error"], "Function exceeded timeout of 500ms");
}

#[test]
fn a_slow_call_is_answered_and_called_back_as_such() {
    for mode in MODES {
        let (plane, never) = (ControlPlane::start(), Gate::new());
        let watchdog = Watchdog::with_child(mode, &[SHORT, ("CALLBACK_URL", &plane.callback_url())]);
        is_time_out(&watchdog.invoke("e-1", &json!({ "gate": never.path() })));
        assert_eq!(plane.accepted("e-1").error().expect("an error").code, "TIMEOUT", "{mode}");
        eventually("the next call", || (watchdog.invoke("e-2", &json!(1)).status == 200).then_some(()));
    }
}

#[test]
fn the_answer_does_not_wait_for_the_end_of_the_child() {
    for mode in PER_CALL {
        let never = Gate::new();
        let script = format!("trap '' TERM; exec {}", child(&mode.to_lowercase()));
        // The child outlives its signal for longer than the test waits.
        let watchdog = Watchdog::start(mode, &sh(&script), &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "600000")]);
        is_time_out(&watchdog.invoke("e-1", &json!({ "gate": never.path() })));
        assert!(Process(never.entered_by()).is_alive(), "{mode}");
    }
}

#[test]
fn the_child_may_clean_up_after_its_signal_and_log_that() {
    for mode in PER_CALL {
        let gone = Gate::new();
        // Its pipes are still read: else the first word would end it with SIGPIPE.
        let clean_up = format!("echo cleaning up >&2; echo > {}; exit 0", gone.path());
        let script = format!("trap '{clean_up}' TERM; while :; do sleep 0.01; done");
        let watchdog = Watchdog::start(mode, &sh(&script), &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "600000")]);
        is_time_out(&watchdog.invoke("e-1", &json!(1)));
        eventually("the signal", || std::path::Path::new(&gone.path()).exists().then_some(()));
        let _ = watchdog.wait_for_log("its last words", |line| line["message"] == "cleaning up");
        watchdog.wait_until_alone();
    }
}

#[test]
fn a_child_that_ignores_sigterm_dies_after_the_grace() {
    for mode in PER_CALL {
        let never = Gate::new();
        let script = format!("trap '' TERM; exec {}", child(&mode.to_lowercase()));
        let watchdog = Watchdog::start(mode, &sh(&script), &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "300")]);
        is_time_out(&watchdog.invoke("e-1", &json!({ "gate": never.path() })));
        Process(never.entered_by()).wait_until_gone();
        watchdog.wait_until_alone();
    }
}

#[test]
fn a_stopped_child_is_answered_for_and_dies() {
    for mode in MODES {
        let watchdog = Watchdog::with_child(mode, &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "300")]);
        let gate = Gate::new();
        let mut caller = watchdog.hold("e-1", &gate);
        let child = Process(gate.entered_by());
        assert!(child.signal("STOP"), "{mode}");
        is_time_out(&caller.answer().expect("an answer"));
        child.wait_until_gone();
        eventually("the next call", || (watchdog.invoke("e-2", &json!(1)).status == 200).then_some(()));
    }
}

#[test]
fn a_stopped_child_is_woken_to_clean_up() {
    let gone = Gate::new();
    let script = format!("trap 'echo > {}; exit 0' TERM; kill -STOP $$; while :; do sleep 0.01; done", gone.path());
    let watchdog = Watchdog::start("STDIO", &sh(&script), &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "600000")]);
    is_time_out(&watchdog.invoke("e-1", &json!(1)));
    eventually("the signal", || std::path::Path::new(&gone.path()).exists().then_some(()));
    watchdog.wait_until_alone();
}

#[test]
fn the_whole_group_dies() {
    for mode in PER_CALL {
        let never = Gate::new();
        let watchdog = Watchdog::with_child(mode, &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "300")]);
        let script = "sleep 600 & (trap '' TERM; sleep 600) & sh -c 'sleep 600; :' &";
        is_time_out(&watchdog.invoke("e-1", &json!({ "sh": script, "gate": never.path() })));
        watchdog.wait_until_alone();
    }
}

#[test]
fn a_group_whose_leader_obeys_is_still_looked_after() {
    let never = Gate::new();
    let watchdog = Watchdog::with_child("STDIO", &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "300")]);
    // The leader dies of the first signal; the other one has to be killed.
    let script = "(trap '' TERM; while :; do sleep 1; done) &";
    is_time_out(&watchdog.invoke("e-1", &json!({ "sh": script, "gate": never.path() })));
    watchdog.wait_until_alone();
}

#[test]
fn escapees_die_too() {
    if !has_command(&["setsid", "true"]) {
        return skip("there is no `setsid`");
    }
    for mode in PER_CALL {
        let never = Gate::new();
        let watchdog = Watchdog::with_child(mode, &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "300")]);
        // A session of its own, and one whose parent is gone.
        let script = "setsid sleep 600 & (setsid sh -c 'trap \"\" TERM; sleep 600; :' &)";
        is_time_out(&watchdog.invoke("e-1", &json!({ "sh": script, "gate": never.path() })));
        watchdog.wait_until_alone();
    }
}

#[test]
fn an_escapee_that_cleared_its_environment_dies_with_those_it_came_from() {
    if !has_command(&["setsid", "true"]) {
        return skip("there is no `setsid`");
    }
    for mode in PER_CALL {
        let watchdog = Watchdog::with_child(mode, &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "300")]);
        let script = "setsid env -i \"$(command -v sleep)\" 60 >/dev/null 2>&1 & echo $! >&2; wait";
        is_time_out(&watchdog.invoke("e-1", &json!({ "sh": script })));
        let line = watchdog.wait_for_log("an id", |line| line["stream"] == "stderr");
        let unmarked = line["message"].as_str().and_then(|text| text.trim().parse().ok()).expect("a process id");
        Process(unmarked).wait_until_gone();
    }
}

#[test]
fn an_http_child_that_is_healthy_after_a_slow_call_is_kept() {
    let watchdog = Watchdog::with_child("HTTP", &[SHORT]);
    let child = watchdog.child("e-0");
    let gate = Gate::new();
    is_time_out(&watchdog.invoke("e-1", &json!({ "gate": gate.path() })));
    gate.open("");
    let next = eventually("the next call", || {
        let answer = watchdog.invoke("e-2", &json!({ "report": true }));
        (answer.status == 200).then(|| answer.json()["pid"].clone())
    });
    assert_eq!(next, json!(child.0));
    assert!(watchdog.metric("child_restarts_total", &[]) < 0.5);
}

#[test]
fn an_http_child_that_hangs_after_a_slow_call_is_replaced() {
    let watchdog = Watchdog::with_child("HTTP", &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "300")]);
    let (child, never) = (watchdog.child("e-0"), Gate::new());
    is_time_out(&watchdog.invoke("e-1", &json!({ "health": "deaf", "gate": never.path() })));
    child.wait_until_gone();
    watchdog.wait_for_metric("child_restarts_total", &["reason=\"hang\""], 1);
    watchdog.wait_for_status("/ready", 200);
    assert_ne!(watchdog.child("e-2"), child);
}
