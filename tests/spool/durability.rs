//! What was answered is on disk until the control plane has taken it, whenever the process is killed.

use harness::{FlakyPlane, Function, Gate, Mood, Spool, eventually};
use serde_json::{Value, json};

use crate::subject::{SUBJECTS, Subject};
use crate::{invoke_all, kill, probe, started};

#[test]
fn the_entry_is_there_before_the_answer() {
    for kind in SUBJECTS {
        let (plane, spool) = (FlakyPlane::away(), Spool::new());
        let subject = Subject::start(kind, &plane, &spool, &[]);
        for id in ["e-1", "e-2", "e-3"] {
            subject.call(id);
            let found = spool.entries().into_iter().find(|entry| entry.id() == id);
            assert_eq!(found.map(|entry| entry.body()), Some(subject.expected(id)), "{kind} {id}");
        }
    }
}

#[test]
fn the_entry_of_a_failure_is_there_before_the_answer() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let probe = probe(&plane, &spool, &[("TIMEOUT_MS", "3000")]);
    for (id, input, code) in [
        ("fails", json!({ "fail": true }), "HANDLER_ERROR"),
        ("panics", json!({ "panic": true }), "HANDLER_PANIC"),
        ("late", json!({ "sleep_ms": 600_000 }), "TIMEOUT"),
        ("too-large", json!({ "blob_bytes": 2_000_000 }), "RUNTIME_OUTPUT_TOO_LARGE"),
    ] {
        assert_eq!(probe.invoke(id, &input).failure().1, code);
        let entry = spool.entries().into_iter().find(|entry| entry.id() == id);
        assert_eq!(entry.map(|entry| entry.body()["error"]["code"].clone()), Some(json!(code)), "{id}");
    }
}

#[test]
fn a_process_that_is_killed_behind_its_answer_loses_nothing() {
    for kind in SUBJECTS {
        let (plane, spool) = (FlakyPlane::away(), Spool::new());
        let mut first = Subject::start(kind, &plane, &spool, &[]);
        for id in ["e-1", "e-2", "e-3"] {
            first.call(id);
        }
        kill(&mut first);
        plane.open();
        let mut second = Subject::start(kind, &plane, &spool, &[]);
        for id in ["e-1", "e-2", "e-3"] {
            assert_eq!(plane.accepted(id).json(), second.expected(id), "{kind} {id}");
        }
        spool.wait_until_empty();
        second.stop();
        assert_eq!(plane.deliveries().len(), 3, "{kind}");
    }
}

#[test]
fn a_kernel_that_is_killed_behind_its_answer_loses_nothing() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let Some(mut first) = Subject::kernel(&plane, &spool) else { return };
    first.call("e-1");
    assert_eq!(spool.ids(), ["e-1"]);
    kill(&mut first);
    plane.open();
    let Some(second) = Subject::kernel(&plane, &spool) else { return };
    assert_eq!(plane.accepted("e-1").json(), second.expected("e-1"));
    spool.wait_until_empty();
}

#[test]
fn an_entry_goes_when_it_is_accepted_and_not_before() {
    for kind in SUBJECTS {
        let (plane, spool) = (FlakyPlane::start(), Spool::new());
        plane.set(Mood::Hold);
        let subject = Subject::start(kind, &plane, &spool, &[]);
        subject.call("e-1");
        let _ = plane.arrived("e-1", 1);
        assert_eq!(spool.ids(), ["e-1"], "{kind}");
        plane.set(Mood::Well);
        spool.wait_until_empty();
        assert_eq!(plane.deliveries().len(), 1, "{kind}");
    }
}

