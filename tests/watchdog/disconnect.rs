//! Callers that hang up, and the place that every call gives back however it ends.

use harness::{ControlPlane, Gate, Process, Watchdog, child, eventually, sh};
use serde_json::{Value, json};

const MODES: [&str; 3] = ["HTTP", "STDIO", "FILE"];
const PER_CALL: [&str; 2] = ["STDIO", "FILE"];
/// One place and no queue: a place that is not given back is seen at once.
const TIGHT: [(&str, &str); 3] = [("WATCHDOG_QUEUE", "0"), ("TIMEOUT_MS", "500"), ("WATCHDOG_KILL_GRACE_MS", "200")];

#[test]
fn without_a_callback_a_child_per_call_ends_with_its_client() {
    for mode in PER_CALL {
        let watchdog = Watchdog::with_child(mode, &[("TIMEOUT_MS", "600000")]);
        let gate = Gate::new();
        let caller = watchdog.hold("e-1", &gate);
        drop(caller);
        Process(gate.entered_by()).wait_until_gone();
        assert_eq!(watchdog.line("e-1")["code"], "INVOCATION_CANCELLED", "{mode}");
        assert_eq!(watchdog.invoke("e-2", &json!(1)).status, 200, "{mode}");
    }
}

#[test]
fn all_that_a_child_started_ends_with_its_client() {
    for mode in PER_CALL {
        let watchdog = Watchdog::with_child(mode, &[("TIMEOUT_MS", "600000"), ("WATCHDOG_KILL_GRACE_MS", "200")]);
        let gate = Gate::new();
        let mut caller = watchdog.connect();
        let input = json!({ "sh": "sleep 600 & (trap '' TERM; sleep 600) &", "gate": gate.path() });
        caller.begin(&[("X-Execution-Id", "e-1")], &json!({ "input": input }).to_string());
        let _ = gate.entered_by();
        drop(caller);
        watchdog.wait_until_alone();
    }
}

#[test]
fn with_a_callback_the_child_runs_on() {
    for mode in MODES {
        let plane = ControlPlane::start();
        let mut watchdog = Watchdog::with_child(mode, &[("CALLBACK_URL", &plane.callback_url())]);
        let gate = Gate::new();
        let caller = watchdog.hold("e-1", &gate);
        drop(caller);
        // Two more requests: the first connection's end has been seen by now.
        assert_eq!((watchdog.get("/health").status, watchdog.get("/ready").status), (200, 200), "{mode}");
        gate.open("");
        assert!(plane.accepted("e-1").success(), "{mode}");
        watchdog.stop();
        assert_eq!(plane.attempts("e-1").len(), 1, "{mode}");
    }
}

#[test]
fn an_http_child_lives_on_without_its_client() {
    let watchdog = Watchdog::with_child("HTTP", &[("TIMEOUT_MS", "600000")]);
    let child = watchdog.child("e-0");
    let gate = Gate::new();
    drop(watchdog.hold("e-1", &gate));
    assert_eq!(watchdog.line("e-1")["code"], "INVOCATION_CANCELLED");
    gate.open("");
    let next = eventually("the next call", || {
        let answer = watchdog.invoke("e-2", &json!({ "report": true }));
        (answer.status == 200).then(|| answer.json()["pid"].clone())
    });
    assert_eq!(next, json!(child.0));
}

/// Calls until there is a place: it may be given back a moment after the answer.
fn finds_a_place(watchdog: &Watchdog, after: &Value) {
    eventually(&format!("a place after {after}"), || {
        let answer = watchdog.invoke("next", &json!(1));
        // 504: it had a place, and the machine is slow.
        assert!([200, 429, 503, 504].contains(&answer.status), "{after} {answer:?}");
        (answer.status == 200).then_some(())
    });
    watchdog.wait_for_metric("active_handlers", &[], 0);
}

#[test]
fn a_place_is_given_back_however_the_call_ends() {
    let never = Gate::new();
    for mode in MODES {
        // An HTTP child that dies is replaced: as often as this test needs.
        let watchdog = Watchdog::with_child(mode, &[&TIGHT[..], &[("WATCHDOG_CRASH_LIMIT", "0")]].concat());
        for input in [
            json!(1),
            json!({ "exit": 3 }),
            json!({ "abort": true }),
            json!({ "gate": never.path() }),
            json!({ "stop": true }),
            json!({ "print": "no JSON" }),
            json!({ "blob_bytes": 2_000_000 }),
            json!({ "endless": true }),
            json!({ "raw": "" }),
            json!({ "answer": { "status": 500 } }),
            json!({ "stderr": "x".repeat(200_000) }),
        ] {
            let _ = watchdog.invoke("e-1", &input);
            finds_a_place(&watchdog, &input);
        }
    }
}

