//! The line that a worker gets for a call.

use std::time::{SystemTime, UNIX_EPOCH};

use harness::{Watchdog, child};
use serde_json::{Value, json};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The line of a call as the worker read it.
fn line(watchdog: &Watchdog, headers: &[(&str, &str)], body: &str) -> String {
    let answer = watchdog.post(headers, body);
    assert_eq!(answer.status, 200, "{body} {}", answer.text());
    answer.json().as_str().expect("a line").to_owned()
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn keys(request: &Value) -> Vec<&str> {
    request.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn unix_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis()
}

#[test]
fn it_holds_the_body_and_the_ids_as_texts() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    let headers =
        [("X-Execution-Id", "e-1"), ("X-Trace-Id", "t-1"), ("X-Dispatch-Attempt", "2"), ("traceparent", TRACE)];
    let body = json!({ "input": { "line": true }, "metadata": { "größe": [1, null, 0.5] } });
    let request = parsed(&line(&watchdog, &headers, &body.to_string()));
    let expected =
        ["activation_id", "deadline", "dispatch_attempt", "execution_id", "trace_id", "traceparent", "value"];
    assert_eq!(keys(&request), expected);
    assert_eq!(request["value"], body);
    assert_eq!((&request["execution_id"], &request["activation_id"]), (&json!("e-1"), &json!("e-1")));
    assert_eq!((&request["trace_id"], &request["traceparent"]), (&json!("t-1"), &json!(TRACE)));
    assert_eq!(request["dispatch_attempt"], "2");
    assert!(request["deadline"].is_string(), "{request}");
}

#[test]
fn what_a_call_does_not_have_is_left_out() {
    let stale = ["TRACEPARENT", "DISPATCH_ATTEMPT"].map(|name| (name, "stale"));
    let watchdog = Watchdog::with_child("WORKER", &stale);
    for id in ["e-1", "e-2"] {
        let request = parsed(&line(&watchdog, &[("X-Execution-Id", id)], r#"{"input":{"line":true}}"#));
        assert_eq!(keys(&request), ["activation_id", "deadline", "execution_id", "value"]);
        assert_eq!(request["execution_id"], id);
        assert_eq!(request["value"], json!({ "input": { "line": true } }));
    }
}

#[test]
fn the_deadline_is_when_the_call_times_out() {
    let watchdog = Watchdog::with_child("WORKER", &[("TIMEOUT_MS", "123456")]);
    let before = unix_ms();
    let request = parsed(&line(&watchdog, &[("X-Execution-Id", "e-1")], r#"{"input":{"line":true}}"#));
    let after = unix_ms();
    let deadline: u128 = request["deadline"].as_str().and_then(|text| text.parse().ok()).expect("a number in a text");
    // One for rounding.
    assert!((before + 123_455..=after + 123_457).contains(&deadline), "{before} {deadline} {after}");
}

#[test]
fn it_is_one_line_however_the_body_is_written() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    for body in [
        "{\n  \"input\": {\n    \"line\": true\n  }\n}\n",
        "\r\n{\r\n\"input\":\r\n{ \"line\":true, \"a\":\"b\\nc\\r\\u2028\" }\r\n}\r\n",
        "{\t\"input\" :{\"line\" :true,\"text\":\"\u{2028}\u{85}é\\u0000\\\"\"}}",
    ] {
        let line = line(&watchdog, &[("X-Execution-Id", "e-1")], body);
        assert!(!line.contains(['\n', '\r']), "{line:?}");
        assert_eq!(parsed(&line)["value"], parsed(body), "{line}");
        let answer = watchdog.invoke("e-2", &json!(2));
        assert_eq!((answer.status, answer.json()), (200, json!({ "echo": 2 })), "what came behind is out of step");
    }
}

#[test]
fn ids_cannot_add_anything_to_the_line() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    let evil = r#"e","value":{"input":"forged"},"x":"\"#;
    let request = parsed(&line(&watchdog, &[("X-Execution-Id", evil)], r#"{"input":{"line":true}}"#));
    assert_eq!((&request["execution_id"], &request["activation_id"]), (&json!(evil), &json!(evil)));
    assert_eq!(request["value"], json!({ "input": { "line": true } }));
}

#[test]
fn of_an_envelope_the_payload_is_the_value() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    let payload = json!({ "line": true, "of": "the payload" });
    let body = json!({ "execution_id": "e-7", "trace_id": "t-7", "payload": payload, "timeout_ms": 60_000 });
    let answer = watchdog.post(&[], body.to_string());
    assert_eq!((answer.status, &answer.json()["success"]), (200, &json!(true)), "{}", answer.text());
    let request = parsed(answer.json()["output"].as_str().expect("a line"));
    assert_eq!(
        (&request["value"], &request["execution_id"], &request["trace_id"]),
        (&payload, &json!("e-7"), &json!("t-7"))
    );
}

#[test]
fn a_large_request_passes_whole() {
    let limit = "16777216";
    let extra = [("NANOFAAS_MAX_INPUT_BYTES", limit), ("NANOFAAS_MAX_OUTPUT_BYTES", limit)];
    let watchdog = Watchdog::with_child("WORKER", &extra);
    let text = "x".repeat(4 << 20);
    for id in ["e-1", "e-2"] {
        let answer = watchdog.invoke(id, &json!({ "text": text }));
        assert_eq!((answer.status, answer.json()["echo"]["text"].as_str()), (200, Some(text.as_str())));
    }
}

#[test]
fn the_environment_has_no_ids_and_no_callback() {
    let url = ("CALLBACK_URL", "http://127.0.0.1:1/executions");
    let stale = ["EXECUTION_ID", "TRACE_ID", "TRACEPARENT", "DISPATCH_ATTEMPT"].map(|name| (name, "stale"));
    let watchdog = Watchdog::with_child("WORKER", &[&stale[..], &[url, ("OWN", "a b\"c")]].concat());
    let seen = watchdog.report("e-1")["environment"].clone();
    assert_eq!(seen["OWN"], "a b\"c");
    assert!(seen["NANOFAAS_CHILD"].as_str().is_some_and(|mark| !mark.is_empty()), "{seen}");
    for name in ["EXECUTION_ID", "TRACE_ID", "TRACEPARENT", "DISPATCH_ATTEMPT", "CALLBACK_URL", "INVOCATION_PAYLOAD"] {
        assert_eq!(seen[name], json!(null), "{name}");
    }
    assert_eq!((&seen["__OW_WAIT_FOR_ACK"], &seen["NANOFAAS_PRESPAWNED"]), (&json!(null), &json!(null)));
}

#[test]
fn one_process_takes_call_after_call() {
    for extra in [&[][..], &[("WARM", "true")]] {
        let watchdog = Watchdog::start("WORKER", &child("worker"), extra);
        let first = watchdog.child("e-1");
        for number in 0..50 {
            assert_eq!(watchdog.child(&format!("e-{number}")), first);
        }
        assert_eq!(first.group(), Some(first.0), "it leads a group of its own");
        assert!(watchdog.metric("child_restarts_total", &[]) < 0.5);
    }
}
