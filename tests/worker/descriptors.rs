//! Descriptors of a worker: what it has open, and what becomes of it when it closes one.

use std::path::PathBuf;

use harness::{Answer, Gate, Process, Watchdog, eventually};
use serde_json::{Value, json};

fn next(watchdog: &Watchdog, input: &Value) -> Answer {
    eventually("a worker", || Some(watchdog.invoke("next", input)).filter(|it| it.status != 503))
}

/// Calls go on with their own answers; one may be needed to notice what has become of the worker.
fn goes_on(watchdog: &Watchdog) {
    for number in 0..3 {
        let own = json!({ "n": number });
        let answer = eventually("an answer", || Some(next(watchdog, &own)).filter(|it| it.status == 200));
        assert_eq!(answer.json(), json!({ "echo": own }));
    }
}

/// Any worker but this one serves from now on.
fn served_by_another(watchdog: &Watchdog, former: Process) {
    goes_on(watchdog);
    assert_ne!(watchdog.child("last"), former);
    former.wait_until_gone();
}

#[test]
fn a_worker_has_its_four_descriptors_and_no_other() {
    let watchdog =
        Watchdog::with_child("WORKER", &[("WATCHDOG_WORKERS", "3"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "3")]);
    for id in ["e-1", "e-2", "e-3", "e-4"] {
        let report = watchdog.report(id);
        let open = report["descriptors"].as_object().expect("a list").iter();
        let of_this_test = |number: &str| std::fs::read_link(format!("/proc/self/fd/{number}")).ok();
        let beyond: Vec<_> = open
            .filter(|(number, target)| of_this_test(number) != target.as_str().map(PathBuf::from))
            .map(|(number, _)| number.as_str())
            .collect();
        assert_eq!(beyond, ["3"], "{report}");
    }
}

#[test]
fn workers_do_not_hold_each_others_pipes() {
    let extra = [("WATCHDOG_WORKERS", "2"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "2"), ("TIMEOUT_MS", "20000")];
    let watchdog = Watchdog::with_child("WORKER", &extra);
    let gate = Gate::new();
    let mut held = watchdog.hold("e-1", &gate);
    // The end of the other one is seen only where nobody else has its side of the pipe.
    let answer = watchdog.invoke("e-2", &json!({ "exit": 43 }));
    assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{}", answer.text());
    gate.open("");
    assert_eq!(held.answer().expect("an answer").status, 200);
}

#[test]
fn one_that_closes_its_answers_during_a_call_fails_that_call_alone() {
    let watchdog = Watchdog::with_child("WORKER", &[("TIMEOUT_MS", "3000"), ("WATCHDOG_KILL_GRACE_MS", "300")]);
    let first = watchdog.child("e-0");
    let answer = watchdog.invoke("e-1", &json!({ "exec": "exec 3>&-; exec sleep 600" }));
    assert!([500, 504].contains(&answer.status), "{}", answer.text());
    served_by_another(&watchdog, first);
}

#[test]
fn one_that_closes_its_answers_between_calls_answers_no_more() {
    let watchdog = Watchdog::with_child("WORKER", &[("TIMEOUT_MS", "3000"), ("WATCHDOG_KILL_GRACE_MS", "300")]);
    let first = watchdog.child("e-0");
    let after = json!({ "exec": "exec 3>&-; exec sleep 600" });
    assert_eq!(watchdog.invoke("e-1", &json!({ "print": "[1]", "after": after })).json(), json!([1]));
    served_by_another(&watchdog, first);
}

#[test]
fn one_that_closes_its_stdin_during_a_call_may_still_answer() {
    let watchdog = Watchdog::with_child("WORKER", &[("TIMEOUT_MS", "3000"), ("WATCHDOG_KILL_GRACE_MS", "300")]);
    let first = watchdog.child("e-0");
    let answer = watchdog.invoke("e-1", &json!({ "exec": "exec <&-; echo '[1]' >&3; exec sleep 600" }));
    assert_eq!((answer.status, answer.json()), (200, json!([1])));
    served_by_another(&watchdog, first);
}

#[test]
fn one_that_closes_its_stdin_between_calls_is_replaced() {
    let watchdog = Watchdog::with_child("WORKER", &[("TIMEOUT_MS", "3000"), ("WATCHDOG_KILL_GRACE_MS", "300")]);
    let (first, gate) = (watchdog.child("e-0"), Gate::new());
    let after = json!({ "exec": format!("exec <&-; echo $$ > {}; exec sleep 600", gate.path()) });
    assert_eq!(watchdog.invoke("e-1", &json!({ "print": "[1]", "after": after })).json(), json!([1]));
    eventually("a closed stdin", || std::path::Path::new(&gate.path()).exists().then_some(()));
    served_by_another(&watchdog, first);
}

#[test]
fn one_that_closes_its_log_serves_on() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    let serve = "exec >&- 2>&-; while read -r line; do echo '\"other\"' >&3; done";
    let first = watchdog.child("e-0");
    assert_eq!(watchdog.invoke("e-1", &json!({ "print": "[1]", "after": { "exec": serve } })).json(), json!([1]));
    for id in ["e-2", "e-3"] {
        assert_eq!(watchdog.invoke(id, &json!(1)).text(), "\"other\"", "{id}");
    }
    assert!(first.is_alive());
}

#[test]
fn another_program_in_its_place_that_speaks_the_same_serves_on() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    let first = watchdog.child("e-0");
    let serve = "while read -r line; do printf '%s\\n' \"$line\" >&3; done";
    assert_eq!(watchdog.invoke("e-1", &json!({ "print": "[1]", "after": { "exec": serve } })).json(), json!([1]));
    for id in ["e-2", "e-3"] {
        assert_eq!(watchdog.invoke(id, &json!(1)).json()["execution_id"], id);
    }
    assert!(first.is_alive() && watchdog.metric("child_restarts_total", &[]) < 0.5);
}

#[test]
fn another_program_in_its_place_that_says_nothing_times_out() {
    let watchdog = Watchdog::with_child("WORKER", &[("TIMEOUT_MS", "700"), ("WATCHDOG_KILL_GRACE_MS", "300")]);
    let first = watchdog.child("e-0");
    assert_eq!(watchdog.invoke("e-1", &json!({ "exec": "exec sleep 600" })).failure(), (504, "TIMEOUT".to_owned()));
    served_by_another(&watchdog, first);
}

#[test]
fn the_watchdogs_own_descriptors_do_not_grow_with_replacements() {
    let watchdog = Watchdog::with_child("WORKER", &[("WATCHDOG_CRASH_LIMIT", "0"), ("WARM_MAX_INVOCATIONS", "1")]);
    goes_on(&watchdog);
    let before = watchdog.process().descriptors();
    for number in 0..15 {
        assert_eq!(next(&watchdog, &json!(number)).status, 200);
    }
    goes_on(&watchdog);
    eventually("the same number of descriptors", || (watchdog.process().descriptors() <= before + 4).then_some(()));
    assert!(watchdog.process().zombies().len() <= 1);
}