#[test]
fn a_place_is_given_back_after_clients_that_went() {
    for mode in MODES {
        let watchdog = Watchdog::with_child(mode, &[&TIGHT[..], &[("TIMEOUT_MS", "600000")]].concat());
        for round in 0..5 {
            let gate = Gate::new();
            drop(watchdog.hold(&format!("e-{round}"), &gate));
            gate.open("");
            finds_a_place(&watchdog, &json!("a client that went"));
            let mut half = watchdog.connect();
            half.send(b"POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: h\r\ncontent-length: 100\r\n\r\n{");
            drop(half);
            finds_a_place(&watchdog, &json!("half a request"));
        }
    }
}

#[test]
fn a_place_is_given_back_where_the_child_could_not_be_started() {
    let watchdog = Watchdog::start("STDIO", "/nowhere/to-be-found", &TIGHT);
    for number in 0..5 {
        let answer = watchdog.invoke(&format!("e-{number}"), &json!(1));
        assert_eq!(answer.failure(), (500, "SPAWN_ERROR".to_owned()));
    }
}

#[test]
fn a_place_is_free_when_the_answer_is_there() {
    for mode in MODES {
        let watchdog = Watchdog::with_child(mode, &[("WATCHDOG_QUEUE", "0")]);
        let mut connection = watchdog.connect();
        for input in [json!({ "input": 1 }), json!({ "input": { "print": "no JSON" } })] {
            for _ in 0..30 {
                let body = input.to_string();
                let answer = connection.request("POST", "/invoke", &[("X-Execution-Id", "e-1")], body.as_bytes());
                assert_ne!(answer.status, 429, "{mode} {answer:?}");
            }
        }
    }
}

#[test]
fn a_place_is_kept_until_the_process_is_gone() {
    for mode in PER_CALL {
        let never = Gate::new();
        let script = format!("trap '' TERM; exec {}", child(&mode.to_lowercase()));
        let extra = [("WATCHDOG_QUEUE", "0"), ("TIMEOUT_MS", "1000"), ("WATCHDOG_KILL_GRACE_MS", "600000")];
        let watchdog = Watchdog::start(mode, &sh(&script), &extra);
        assert_eq!(watchdog.invoke("e-1", &json!({ "gate": never.path() })).status, 504, "{mode}");
        // It has its signal and ignores it: a second one would be more than the machine was given for.
        for _ in 0..3 {
            let refused = (429, "RUNTIME_HANDLER_SATURATED".to_owned());
            assert_eq!(watchdog.invoke("e-2", &json!(1)).refusal(), refused, "{mode}");
        }
        assert!(Process(never.entered_by()).signal("KILL"), "{mode}");
        finds_a_place(&watchdog, &json!("the end of the process"));
    }
}

#[test]
fn calls_that_wait_behind_one_that_was_given_up_wait_until_the_child_answers() {
    let (healthy, never) = (Gate::new(), Gate::new());
    healthy.open("");
    let command = child(&format!("http --unready {}", healthy.path()));
    let extra = [("TIMEOUT_MS", "1000"), ("WATCHDOG_KILL_GRACE_MS", "600000"), ("WATCHDOG_HEALTH_INTERVAL_MS", "0")];
    let watchdog = Watchdog::start("HTTP", &command, &extra);
    let mut slow = watchdog.hold("e-1", &never);
    let mut waiting = watchdog.connect();
    waiting.begin(&[("X-Execution-Id", "e-2")], r#"{"input":1}"#);
    watchdog.wait_for_metric("queued_invocations", &[], 1);
    healthy.close();
    assert_eq!(slow.answer().expect("an answer").failure(), (504, "TIMEOUT".to_owned()));
    watchdog.wait_for_status("/ready", 503);
    watchdog.wait_for_metric("queued_invocations", &[], 1);
    healthy.open("");
    assert_eq!(waiting.answer().expect("an answer").status, 200);
}
