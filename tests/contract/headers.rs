//! Who the invocation is: headers first, then the environment; trimmed, and blank is absent.

use harness::{ControlPlane, Function};
use serde_json::{Value, json};

fn context(probe: &Function, headers: &[(&str, &str)]) -> Value {
    let answer = probe.post(headers, r#"{"input":{"context":true}}"#);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["context"].take()
}

#[test]
fn without_an_execution_id_the_request_is_refused() {
    let hello = Function::start("hello", &[]);
    let answer = hello.post(&[], r#"{"input":"x"}"#);
    assert_eq!(answer.refusal(), (400, "EXECUTION_ID_REQUIRED".to_owned()));
    assert_eq!(answer.json()["error"], "No execution ID provided");
}

#[test]
fn a_blank_execution_id_is_none() {
    let hello = Function::start("hello", &[("EXECUTION_ID", "  ")]);
    for blank in ["", " ", "\t "] {
        let answer = hello.post(&[("X-Execution-Id", blank)], r#"{"input":"x"}"#);
        assert_eq!(answer.refusal(), (400, "EXECUTION_ID_REQUIRED".to_owned()));
    }
}

#[test]
fn the_environment_stands_in_for_headers_that_are_absent_or_blank() {
    let probe = Function::start("probe", &[("EXECUTION_ID", " env-e "), ("TRACE_ID", "\tenv-t ")]);
    for headers in [&[][..], &[("X-Execution-Id", "  "), ("X-Trace-Id", "")]] {
        let context = context(&probe, headers);
        assert_eq!((&context["execution_id"], &context["trace_id"]), (&json!("env-e"), &json!("env-t")));
    }
}

#[test]
fn headers_go_before_the_environment() {
    let probe = Function::start("probe", &[("EXECUTION_ID", "env-e"), ("TRACE_ID", "env-t")]);
    let context = context(&probe, &[("X-Execution-Id", "e-1"), ("X-Trace-Id", "t-1")]);
    assert_eq!((&context["execution_id"], &context["trace_id"]), (&json!("e-1"), &json!("t-1")));
}

#[test]
fn headers_are_trimmed() {
    let probe = Function::start("probe", &[]);
    let headers = [("X-Execution-Id", "\t e-1  "), ("X-Trace-Id", "  t-1\t"), ("X-Dispatch-Attempt", " 2 ")];
    let context = context(&probe, &headers);
    assert_eq!(context["execution_id"], "e-1");
    assert_eq!(context["trace_id"], "t-1");
    assert_eq!(context["dispatch_attempt"], "2");
}

#[test]
fn the_spelling_of_a_headers_name_does_not_matter() {
    let probe = Function::start("probe", &[]);
    for name in ["x-execution-id", "X-EXECUTION-ID", "x-Execution-iD"] {
        assert_eq!(context(&probe, &[(name, "e-1")])["execution_id"], "e-1");
    }
}

#[test]
fn what_is_not_sent_the_function_sees_as_null() {
    let probe = Function::start("probe", &[]);
    let context = context(&probe, &[("X-Execution-Id", "e-1"), ("X-Dispatch-Attempt", " "), ("X-Trace-Id", "")]);
    assert_eq!((&context["trace_id"], &context["dispatch_attempt"]), (&json!(null), &json!(null)));
}

#[test]
fn a_callback_url_in_the_header_goes_before_the_environment() {
    let (sent, configured) = (ControlPlane::start(), ControlPlane::start());
    let mut hello = Function::start("hello", &[("CALLBACK_URL", &configured.callback_url())]);
    let url = format!("  {} ", sent.callback_url());
    let answer = hello.post(&[("X-Execution-Id", "e-1"), ("X-Callback-Url", &url)], r#"{"input":"x"}"#);
    assert_eq!(answer.status, 200);
    assert!(sent.accepted("e-1").success());
    hello.stop();
    assert!(configured.completions().is_empty());
}

#[test]
fn a_blank_callback_url_is_none() {
    let plane = ControlPlane::start();
    let hello = Function::start("hello", &[("CALLBACK_URL", &plane.callback_url())]);
    let answer = hello.post(&[("X-Execution-Id", "e-1"), ("X-Callback-Url", "  ")], r#"{"input":"x"}"#);
    assert_eq!(answer.status, 200);
    assert!(plane.accepted("e-1").success());
}

#[test]
fn an_execution_id_may_have_any_printable_characters() {
    let probe = Function::start("probe", &[]);
    for id in ["../../functions/evil", "a b", "ünï", "a?b#c%d", "{\"a\":1}", &"long".repeat(500)] {
        assert_eq!(context(&probe, &[("X-Execution-Id", id)])["execution_id"], id);
    }
}

#[test]
fn a_header_that_is_not_utf8_is_refused() {
    let hello = Function::start("hello", &[]);
    let mut connection = hello.connect();
    connection.send(b"POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: \xff\xfe\r\ncontent-length: 2\r\n\r\n{}");
    assert_eq!(connection.answer().expect("an answer").refusal(), (400, "INVALID_REQUEST".to_owned()));
}

#[test]
fn the_callback_carries_the_callers_trace_parent() {
    let plane = ControlPlane::start();
    let hello = Function::start("hello", &[("CALLBACK_URL", &plane.callback_url())]);
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let answer = hello.post(&[("X-Execution-Id", "e-1"), ("traceparent", parent)], r#"{"input":"x"}"#);
    assert_eq!(answer.status, 200);
    assert_eq!(plane.accepted("e-1").header("traceparent"), Some(parent));
}

#[test]
fn the_content_type_of_a_request_does_not_matter() {
    let hello = Function::start("hello", &[]);
    for kind in ["text/plain", "application/json; charset=utf-8", "application/x-www-form-urlencoded", ""] {
        let answer = hello.post(&[("X-Execution-Id", "e-1"), ("Content-Type", kind)], r#"{"input":"x"}"#);
        assert_eq!(answer.status, 200, "{kind}");
    }
}
