//! Values that would be more than one header if anybody let them, on their way to a child and to a callback.

use harness::{Answer, ControlPlane, Function, Watchdog};
use serde_json::{Value, json};

/// Names that no request to a child or a callback may have.
const INJECTED: [&str; 3] = ["x-injected", "set-cookie", "authorization"];

/// `POST /invoke` with these bytes as the value of a header; the answer, if there is one.
fn with(function: &Function, name: &str, value: &[u8]) -> Option<Answer> {
    let mut connection = function.connect();
    let (id, body) =
        (if name == "x-execution-id" { "" } else { "x-execution-id: e-1\r\n" }, r#"{"input":{"report":true}}"#);
    let head = format!("POST /invoke HTTP/1.1\r\nhost: f\r\ncontent-length: {}\r\n{id}{name}: ", body.len());
    let _ = connection.try_send(&[head.as_bytes(), value, b"\r\n\r\n", body.as_bytes()].concat());
    connection.answer()
}

#[test]
fn a_value_that_is_no_header_is_no_request() {
    let plane = ControlPlane::start();
    let mut probe = Function::start("probe", &[("CALLBACK_URL", &plane.callback_url())]);
    for name in ["x-execution-id", "x-trace-id", "traceparent", "x-dispatch-attempt", "x-callback-url"] {
        for value in [
            &b"a\0b"[..],
            b"a\rx-injected: 1",
            b"a\r\r\nx-injected: 1",
            b"a\x7f",
            b"a\x1b[31m",
            b"a\x08",
            b"a\r\n b: c",
            b"a\r\n\tx-injected: 1",
        ] {
            let answer = with(&probe, name, value);
            let shown = value.escape_ascii();
            assert!(answer.as_ref().is_none_or(|answer| answer.status == 400), "{name}: {shown} {answer:?}");
        }
    }
    probe.stop();
    assert!(plane.completions().is_empty());
}

#[test]
fn a_value_ends_with_its_line_for_children_and_callbacks() {
    let plane = ControlPlane::start();
    let callback = plane.callback_url();
    let watchdog = Watchdog::with_child("HTTP", &[("CALLBACK_URL", &callback)]);
    for (number, value) in
        [&b"t\nx-injected: 1"[..], b"t\r\nx-injected: 1", b"t\r\nset-cookie: a=b\r\nauthorization: c"]
            .iter()
            .enumerate()
    {
        // To us they are headers of the request; nothing but the known ones goes on.
        let answer = with(&watchdog, "x-trace-id", value).expect("an answer");
        let headers = answer.json()["headers"].take();
        assert_eq!(headers["x-trace-id"], "t", "{headers}");
        let callback = plane.arrived("e-1", number + 1).pop().expect("a callback");
        assert_eq!(callback.trace_id(), Some("t"));
        for name in INJECTED {
            assert_eq!((&headers[name], callback.header(name)), (&Value::Null, None), "{name}");
        }
    }
}

#[test]
fn what_looks_like_an_escape_stays_as_it_is() {
    let plane = ControlPlane::start();
    let callback = plane.callback_url();
    let watchdog = Watchdog::with_child("HTTP", &[("CALLBACK_URL", &callback)]);
    let trace = "t%0d%0ax-injected: 1\\r\\nx-injected: 1\tend";
    let answer = with(&watchdog, "x-trace-id", trace.as_bytes()).expect("an answer");
    assert_eq!(answer.json()["headers"]["x-trace-id"], trace);
    assert_eq!(plane.accepted("e-1").trace_id(), Some(trace));
}

#[test]
fn a_long_value_arrives_whole_or_is_refused() {
    let plane = ControlPlane::start();
    let callback = plane.callback_url();
    let watchdog = Watchdog::with_child("HTTP", &[("CALLBACK_URL", &callback)]);
    let long = "x".repeat(30_000);
    let answer = with(&watchdog, "x-trace-id", long.as_bytes()).expect("an answer");
    assert_eq!(answer.json()["headers"]["x-trace-id"], long.as_str());
    assert_eq!(plane.accepted("e-1").trace_id(), Some(long.as_str()));
    let refused = with(&watchdog, "x-trace-id", "x".repeat(300_000).as_bytes());
    assert!(refused.is_none_or(|answer| answer.status == 431));
    let many = (0..1000).map(|number| format!("a\r\nx-{number}: ")).collect::<Vec<_>>().concat();
    let refused = with(&watchdog, "x-trace-id", many.as_bytes());
    assert!(refused.is_none_or(|answer| answer.status == 431));
    assert_eq!(watchdog.get("/health").status, 200);
}

#[test]
fn the_fields_of_an_envelope_are_headers_as_well() {
    let mut watchdog = Watchdog::with_child("HTTP", &[]);
    for key in ["execution_id", "trace_id", "callback_url"] {
        for control in ["\r\nx-injected: 1", "\n", "\0", "\x7f", "\u{85}", "\u{9b}31m"] {
            let mut body = json!({ "execution_id": "e-1", "payload": { "report": true } });
            body[key] = json!(format!("http://127.0.0.1:1/a{control}b"));
            let answer = watchdog.post(&[], body.to_string());
            assert_eq!(answer.status, 400, "{body} {}", answer.text());
            assert_eq!(answer.json()["error"]["code"], "INVALID_REQUEST", "{body}");
        }
    }
    watchdog.stop();
    assert!(watchdog.log_lines(|line| line["message"] == "invocation" && line["status"] == 200).is_empty());
}

#[test]
fn the_environment_injects_no_header_either() {
    let plane = ControlPlane::start();
    let callback = plane.callback_url();
    let environment =
        [("TRACE_ID", "t\r\nx-injected: 1"), ("EXECUTION_ID", "e\r\nx-injected: 1"), ("CALLBACK_URL", &callback)];
    let watchdog = Watchdog::with_child("HTTP", &environment);
    let answer = watchdog.post(&[], r#"{"input":{"report":true}}"#);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let headers = answer.json()["headers"].take();
    let callback = plane.accepted("e\r\nx-injected: 1");
    assert_eq!((&headers["x-injected"], callback.header("x-injected")), (&Value::Null, None));
    assert_eq!(callback.path(), "/v1/internal/executions/e%0D%0Ax-injected%3A%201:complete");
}
