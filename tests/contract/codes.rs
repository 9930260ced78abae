//! Every code of the table with its status, the shape of its answer and whether it is called back.

use harness::{ControlPlane, Function};
use serde_json::json;

const ID: (&str, &str) = ("X-Execution-Id", "e-1");

#[test]
fn refusals_before_the_function_have_their_codes_and_no_callback() {
    let plane = ControlPlane::start();
    let mut hello = Function::start(
        "hello",
        &[
            ("CALLBACK_URL", &plane.callback_url()),
            ("NANOFAAS_MAX_INPUT_BYTES", "100"),
            ("NANOFAAS_BODY_READ_TIMEOUT", "300"),
        ],
    );
    let large = "x".repeat(200);
    for (headers, body, status, code) in [
        (&[][..], r#"{"input":"x"}"#, 400, "EXECUTION_ID_REQUIRED"),
        (&[ID], "{", 400, "INVALID_REQUEST"),
        (&[ID, ("X-Callback-Url", "nonsense")], r#"{"input":"x"}"#, 400, "INVALID_CALLBACK_URL"),
        (&[ID], large.as_str(), 413, "RUNTIME_INPUT_TOO_LARGE"),
    ] {
        assert_eq!(hello.post(headers, body).refusal(), (status, code.to_owned()));
    }
    let mut slow = hello.connect();
    slow.send(b"POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: e-1\r\ncontent-length: 9\r\n\r\n");
    assert_eq!(slow.answer().expect("an answer").refusal(), (408, "RUNTIME_BODY_READ_TIMEOUT".to_owned()));
    hello.stop();
    assert!(plane.completions().is_empty(), "{:#?}", plane.completions());
}

#[test]
fn failures_after_admission_have_their_codes_and_one_callback_each() {
    let plane = ControlPlane::start();
    let mut probe = Function::start(
        "probe",
        &[("CALLBACK_URL", &plane.callback_url()), ("NANOFAAS_MAX_OUTPUT_BYTES", "200"), ("TIMEOUT_MS", "700")],
    );
    let cases = [
        ("fails", json!({ "fail": "no ink" }), 500, "HANDLER_ERROR"),
        ("chooses", json!({ "fail": "gone", "code": "GONE", "status": 410 }), 410, "GONE"),
        ("panics", json!({ "panic": "no ink" }), 500, "HANDLER_PANIC"),
        ("is-large", json!({ "blob_bytes": 500 }), 500, "RUNTIME_OUTPUT_TOO_LARGE"),
        ("is-late", json!({ "sleep_ms": 600_000 }), 504, "TIMEOUT"),
    ];
    for (id, input, status, code) in &cases {
        let answer = probe.invoke(id, input);
        assert_eq!(answer.refusal(), (*status, (*code).to_owned()), "{id}");
        let message = answer.json()["error"].take();
        let expected = json!({ "success": false, "output": null, "error": { "code": code, "message": message } });
        assert_eq!(plane.accepted(id).body(), &expected, "{id}");
    }
    probe.stop();
    for (id, ..) in &cases {
        assert_eq!(plane.attempts(id).len(), 1, "{id}");
    }
}

#[test]
fn an_output_that_json_cannot_hold_is_a_serialization_error() {
    let plane = ControlPlane::start();
    let specimen =
        Function::start("specimen", &[("FUNCTION_HANDLER", "unwritable"), ("CALLBACK_URL", &plane.callback_url())]);
    let answer = specimen.invoke("e-1", &json!(null));
    assert_eq!(answer.refusal(), (500, "OUTPUT_SERIALIZATION_ERROR".to_owned()));
    assert_eq!(plane.accepted("e-1").error().expect("an error").code, "OUTPUT_SERIALIZATION_ERROR");
}

/// The control plane started this execution: without a callback it would wait for ever for the
/// end of a one that it only sent by callback.
#[test]
fn an_input_that_does_not_fit_is_called_back() {
    let plane = ControlPlane::start();
    let hello = Function::start("hello", &[("CALLBACK_URL", &plane.callback_url())]);
    assert_eq!(hello.invoke("e-1", &json!(7)).refusal(), (400, "INVALID_INPUT".to_owned()));
    let callback = plane.accepted("e-1");
    assert!(!callback.success());
    assert_eq!(callback.error().expect("an error").code, "INVALID_INPUT");
}

#[test]
fn an_authors_own_429_is_no_refusal_of_the_runtime() {
    let plane = ControlPlane::start();
    let probe = Function::start("probe", &[("CALLBACK_URL", &plane.callback_url())]);
    let answer = probe.invoke("e-1", &json!({ "fail": "slow down", "code": "QUOTA", "status": 429 }));
    assert_eq!(answer.failure(), (429, "QUOTA".to_owned()));
    assert_eq!(plane.accepted("e-1").error().expect("an error").code, "QUOTA");
    assert!(probe.metric("refusals_total", &[]) < 0.5);
}
