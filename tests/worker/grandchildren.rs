//! Processes that a worker started and that hold its pipes.

use harness::{Answer, Gate, Watchdog, eventually, has_command, skip};
use serde_json::{Value, json};

const EXTRA: [(&str, &str); 2] = [("TIMEOUT_MS", "20000"), ("WATCHDOG_KILL_GRACE_MS", "300")];

fn next(watchdog: &Watchdog, input: &Value) -> Answer {
    eventually("a worker", || Some(watchdog.invoke("next", input)).filter(|it| it.status != 503))
}

#[test]
fn a_crash_is_seen_though_a_grandchild_holds_the_answers() {
    if !has_command(&["setsid", "true"]) {
        return skip("there is no `setsid`");
    }
    for script in ["sleep 600 &", "setsid sleep 600 &", "(trap '' TERM; sleep 600) &"] {
        let watchdog = Watchdog::with_child("WORKER", &EXTRA);
        let answer = watchdog.invoke("e-1", &json!({ "sh": script, "exit": 43 }));
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{script} {}", answer.text());
        assert!(answer.text().contains("43"), "{script} {}", answer.text());
        assert_eq!(next(&watchdog, &json!(1)).json(), json!({ "echo": 1 }), "{script}");
    }
}

#[test]
fn a_crash_between_calls_is_seen_too() {
    let watchdog = Watchdog::with_child("WORKER", &EXTRA);
    let first = watchdog.child("e-0");
    assert_eq!(watchdog.invoke("e-1", &json!({ "sh": "sleep 600 &" })).status, 200);
    assert!(first.signal("KILL"));
    first.wait_until_gone();
    let answer = next(&watchdog, &json!({ "report": true }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_ne!(answer.json()["pid"], json!(first.0));
}

#[test]
fn an_answer_does_not_wait_for_a_grandchild() {
    let watchdog = Watchdog::with_child("WORKER", &EXTRA);
    let first = watchdog.child("e-0");
    for id in ["e-1", "e-2", "e-3"] {
        assert_eq!(watchdog.invoke(id, &json!({ "sh": "sleep 600 &" })).status, 200, "{id}");
    }
    assert_eq!(watchdog.child("e-4"), first);
}

#[test]
fn what_a_grandchild_of_a_dead_worker_answers_is_nobodys() {
    if !has_command(&["setsid", "true"]) {
        return skip("there is no `setsid`");
    }
    let (gate, done) = (Gate::new(), Gate::new());
    let late = format!(
        "while [ ! -e {} ]; do sleep 0.01; done; echo \"\\\"late\\\"\" >&3; echo > {}",
        gate.path(),
        done.path()
    );
    let script = format!("setsid sh -c 'trap \"\" TERM PIPE; {late}' &");
    let watchdog = Watchdog::with_child("WORKER", &EXTRA);
    assert_eq!(watchdog.invoke("e-1", &json!({ "sh": script, "exit": 43 })).status, 500);
    assert_eq!(next(&watchdog, &json!(1)).json(), json!({ "echo": 1 }));
    gate.open("");
    // It may have been ended before; else it has written by now.
    eventually("a late line or an end", || {
        let alive = watchdog.family().len() > 1;
        (!alive || std::path::Path::new(&done.path()).exists()).then_some(())
    });
    for number in 0..3 {
        assert_eq!(next(&watchdog, &json!(number)).json(), json!({ "echo": number }));
    }
}

#[test]
fn what_a_grandchild_writes_between_calls_ends_its_worker() {
    let (gate, done) = (Gate::new(), Gate::new());
    let late =
        format!("while [ ! -e {} ]; do sleep 0.01; done; echo '\"late\"' >&3; echo > {}", gate.path(), done.path());
    let watchdog = Watchdog::with_child("WORKER", &EXTRA);
    let first = watchdog.child("e-0");
    assert_eq!(watchdog.invoke("e-1", &json!({ "sh": format!("({late}) &") })).status, 200);
    gate.open("");
    eventually("a late line", || std::path::Path::new(&done.path()).exists().then_some(()));
    for number in 0..3 {
        assert_eq!(next(&watchdog, &json!(number)).json(), json!({ "echo": number }));
    }
    assert_ne!(watchdog.child("e-2"), first);
    first.wait_until_gone();
}

#[test]
fn a_time_out_ends_them_with_the_worker() {
    let never = Gate::new();
    let watchdog = Watchdog::with_child("WORKER", &[("TIMEOUT_MS", "700"), ("WATCHDOG_KILL_GRACE_MS", "300")]);
    let script = "sleep 600 & (trap '' TERM; sleep 600) & sh -c 'sleep 600; :' &";
    let answer = watchdog.invoke("e-1", &json!({ "sh": script, "gate": never.path() }));
    assert_eq!(answer.failure(), (504, "TIMEOUT".to_owned()));
    assert_eq!(next(&watchdog, &json!(1)).status, 200);
    eventually("nobody but the new worker", || (watchdog.family().len() == 1).then_some(()));
}

#[test]
fn a_grandchild_that_floods_the_log_is_ended_with_the_worker() {
    let watchdog = Watchdog::with_child("WORKER", &EXTRA);
    assert_eq!(watchdog.invoke("e-1", &json!({ "sh": "yes >&2 3>&- &" })).status, 200);
    assert_eq!(watchdog.invoke("e-2", &json!({ "exit": 43 })).status, 500);
    assert_eq!(next(&watchdog, &json!(1)).status, 200);
    eventually("nobody but the new worker", || (watchdog.family().len() == 1).then_some(()));
}
