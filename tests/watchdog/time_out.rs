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
fn what_the_child_says_on_stdout_after_its_signal_is_read() {
    for mode in PER_CALL {
        let gone = Gate::new();
        // Without a reader the first word would end it with SIGPIPE, and many would block it.
        let clean_up = format!("head -c 1000000 /dev/zero && echo > {}; exit 0", gone.path());
        let script = format!("trap '{clean_up}' TERM; while :; do sleep 0.01; done");
        let watchdog = Watchdog::start(mode, &sh(&script), &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "600000")]);
        is_time_out(&watchdog.invoke("e-1", &json!(1)));
        watchdog.wait_until_alone();
        assert!(std::path::Path::new(&gone.path()).exists(), "{mode}: a broken pipe ended it");
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
fn those_beside_the_leader_of_a_group_have_the_grace_too() {
    for mode in PER_CALL {
        let (begun, gone, never) = (Gate::new(), Gate::new(), Gate::new());
        let extra = [("TIMEOUT_MS", "1000"), ("WATCHDOG_KILL_GRACE_MS", "600000")];
        let watchdog = Watchdog::with_child(mode, &extra);
        // The leader dies of the first signal; the other one cleans up for longer than that takes.
        let clean_up = format!("sleep 0.5; echo > {}; exit 0", gone.path());
        let begun = begun.path();
        let script = format!(
            "(trap '{clean_up}' TERM; echo > {begun}; while :; do sleep 0.01; done) & \
             while [ ! -e {begun} ]; do sleep 0.01; done"
        );
        let answer = watchdog.invoke("e-1", &json!({ "sh": script, "gate": never.path() }));
        assert_eq!(answer.failure(), (504, "TIMEOUT".to_owned()), "{mode}");
        watchdog.wait_until_alone();
        assert!(std::path::Path::new(&gone.path()).exists(), "{mode}: it was killed at its work");
    }
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
fn an_orphan_that_cleared_its_environment_dies_too() {
    if !has_command(&["setsid", "true"]) {
        return skip("there is no `setsid`");
    }
    for mode in PER_CALL {
        let (id, never) = (Gate::new(), Gate::new());
        let watchdog = Watchdog::with_child(mode, &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "300")]);
        // Its parent is gone before the time-out: neither a parent nor an environment tells of it.
        let orphan = format!("echo $$ > {}; exec sleep 600", id.path());
        let script = format!(
            "(setsid env -i \"PATH=$PATH\" sh -c '{orphan}' >/dev/null 2>&1 &); \
             while [ ! -s {} ]; do sleep 0.01; done",
            id.path()
        );
        is_time_out(&watchdog.invoke("e-1", &json!({ "sh": script, "gate": never.path() })));
        let orphan = std::fs::read_to_string(id.path()).ok().and_then(|text| text.trim().parse().ok());
        Process(orphan.expect("a process id")).wait_until_gone();
    }
}

#[test]
fn an_orphan_of_another_call_lives_on() {
    if !has_command(&["setsid", "true"]) {
        return skip("there is no `setsid`");
    }
    let (id, first, second) = (Gate::new(), Gate::new(), Gate::new());
    let extra = [("NANOFAAS_MAX_CONCURRENT_HANDLERS", "2"), ("WATCHDOG_KILL_GRACE_MS", "100")];
    let watchdog = Watchdog::with_child("STDIO", &extra);
    let mut slow = watchdog.connect();
    let envelope = json!({ "execution_id": "e-1", "payload": { "gate": first.path() }, "timeout_ms": 2000 });
    slow.begin(&[], &envelope.to_string());
    let slow_one = Process(first.entered_by());
    // Neither a parent nor an environment tells that it is not of the first call.
    let orphan = format!("echo $$ > {}; exec sleep 600", id.path());
    let script = format!(
        "(setsid env -i \"PATH=$PATH\" sh -c '{orphan}' >/dev/null 2>&1 &); while [ ! -s {} ]; do sleep 0.01; done",
        id.path()
    );
    let mut other = watchdog.connect();
    let input = json!({ "sh": script, "gate": second.path() });
    other.begin(&[("X-Execution-Id", "e-2")], &json!({ "input": input }).to_string());
    let _ = second.entered_by();
    assert_eq!(slow.answer().expect("an answer").status, 504);
    slow_one.wait_until_gone();
    watchdog.wait_for_metric("active_handlers", &[], 1);
    let orphan = std::fs::read_to_string(id.path()).ok().and_then(|text| text.trim().parse().ok());
    let orphan = Process(orphan.expect("a process id"));
    // Nobody else would end it.
    assert!(orphan.is_alive() && orphan.signal("KILL"), "it is gone");
    second.open("");
    assert_eq!(other.answer().expect("an answer").status, 200);
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
    // The slow call alone makes it suspicious: nobody asks by the clock.
    let extra = [SHORT, ("WATCHDOG_KILL_GRACE_MS", "300"), ("WATCHDOG_HEALTH_INTERVAL_MS", "0")];
    let watchdog = Watchdog::with_child("HTTP", &extra);
    let (child, never) = (watchdog.child("e-0"), Gate::new());
    is_time_out(&watchdog.invoke("e-1", &json!({ "health": "deaf", "gate": never.path() })));
    child.wait_until_gone();
    watchdog.wait_for_metric("child_restarts_total", &["reason=\"hang\""], 1);
    watchdog.wait_for_status("/ready", 200);
    assert_ne!(watchdog.child("e-2"), child);
}
