//! The request form that carries everything in its body.

use harness::{Answer, ControlPlane, Gate, Watchdog};
use serde_json::{Value, json};

fn send(watchdog: &Watchdog, headers: &[(&str, &str)], envelope: &Value) -> Answer {
    watchdog.post(headers, envelope.to_string())
}

/// The status and the code of an envelope that says why it failed.
fn failure(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert_eq!((&body["success"], &body["output"]), (&json!(false), &json!(null)), "{body}");
    assert!(body["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    (answer.status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn everything_of_a_call_can_be_in_the_envelope() {
    let plane = ControlPlane::start();
    let watchdog = Watchdog::with_child("STDIO", &[]);
    let answer = send(
        &watchdog,
        &[],
        &json!({
            "execution_id": "e-1",
            "callback_url": plane.callback_url(),
            "trace_id": "t-1",
            "payload": { "report": true },
            "timeout_ms": 20_000,
        }),
    );
    let environment = answer.json()["output"]["environment"].clone();
    assert_eq!((&environment["EXECUTION_ID"], &environment["TRACE_ID"]), (&json!("e-1"), &json!("t-1")));
    let callback = plane.accepted("e-1");
    assert_eq!((callback.body(), callback.trace_id()), (&answer.json(), Some("t-1")));
}

#[test]
fn what_it_leaves_out_comes_from_headers() {
    let plane = ControlPlane::start();
    let watchdog = Watchdog::with_child("STDIO", &[("EXECUTION_ID", "env-e"), ("TRACE_ID", "env-t")]);
    let url = plane.callback_url();
    let headers = [
        ("X-Execution-Id", "e-1"),
        ("X-Trace-Id", "t-1"),
        ("X-Callback-Url", url.as_str()),
        ("X-Dispatch-Attempt", "3"),
    ];
    let envelope =
        json!({ "payload": 1, "execution_id": null, "trace_id": null, "callback_url": null, "timeout_ms": null });
    assert_eq!(send(&watchdog, &headers, &envelope).status, 200);
    let callback = plane.accepted("e-1");
    assert_eq!((callback.trace_id(), callback.dispatch_attempt()), (Some("t-1"), Some("3")));
}

#[test]
fn what_headers_leave_out_comes_from_the_environment() {
    let plane = ControlPlane::start();
    let extra = [("EXECUTION_ID", "env-e"), ("TRACE_ID", "env-t"), ("CALLBACK_URL", &plane.callback_url())];
    let watchdog = Watchdog::with_child("STDIO", &extra);
    assert_eq!(send(&watchdog, &[], &json!({ "payload": 1 })).status, 200);
    assert_eq!(plane.accepted("env-e").trace_id(), Some("env-t"));
}

#[test]
fn it_counts_for_more_than_headers() {
    let plane = ControlPlane::start();
    let watchdog = Watchdog::with_child("STDIO", &[("CALLBACK_URL", &plane.callback_url())]);
    let headers = [("X-Execution-Id", "header-e"), ("X-Trace-Id", "header-t")];
    let envelope = json!({ "execution_id": "e-1", "trace_id": "t-1", "payload": 1 });
    assert_eq!(send(&watchdog, &headers, &envelope).status, 200);
    assert_eq!(plane.accepted("e-1").trace_id(), Some("t-1"));
    assert!(plane.attempts("header-e").is_empty());
}

#[test]
fn its_answer_is_the_callbacks_body_however_the_call_ends() {
    let never = Gate::new();
    for mode in ["HTTP", "STDIO", "FILE"] {
        let plane = ControlPlane::start();
        let watchdog = Watchdog::with_child(mode, &[("CALLBACK_URL", &plane.callback_url())]);
        for (number, payload) in [
            json!({ "n": 1 }),
            json!({ "print": "null" }),
            json!({ "print": "no JSON" }),
            json!({ "blob_bytes": 2_000_000 }),
            json!({ "gate": never.path() }),
        ]
        .iter()
        .enumerate()
        {
            let id = format!("e-{number}");
            let answer = send(&watchdog, &[], &json!({ "execution_id": id, "payload": payload, "timeout_ms": 1_000 }));
            assert_eq!(&answer.json(), plane.accepted(&id).body(), "{mode} {payload}");
        }
    }
}

#[test]
fn a_failure_has_its_status_and_code() {
    let watchdog = Watchdog::with_child("STDIO", &[]);
    let answer = send(&watchdog, &[], &json!({ "execution_id": "e-1", "payload": { "exit": 3 } }));
    assert_eq!(failure(&answer), (500, "FUNCTION_ERROR".to_owned()));
}

#[test]
fn its_time_out_replaces_that_of_the_environment() {
    let never = Gate::new();
    for mode in ["HTTP", "STDIO", "FILE"] {
        let watchdog = Watchdog::with_child(mode, &[("TIMEOUT_MS", "600000")]);
        let envelope = json!({ "execution_id": "e-1", "payload": { "gate": never.path() }, "timeout_ms": 300 });
        let answer = send(&watchdog, &[], &envelope);
        assert_eq!(failure(&answer), (504, "TIMEOUT".to_owned()), "{mode}");
        assert_eq!(answer.json()["error"]["message"], "Function exceeded timeout of 300ms", "{mode}");
    }
}

#[test]
fn a_value_that_cannot_be_meant_is_refused() {
    let watchdog = Watchdog::with_child("STDIO", &[]);
    for (key, value) in [
        ("timeout_ms", json!(0)),
        ("timeout_ms", json!(-1)),
        ("timeout_ms", json!(1.5)),
        ("timeout_ms", json!("300")),
        ("timeout_ms", json!(366_u64 * 24 * 3600 * 1000 + 1)),
        ("timeout_ms", json!(u64::MAX)),
        ("execution_id", json!(7)),
        ("trace_id", json!([])),
        ("callback_url", json!({})),
    ] {
        let mut envelope = json!({ "execution_id": "e-1", "payload": 1 });
        envelope[key] = value;
        let answer = send(&watchdog, &[], &envelope);
        assert!(answer.text().contains("INVALID_REQUEST"), "{envelope} {answer:?}");
        assert_eq!(failure(&answer), (400, "INVALID_REQUEST".to_owned()), "{envelope}");
    }
}

#[test]
fn refusals_are_envelopes_too() {
    let plane = ControlPlane::start();
    let watchdog = Watchdog::with_child("STDIO", &[]);
    let answer = send(&watchdog, &[], &json!({ "payload": 1, "callback_url": plane.callback_url() }));
    assert_eq!(failure(&answer), (400, "EXECUTION_ID_REQUIRED".to_owned()));
    let answer = send(&watchdog, &[], &json!({ "execution_id": "e-1", "payload": 1, "callback_url": "ftp://cp/x" }));
    assert_eq!(failure(&answer), (400, "INVALID_CALLBACK_URL".to_owned()));
    let gate = Gate::new();
    let mut running = watchdog.hold("e-1", &gate);
    let answer = send(&watchdog, &[], &json!({ "execution_id": "e-1", "payload": 1 }));
    assert_eq!(failure(&answer), (429, "EXECUTION_ACTIVE".to_owned()));
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    gate.open("");
    assert_eq!(running.answer().expect("an answer").status, 200);
    assert!(plane.completions().is_empty());
}

#[test]
fn a_body_with_an_input_is_of_the_other_form() {
    let watchdog = Watchdog::with_child("STDIO", &[]);
    let body = json!({ "execution_id": "inner", "payload": 7, "input": 1 });
    let answer = send(&watchdog, &[("X-Execution-Id", "e-1")], &body);
    assert_eq!((answer.status, answer.json()), (200, json!({ "echo": 1 })));
    assert_eq!(send(&watchdog, &[], &body).failure(), (400, "EXECUTION_ID_REQUIRED".to_owned()));
}

#[test]
fn a_payload_that_is_left_out_is_null() {
    let watchdog = Watchdog::with_child("STDIO", &[]);
    for envelope in [json!({ "execution_id": "e-1" }), json!({ "execution_id": "e-1", "payload": null })] {
        let answer = send(&watchdog, &[], &envelope);
        assert_eq!((answer.status, &answer.json()["output"]), (200, &json!({ "echo": null })), "{envelope}");
    }
}
