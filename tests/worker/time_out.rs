//! A call that takes too long costs its worker, and nobody anything else.

use harness::{Answer, ControlPlane, Gate, Process, Watchdog, child, eventually, sh};
use serde_json::{Value, json};

const SHORT: (&str, &str) = ("TIMEOUT_MS", "500");

fn is_time_out(answer: &Answer) {
    assert_eq!(answer.failure(), (504, "TIMEOUT".to_owned()), "{answer:?}");
    assert_eq!(answer.json()["error"], "Function exceeded timeout of 500ms");
}

fn next(watchdog: &Watchdog, input: &Value) -> Answer {
    eventually("a worker", || Some(watchdog.invoke("next", input)).filter(|it| it.status != 503))
}

#[test]
fn a_slow_call_is_answered_and_called_back_and_its_worker_replaced() {
    let (plane, never) = (ControlPlane::start(), Gate::new());
    let watchdog = Watchdog::with_child("WORKER", &[SHORT, ("CALLBACK_URL", &plane.callback_url())]);
    is_time_out(&watchdog.invoke("e-1", &json!({ "gate": never.path() })));
    assert_eq!(plane.accepted("e-1").error().expect("an error").code, "TIMEOUT");
    let first = Process(never.entered_by());
    first.wait_until_gone();
    assert_eq!(next(&watchdog, &json!(1)).json(), json!({ "echo": 1 }));
    assert_ne!(watchdog.child("e-2"), first);
}

#[test]
fn the_answer_does_not_wait_for_the_end_of_the_worker() {
    let never = Gate::new();
    let script = format!("trap '' TERM; exec {}", child("worker"));
    // It outlives its signal for longer than the test waits.
    let watchdog = Watchdog::start("WORKER", &sh(&script), &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "600000")]);
    is_time_out(&watchdog.invoke("e-1", &json!({ "gate": never.path() })));
    assert!(Process(never.entered_by()).is_alive());
}

#[test]
fn one_that_ignores_its_signal_dies_after_the_grace() {
    let never = Gate::new();
    let script = format!("trap '' TERM; exec {}", child("worker"));
    let watchdog = Watchdog::start("WORKER", &sh(&script), &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "300")]);
    is_time_out(&watchdog.invoke("e-1", &json!({ "gate": never.path() })));
    Process(never.entered_by()).wait_until_gone();
    assert_eq!(next(&watchdog, &json!(1)).status, 200);
}

#[test]
fn a_stopped_worker_is_answered_for_and_dies() {
    let watchdog = Watchdog::with_child("WORKER", &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "300")]);
    let gate = Gate::new();
    let mut caller = watchdog.hold("e-1", &gate);
    let worker = Process(gate.entered_by());
    assert!(worker.signal("STOP"));
    is_time_out(&caller.answer().expect("an answer"));
    worker.wait_until_gone();
    assert_eq!(next(&watchdog, &json!(1)).status, 200);
}

#[test]
fn one_that_is_stopped_between_calls_times_out_once() {
    let watchdog = Watchdog::with_child("WORKER", &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "300")]);
    let worker = watchdog.child("e-1");
    assert!(worker.signal("STOP"));
    eventually("a stopped worker", || worker.is_stopped().then_some(()));
    is_time_out(&watchdog.invoke("e-2", &json!(1)));
    worker.wait_until_gone();
    assert_eq!(next(&watchdog, &json!(1)).status, 200);
}

#[test]
fn the_worker_may_clean_up_after_its_signal_and_log_that() {
    let script = "trap 'echo cleaning up; exit 0' TERM; while :; do sleep 0.01; done";
    let watchdog = Watchdog::start("WORKER", &sh(script), &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "600000")]);
    is_time_out(&watchdog.invoke("e-1", &json!(1)));
    let _ = watchdog.wait_for_log("its last words", |line| line["message"] == "cleaning up");
}

#[test]
fn time_outs_do_not_use_up_places() {
    let extra = [SHORT, ("WATCHDOG_QUEUE", "0"), ("WATCHDOG_KILL_GRACE_MS", "200"), ("WATCHDOG_CRASH_LIMIT", "0")];
    let watchdog = Watchdog::with_child("WORKER", &extra);
    for _ in 0..4 {
        let never = Gate::new();
        let answer = eventually("a place", || {
            Some(watchdog.invoke("e-1", &json!({ "gate": never.path() }))).filter(|it| ![429, 503].contains(&it.status))
        });
        is_time_out(&answer);
    }
    eventually("a place", || (watchdog.invoke("e-2", &json!(1)).status == 200).then_some(()));
    watchdog.wait_for_metric("active_handlers", &[], 0);
}

#[test]
fn a_client_that_goes_frees_the_place() {
    let extra = [("TIMEOUT_MS", "600000"), ("WATCHDOG_QUEUE", "0"), ("WATCHDOG_KILL_GRACE_MS", "200")];
    let watchdog = Watchdog::with_child("WORKER", &extra);
    for round in 0..3 {
        let never = Gate::new();
        let id = format!("e-{round}");
        drop(eventually("a place", || {
            let mut caller = watchdog.connect();
            let body = json!({ "input": { "gate": never.path() } }).to_string();
            (watchdog.invoke("probe", &json!(1)).status == 200)
                .then(|| caller.begin(&[("X-Execution-Id", &id)], &body))?;
            let _ = never.entered_by();
            Some(caller)
        }));
        assert_eq!(watchdog.line(&id)["code"], "INVOCATION_CANCELLED");
    }
    eventually("a place", || (watchdog.invoke("last", &json!(1)).status == 200).then_some(()));
}

#[test]
fn calls_that_wait_are_served_by_the_replacement() {
    let never = Gate::new();
    let watchdog = Watchdog::with_child("WORKER", &[SHORT, ("WATCHDOG_KILL_GRACE_MS", "200")]);
    let mut slow = watchdog.hold("e-1", &never);
    let mut waiting: Vec<_> = (0..3)
        .map(|number| {
            let mut caller = watchdog.connect();
            caller.begin(&[("X-Execution-Id", &format!("w-{number}"))], &json!({ "input": number }).to_string());
            caller
        })
        .collect();
    is_time_out(&slow.answer().expect("an answer"));
    for (number, caller) in waiting.iter_mut().enumerate() {
        let answer = caller.answer().expect("an answer");
        assert_eq!((answer.status, answer.json()), (200, json!({ "echo": number })), "{}", answer.text());
    }
}
