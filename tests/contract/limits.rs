//! How large and how slow a request may be, and how large an answer.

use harness::{ControlPlane, Function};
use serde_json::json;

const ID: [(&str, &str); 1] = [("X-Execution-Id", "e-1")];
const CHUNKED: &[u8] =
    b"POST /invoke HTTP/1.1\r\nhost: function\r\nx-execution-id: e-1\r\ntransfer-encoding: chunked\r\n\r\n";

fn small() -> Function {
    Function::start("probe", &[("NANOFAAS_MAX_INPUT_BYTES", "100"), ("NANOFAAS_BODY_READ_TIMEOUT", "20000")])
}

/// A request body of exactly this many bytes.
fn body_of(bytes: usize) -> String {
    let frame = r#"{"input":""}"#.len();
    format!(r#"{{"input":"{}"}}"#, "x".repeat(bytes - frame))
}

fn chunk(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

fn too_large() -> (u16, String) {
    (413, "RUNTIME_INPUT_TOO_LARGE".to_owned())
}

#[test]
fn a_body_may_be_exactly_as_large_as_the_limit() {
    let probe = small();
    assert_eq!(probe.post(&ID, body_of(100)).status, 200);
    assert_eq!(probe.post(&ID, body_of(101)).refusal(), too_large());
}

#[test]
fn the_limit_holds_for_chunked_bodies() {
    let probe = small();
    for (bytes, status) in [(100, 200), (101, 413), (5000, 413)] {
        let body = body_of(bytes);
        let mut connection = probe.connect();
        connection.send(CHUNKED);
        let (first, rest) = body.split_at(50);
        connection.send(&[chunk(first), chunk(rest), chunk("")].concat());
        let answer = connection.answer().expect("an answer");
        assert_eq!(answer.status, status, "{bytes}");
        if status == 413 {
            assert_eq!(answer.refusal(), too_large());
        }
    }
}

#[test]
fn the_default_limit_is_one_mebibyte() {
    let probe = Function::start("probe", &[("NANOFAAS_MAX_OUTPUT_BYTES", "2000000")]);
    assert_eq!(probe.post(&ID, body_of(1 << 20)).status, 200);
    assert_eq!(probe.post(&ID, body_of((1 << 20) + 1)).refusal(), too_large());
}

#[test]
fn a_client_that_sends_everything_first_can_read_that_it_was_too_much() {
    let probe = small();
    for bytes in [1_000_000, 8_000_000] {
        let mut connection = probe.connect();
        let body = body_of(bytes);
        let answer = connection.request("POST", "/invoke", &ID, body.as_bytes());
        assert_eq!(answer.refusal(), too_large(), "{bytes}");
        let mut connection = probe.connect();
        connection.send(CHUNKED);
        for part in body.as_bytes().chunks(64 * 1024) {
            connection.send(&chunk(&String::from_utf8_lossy(part)));
        }
        connection.send(&chunk(""));
        assert_eq!(connection.answer().expect("an answer").refusal(), too_large(), "{bytes} in chunks");
    }
}

#[test]
fn a_client_that_asks_before_it_sends_too_much_is_told_at_once() {
    let probe = small();
    let mut connection = probe.connect();
    connection.send(
        b"POST /invoke HTTP/1.1\r\nhost: function\r\nx-execution-id: e-1\r\nexpect: 100-continue\r\n\
          content-length: 5000\r\n\r\n",
    );
    assert_eq!(connection.answer().expect("an answer").refusal(), too_large());
}

#[test]
fn a_client_that_asks_before_it_sends_may_send() {
    let probe = small();
    let mut connection = probe.connect();
    connection.send(
        b"POST /invoke HTTP/1.1\r\nhost: function\r\nx-execution-id: e-1\r\nexpect: 100-continue\r\n\
          content-length: 100\r\n\r\n",
    );
    // The harness reads on after `100 Continue`, which has no body; the client may also not wait.
    connection.send(body_of(100).as_bytes());
    assert_eq!(connection.answer().expect("an answer").status, 200);
}

#[test]
fn a_body_in_small_parts_is_read_whole() {
    let probe = small();
    let body = body_of(100);
    let mut connection = probe.connect();
    connection.send(b"POST /invoke HTTP/1.1\r\nhost: function\r\nx-execution-id: e-1\r\ncontent-length: 100\r\n\r\n");
    for byte in body.as_bytes() {
        connection.send(&[*byte]);
    }
    assert_eq!(connection.answer().expect("an answer").status, 200);
}

#[test]
fn too_much_in_small_parts_is_refused() {
    let probe = small();
    let mut connection = probe.connect();
    connection.send(b"POST /invoke HTTP/1.1\r\nhost: function\r\nx-execution-id: e-1\r\ncontent-length: 3000\r\n\r\n");
    for part in body_of(3000).as_bytes().chunks(10) {
        connection.send(part);
    }
    assert_eq!(connection.answer().expect("an answer").refusal(), too_large());
}

#[test]
fn a_body_that_is_too_large_already_is_refused_though_its_rest_never_comes() {
    let probe = Function::start("probe", &[("NANOFAAS_MAX_INPUT_BYTES", "100"), ("NANOFAAS_BODY_READ_TIMEOUT", "300")]);
    let mut announced = probe.connect();
    announced.send(b"POST /invoke HTTP/1.1\r\nhost: function\r\nx-execution-id: e-1\r\ncontent-length: 3000\r\n\r\n");
    announced.send(&[b'x'; 200]);
    let mut chunked = probe.connect();
    chunked.send(CHUNKED);
    chunked.send(&chunk(&"x".repeat(200)));
    assert_eq!(announced.answer().expect("an answer").refusal(), too_large());
    assert_eq!(chunked.answer().expect("an answer").refusal(), too_large());
}

#[test]
fn a_body_that_does_not_come_in_time_is_refused() {
    let probe = Function::start("probe", &[("NANOFAAS_BODY_READ_TIMEOUT", "200")]);
    let head = b"POST /invoke HTTP/1.1\r\nhost: function\r\nx-execution-id: e-1\r\ncontent-length: 50\r\n\r\n";
    for (head, part) in [(&head[..], &b"{"[..]), (head, b""), (CHUNKED, b"1\r\n{\r\n"), (CHUNKED, b"")] {
        let mut connection = probe.connect();
        connection.send(head);
        connection.send(part);
        let answer = connection.answer().expect("an answer");
        assert_eq!(answer.refusal(), (408, "RUNTIME_BODY_READ_TIMEOUT".to_owned()));
    }
}

#[test]
fn a_body_that_comes_byte_by_byte_for_ever_is_refused() {
    let probe = Function::start("probe", &[("NANOFAAS_BODY_READ_TIMEOUT", "200")]);
    let mut connection = probe.connect();
    connection
        .send(b"POST /invoke HTTP/1.1\r\nhost: function\r\nx-execution-id: e-1\r\ncontent-length: 900000\r\n\r\n");
    harness::eventually("a refusal", || {
        let _ = connection.try_send(b" ");
        (!probe.log_lines(|line| line["code"] == "RUNTIME_BODY_READ_TIMEOUT").is_empty()).then_some(())
    });
    assert_eq!(probe.get("/health").status, 200);
}

#[test]
fn an_output_may_be_exactly_as_large_as_the_limit() {
    let limit = r#"{"blob":""}"#.len() + 500;
    let probe = Function::start("probe", &[("NANOFAAS_MAX_OUTPUT_BYTES", &limit.to_string())]);
    let answer = probe.invoke("e-1", &json!({ "blob_bytes": 500 }));
    assert_eq!((answer.status, answer.body.len()), (200, limit));
    let answer = probe.invoke("e-2", &json!({ "blob_bytes": 501 }));
    assert_eq!(answer.refusal(), (500, "RUNTIME_OUTPUT_TOO_LARGE".to_owned()));
}

#[test]
fn the_control_plane_learns_that_an_output_was_too_large() {
    let plane = ControlPlane::start();
    let probe = Function::start("probe", &[("CALLBACK_URL", &plane.callback_url())]);
    let answer = probe.invoke("e-1", &json!({ "blob_bytes": 2_000_000 }));
    assert_eq!(answer.refusal(), (500, "RUNTIME_OUTPUT_TOO_LARGE".to_owned()));
    assert_eq!(plane.accepted("e-1").error().expect("an error").code, "RUNTIME_OUTPUT_TOO_LARGE");
}
