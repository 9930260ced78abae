//! Connections: kept after every kind of answer, cut when a request does not come to its end.

use harness::{Connection, Function};
use serde_json::json;

const ID: [(&str, &str); 1] = [("X-Execution-Id", "e-1")];

/// The connection still serves.
fn is_alive(connection: &mut Connection) {
    let answer = connection.request("POST", "/invoke", &ID, br#"{"input":"alive"}"#);
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"echo":"alive"}"#));
}

#[test]
fn a_connection_is_kept_after_every_kind_of_answer() {
    let probe = Function::start("probe", &[("NANOFAAS_MAX_INPUT_BYTES", "1000"), ("TIMEOUT_MS", "500")]);
    let mut connection = probe.connect();
    let large = body_of(2000);
    for (method, path, headers, body, status) in [
        ("POST", "/invoke", &[][..], r#"{"input":1}"#, 400),
        ("POST", "/invoke", &ID, "not json", 400),
        ("POST", "/invoke", &[ID[0], ("X-Callback-Url", "ftp://cp")], r#"{"input":1}"#, 400),
        ("POST", "/nowhere", &ID, r#"{"input":1}"#, 404),
        ("PUT", "/invoke", &ID, r#"{"input":1}"#, 405),
        ("POST", "/invoke", &ID, large.as_str(), 413),
        ("POST", "/invoke", &ID, r#"{"input":{"fail":true,"status":409}}"#, 409),
        ("POST", "/invoke", &ID, r#"{"input":{"fail":true}}"#, 500),
        ("POST", "/invoke", &ID, r#"{"input":{"panic":true}}"#, 500),
        ("POST", "/invoke", &ID, r#"{"input":{"blob_bytes":2000000}}"#, 500),
        ("POST", "/invoke", &[("X-Execution-Id", "late")], r#"{"input":{"sleep_ms":600000}}"#, 504),
        ("GET", "/metrics", &[], "", 200),
    ] {
        let answer = connection.request(method, path, headers, body.as_bytes());
        assert_eq!(answer.status, status, "{method} {path} {answer:?}");
        is_alive(&mut connection);
    }
}

fn body_of(bytes: usize) -> String {
    format!(r#"{{"input":"{}"}}"#, "x".repeat(bytes))
}

#[test]
fn a_connection_serves_many_requests() {
    let probe = Function::start("probe", &[]);
    let mut connection = probe.connect();
    for _ in 0..500 {
        is_alive(&mut connection);
    }
}

#[test]
fn requests_that_are_sent_together_are_answered_in_order() {
    let probe = Function::start("probe", &[]);
    let mut connection = probe.connect();
    let mut bytes = Vec::new();
    for (number, pause) in [(0, 50), (1, 20), (2, 0), (3, 0)] {
        let body = json!({ "input": { "number": number, "sleep_ms": pause } }).to_string();
        let length = body.len();
        bytes.extend_from_slice(
            format!(
                "POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: e-{number}\r\ncontent-length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        );
    }
    connection.send(&bytes);
    for number in 0..4 {
        let answer = connection.answer().expect("an answer");
        assert_eq!((answer.status, &answer.json()["echo"]["number"]), (200, &json!(number)));
    }
}

#[test]
fn an_idle_connection_is_kept_longer_than_a_body_may_take() {
    let probe = Function::start("probe", &[("NANOFAAS_BODY_READ_TIMEOUT", "200")]);
    let mut used = probe.connect();
    is_alive(&mut used);
    let mut fresh = probe.connect();
    // Each of these takes as long as a body may, one after the other.
    for _ in 0..4 {
        let mut slow = probe.connect();
        slow.send(b"POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: e-2\r\ncontent-length: 50\r\n\r\n{");
        assert_eq!(slow.answer().expect("an answer").status, 408);
    }
    is_alive(&mut used);
    is_alive(&mut fresh);
}

#[test]
fn a_head_that_never_ends_is_given_up() {
    let probe = Function::start("probe", &[("NANOFAAS_BODY_READ_TIMEOUT", "200")]);
    for part in ["P", "POST /invoke HTTP/1.1\r\n", "POST /invoke HTTP/1.1\r\nx-execution-id: e-1\r\nx-a: "] {
        let mut connection = probe.connect();
        connection.send(part.as_bytes());
        assert!(connection.answer().is_none_or(|answer| answer.status == 408), "{part:?}");
        let _ = connection.closed_silently();
    }
}

#[test]
fn a_head_that_comes_byte_by_byte_for_ever_is_given_up() {
    let probe = Function::start("probe", &[("NANOFAAS_BODY_READ_TIMEOUT", "200")]);
    let mut connection = probe.connect();
    connection.send(b"POST /invoke HTTP/1.1\r\n");
    harness::eventually("the connection's end", || (!connection.try_send(b"x-a: b\r\n")).then_some(()));
}

#[test]
fn the_second_head_of_a_connection_has_its_time_too() {
    let probe = Function::start("probe", &[("NANOFAAS_BODY_READ_TIMEOUT", "200")]);
    let mut connection = probe.connect();
    is_alive(&mut connection);
    connection.send(b"POST /inv");
    assert!(connection.answer().is_none_or(|answer| answer.status == 408));
    let _ = connection.closed_silently();
}

#[test]
fn slow_clients_do_not_keep_others_waiting() {
    let probe = Function::start("probe", &[("NANOFAAS_BODY_READ_TIMEOUT", "60000")]);
    let slow: Vec<_> = (0..100)
        .map(|_| {
            let mut connection = probe.connect();
            connection.send(b"POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: e-2\r\ncontent-length: 50\r\n\r\n{");
            connection
        })
        .collect();
    is_alive(&mut probe.connect());
    assert_eq!(slow.len(), 100);
}

#[test]
fn what_is_not_http_does_not_end_the_process() {
    let probe = Function::start("probe", &[]);
    for bytes in [&b"\0\0\0\0\r\n\r\n"[..], b"GET\r\n\r\n", b"POST /invoke HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0"] {
        let mut connection = probe.connect();
        connection.send(bytes);
        connection.finish_sending();
        let _ = connection.closed_silently();
    }
    is_alive(&mut probe.connect());
}

#[test]
fn a_head_that_is_too_long_is_refused_and_does_not_end_the_process() {
    let probe = Function::start("probe", &[]);
    let mut connection = probe.connect();
    let _ = connection.try_send(format!("GET /health HTTP/1.1\r\nx-a: {}\r\n\r\n", "a".repeat(1_000_000)).as_bytes());
    assert!(connection.answer().is_none_or(|answer| answer.status == 431));
    is_alive(&mut probe.connect());
}

#[test]
fn two_different_lengths_are_no_request() {
    let mut probe = Function::start("probe", &[]);
    let mut connection = probe.connect();
    connection.send(
        b"POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: e-1\r\ncontent-length: 2\r\ncontent-length: 13\r\n\r\n\
          {}{\"input\":1}",
    );
    assert!(connection.answer().is_none_or(|answer| answer.status == 400));
    probe.stop();
    assert!(probe.log_lines(|line| line["message"] == "invocation").is_empty());
}