/// The control plane has it already, but nobody has been told: it comes once more, and is the same.
#[test]
fn one_that_is_killed_while_the_answer_is_awaited_repeats_exactly() {
    for kind in ["probe", "STDIO", "WORKER"] {
        let (plane, spool) = (FlakyPlane::start(), Spool::new());
        plane.set(Mood::Hold);
        let mut first = Subject::start(kind, &plane, &spool, &[]);
        let headers = [("X-Execution-Id", "e-1"), ("X-Trace-Id", "t-1"), ("X-Dispatch-Attempt", "3")];
        assert_eq!(first.post(&headers, r#"{"input":{"n":"e-1"}}"#).status, 200, "{kind}");
        let _ = plane.arrived("e-1", 1);
        kill(&mut first);
        plane.set(Mood::Well);
        let mut second = Subject::start(kind, &plane, &spool, &[]);
        let all = plane.arrived("e-1", 2);
        spool.wait_until_empty();
        second.stop();
        assert!(all[1].repeats(&all[0]), "{kind} {all:?}");
        assert_eq!(plane.deliveries().len(), 2, "{kind}");
    }
}

#[test]
fn one_that_is_killed_while_the_function_runs_has_told_nobody_anything() {
    let (plane, spool, gate) = (FlakyPlane::start(), Spool::new(), Gate::new());
    let mut first = started("specimen", &plane, &spool, &[("FUNCTION_HANDLER", "gate")]);
    let mut caller = first.connect();
    caller.begin(&[("X-Execution-Id", "e-1")], &gate.body());
    gate.wait_until_entered();
    kill(&mut first);
    assert!(caller.answer().is_none());
    assert!(spool.entries().is_empty());
    let left = spool.parts();
    let mut second = started("specimen", &plane, &spool, &[("FUNCTION_HANDLER", "gate")]);
    eventually("the room of the one that is gone", || left.iter().all(|part| !part.exists()).then_some(()));
    second.stop();
    assert!(plane.deliveries().is_empty(), "{:?}", plane.deliveries());
    assert!(spool.dead().is_empty(), "{:?}", spool.dead());
}

#[test]
fn a_part_is_never_delivered_whatever_it_holds() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let whole = spool.leave("whole", &plane.callback_url(), 1000);
    let part = spool.left_lane().join("0123456789abcdef.part");
    std::fs::rename(whole, &part).expect("a writable spool");
    spool.leave("other", &plane.callback_url(), 1000);
    let mut probe = probe(&plane, &spool, &[]);
    assert!(plane.accepted("other").is_accepted());
    eventually("no part", || (!part.exists()).then_some(()));
    probe.stop();
    assert_eq!(plane.ids(), ["other"]);
}

#[test]
fn the_largest_output_is_kept_whole() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let mut first = probe(&plane, &spool, &[]);
    let bytes = 1_048_576 - r#"{"blob":""}"#.len();
    assert_eq!(first.invoke("e-1", &json!({ "blob_bytes": bytes })).status, 200);
    kill(&mut first);
    plane.open();
    let _second = probe(&plane, &spool, &[]);
    assert_eq!(plane.accepted("e-1").json()["output"]["blob"].as_str().map(str::len), Some(bytes));
}

#[test]
fn an_entry_made_by_a_function_is_delivered_by_any_other_runtime() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let mut function = Subject::start("probe", &plane, &spool, &[]);
    function.call("of-the-function");
    kill(&mut function);
    let mut watchdog = Subject::start("STDIO", &plane, &spool, &[]);
    watchdog.call("of-the-watchdog");
    kill(&mut watchdog);
    assert_eq!(spool.entries().len(), 2);
    plane.open();
    let _hello = Subject::start("hello", &plane, &spool, &[]);
    for id in ["of-the-function", "of-the-watchdog"] {
        assert_eq!(plane.accepted(id).json(), function.expected(id));
    }
}

/// Killed again and again before anything can be delivered: nothing gets lost on the way.
#[test]
fn entries_outlive_many_keepers() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let ids = ["e-0", "e-1", "e-2", "e-3", "e-4"];
    for id in ids {
        let mut probe = probe(&plane, &spool, &[]);
        invoke_all(&probe, &[id]);
        kill(&mut probe);
    }
    assert_eq!(spool.entries().len(), ids.len());
    plane.open();
    let mut last = probe(&plane, &spool, &[]);
    spool.wait_until_empty();
    last.stop();
    let mut delivered = plane.ids();
    delivered.sort();
    assert_eq!(delivered, ids);
}

#[test]
fn without_a_callback_nothing_is_written() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let path = spool.path();
    let mut probe = Function::start("probe", &[("NANOFAAS_CALLBACK_SPOOL_DIR", &path)]);
    assert_eq!(probe.invoke("e-1", &json!(1)).status, 200);
    assert!(spool.entries().is_empty());
    probe.stop();
    assert!(plane.deliveries().is_empty());
}

#[test]
fn refused_requests_leave_nothing() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let probe = probe(&plane, &spool, &[]);
    let refusals: [(&[(&str, &str)], &str); 3] = [
        (&[("X-Execution-Id", "e-1")], "not json"),
        (&[], r#"{"input":1}"#),
        (&[("X-Execution-Id", "e-1"), ("X-Callback-Url", "http://169.254.169.254/x")], r#"{"input":1}"#),
    ];
    for (headers, body) in refusals {
        assert_eq!(probe.post(headers, body).refusal().0, 400);
    }
    assert_eq!(spool.ids(), Vec::<String>::new());
    eventually("no reserved room", || spool.parts().is_empty().then_some(()));
}

#[test]
fn a_repeated_execution_has_an_entry_of_its_own() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let probe = probe(&plane, &spool, &[]);
    for n in [1, 2] {
        assert_eq!(probe.invoke("e-1", &json!(n)).status, 200);
    }
    let outputs: Vec<Value> = spool.entries().iter().map(|entry| entry.body()["output"]["echo"].clone()).collect();
    assert_eq!(outputs, [json!(1), json!(2)]);
    plane.open();
    let _ = plane.arrived("e-1", 2);
    spool.wait_until_empty();
}
