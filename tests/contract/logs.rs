//! One line for each invocation, and nothing of what it was about.

use harness::{ControlPlane, Function, Gate};
use nanofaas::testing::Fault;
use serde_json::{Value, json};

const SECRET: &str = "c0ffee-payload";

/// The only line that tells the end of this execution.
fn line(function: &Function, id: &str) -> Value {
    let of = |line: &Value| line["message"] == "invocation" && line["execution_id"] == id;
    let line = function.wait_for_log("an invocation's line", of);
    assert_eq!(function.log_lines(of).len(), 1, "{id}");
    line
}

#[test]
fn an_invocation_has_one_line_with_its_ids_status_code_and_duration() {
    let probe = Function::start("probe", &[]);
    let headers = [("X-Execution-Id", "e-1"), ("X-Trace-Id", "t-1"), ("X-Dispatch-Attempt", "2")];
    assert_eq!(probe.post(&headers, r#"{"input":1}"#).status, 200);
    let line = line(&probe, "e-1");
    assert_eq!((&line["trace_id"], &line["attempt"]), (&json!("t-1"), &json!("2")));
    assert_eq!((&line["status"], &line["code"]), (&json!(200), &json!("OK")));
    assert!(line["duration_ms"].as_f64().is_some_and(|ms| ms >= 0.0), "{line}");
    assert!(line["timestamp"].is_string() && line["level"] == "INFO", "{line}");
}

#[test]
fn failures_have_their_status_and_code() {
    let probe = Function::start("probe", &[("TIMEOUT_MS", "3000")]);
    for (id, input, status, code) in [
        ("e-1", json!({ "fail": "no ink" }), 500, "HANDLER_ERROR"),
        ("e-2", json!({ "fail": "gone", "code": "GONE", "status": 410 }), 410, "GONE"),
        ("e-3", json!({ "panic": true }), 500, "HANDLER_PANIC"),
        ("e-4", json!({ "sleep_ms": 600_000 }), 504, "TIMEOUT"),
        ("e-5", json!({ "blob_bytes": 2_000_000 }), 500, "RUNTIME_OUTPUT_TOO_LARGE"),
    ] {
        assert_eq!(probe.invoke(id, &input).status, status);
        let line = line(&probe, id);
        assert_eq!((&line["status"], &line["code"]), (&json!(status), &json!(code)), "{line}");
    }
}

#[test]
fn a_refusal_has_one_line_with_its_code() {
    let hello = Function::start("hello", &[]);
    assert_eq!(hello.post(&[("X-Execution-Id", "e-1"), ("X-Trace-Id", "t-1")], "[]").status, 400);
    let line = hello.wait_for_log("the refusal", |line| line["execution_id"] == "e-1");
    assert_eq!(
        (&line["code"], &line["status"], &line["trace_id"]),
        (&json!("INVALID_REQUEST"), &json!(400), &json!("t-1"))
    );
    assert_eq!(hello.log_lines(|line| line["execution_id"] == "e-1").len(), 1);
}

#[test]
fn every_line_is_json() {
    let probe = Function::start("probe", &[]);
    for (id, input) in
        [("e-1", json!(1)), ("e-2", json!({ "fail": "two\nlines" })), ("e-3", json!({ "panic": "two\nlines" }))]
    {
        let _ = probe.invoke(id, &input);
        let _ = line(&probe, id);
    }
    for line in probe.log() {
        assert!(serde_json::from_str::<Value>(&line).is_ok_and(|line| line.is_object()), "{line}");
    }
}

#[test]
fn nothing_of_the_payload_is_logged() {
    let plane = ControlPlane::start();
    plane.fail_next([Fault::Status(503)]);
    let mut probe = Function::start(
        "probe",
        &[("RUST_LOG", "trace"), ("CALLBACK_URL", &plane.callback_url()), ("NANOFAAS_MAX_OUTPUT_BYTES", "300")],
    );
    let body = json!({ "input": { "word": SECRET }, "metadata": { "m": SECRET }, "headers": { "h": SECRET } });
    assert_eq!(probe.post(&[("X-Execution-Id", "e-1")], body.to_string()).status, 200);
    let large = json!({ "input": { "word": SECRET.repeat(50) } });
    assert_eq!(probe.post(&[("X-Execution-Id", "e-2")], large.to_string()).status, 500);
    for body in [
        format!(r#"{{"input":{{"{SECRET}":1,"{SECRET}":2}}}}"#),
        format!(r#"{{"input":"{SECRET}"#),
        format!(r#"{{"metadata":"{SECRET}"}}"#),
        format!("{SECRET}{{}}"),
    ] {
        assert_eq!(probe.post(&[("X-Execution-Id", "e-3")], body).status, 400);
    }
    assert!(plane.accepted("e-1").success());
    probe.stop();
    let leaks: Vec<_> = probe.log().into_iter().filter(|line| line.contains(SECRET)).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[test]
fn nothing_of_an_input_that_does_not_fit_is_logged() {
    let mut orders = Function::start("orders", &[("RUST_LOG", "trace")]);
    for input in [
        json!({ "item": "pen", "quantity": SECRET }),
        json!({ "item": { SECRET: 1 }, "quantity": 1 }),
        json!(SECRET),
        json!([SECRET]),
    ] {
        assert_eq!(orders.invoke("e-1", &input).failure().1, "INVALID_INPUT", "{input}");
    }
    orders.stop();
    let leaks: Vec<_> = orders.log().into_iter().filter(|line| line.contains(SECRET)).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[test]
fn what_the_function_logs_carries_its_ids() {
    let orders = Function::start("orders", &[]);
    let body = r#"{"input":{"item":"pen","quantity":3}}"#;
    assert_eq!(orders.post(&[("X-Execution-Id", "e-1"), ("X-Trace-Id", "t-1")], body).status, 200);
    let line = orders.wait_for_log("the function's line", |line| line["message"] == "priced");
    assert_eq!((&line["span"]["execution_id"], &line["span"]["trace_id"]), (&json!("e-1"), &json!("t-1")));
}

#[test]
fn a_callback_that_is_lost_is_logged_with_its_execution_id() {
    let plane = ControlPlane::start();
    plane.fail_always(Fault::Status(404));
    let probe = Function::start("probe", &[("CALLBACK_URL", &plane.callback_url())]);
    assert_eq!(probe.invoke("e-1", &json!(1)).status, 200);
    let lost = probe.wait_for_log("a lost callback", |line| line["level"] == "ERROR" && line["execution_id"] == "e-1");
    assert!(lost.to_string().contains("404"), "{lost}");
}

#[test]
fn the_level_of_the_log_can_be_chosen() {
    let port = harness::free_port();
    let mut quiet = Function::spawn("hello", &[("RUST_LOG", "error"), ("PORT", &port.to_string())]);
    quiet.wait_until_listening(port);
    harness::eventually("a ready function", || (quiet.get("/ready").status == 200).then_some(()));
    assert_eq!(quiet.invoke("e-1", &json!("x")).status, 200);
    assert_eq!(quiet.invoke("e-2", &json!(7)).status, 400);
    quiet.stop();
    assert!(quiet.log().is_empty(), "{:#?}", quiet.log());
}

#[test]
fn a_level_that_is_not_understood_does_not_stop_the_function() {
    let odd = Function::start("hello", &[("RUST_LOG", "=,=loud")]);
    assert_eq!(odd.invoke("e-1", &json!("x")).status, 200);
}

#[test]
fn an_invocation_without_a_client_has_its_line_too() {
    let function = Function::start("specimen", &[("FUNCTION_HANDLER", "gate")]);
    let gate = Gate::new();
    let mut client = function.connect();
    client.begin(&[("X-Execution-Id", "e-1")], &gate.body());
    gate.wait_until_entered();
    drop(client);
    let _ = line(&function, "e-1");
}
