//! Requests whose end two readers could see in different places. What is hidden in one of them is never
//! executed as a second one.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use harness::Function;
use serde_json::Value;

/// A whole request, hidden in another one.
const HIDDEN: &str =
    "POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: hidden\r\ncontent-length: 11\r\n\r\n{\"input\":1}";
/// A request that is sent after all others: its answer says that they have been looked at.
const LAST: &str =
    "POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: last\r\ncontent-length: 16\r\n\r\n{\"input\":\"last\"}";
/// The same body twice, in one chunk and as it stands.
const CHUNKED: &str = "b\r\n{\"input\":1}\r\n0\r\n\r\n";
const BODY: &str = "{\"input\":1}";

fn probe() -> Function {
    Function::start("probe", &[("NANOFAAS_BODY_READ_TIMEOUT", "300"), ("NANOFAAS_MAX_INPUT_BYTES", "1000")])
}

/// The statuses that the probe answers with, up to the end of the connection or the last request.
fn statuses(probe: &Function, bytes: &str) -> Vec<u16> {
    let mut stream = TcpStream::connect(probe.address()).expect("the probe listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    // It may have closed before everything was sent.
    let _ = stream.write_all([bytes, LAST].concat().as_bytes());
    let (mut text, mut part) = (String::new(), [0; 4096]);
    while !text.ends_with(r#"{"echo":"last"}"#) {
        match stream.read(&mut part) {
            Ok(read @ 1..) => text.push_str(&String::from_utf8_lossy(&part[..read])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("neither an answer nor an end: {text}"),
            _ => break,
        }
    }
    let statuses = text.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)?.parse().ok());
    statuses.filter(|status| *status != 100).collect()
}

/// The executions that the log tells of.
fn executed(mut probe: Function) -> Vec<String> {
    probe.stop();
    let lines = probe.log_lines(|line: &Value| line["message"] == "invocation");
    lines.iter().map(|line| line["execution_id"].as_str().unwrap_or_default().to_owned()).collect()
}

/// A request with these lines of its head; what comes after them as it stands.
fn post(head: &str, rest: &str) -> String {
    format!("POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: outer\r\n{head}\r\n{rest}")
}

#[test]
fn a_proper_second_request_is_executed() {
    let probe = probe();
    let chunked = post("transfer-encoding: chunked\r\n", &[CHUNKED, HIDDEN].concat());
    assert_eq!(statuses(&probe, &chunked), [200, 200, 200]);
    assert_eq!(executed(probe), ["outer", "hidden", "last"]);
}

#[test]
fn of_two_framings_neither_hides_a_request() {
    let probe = probe();
    let all = CHUNKED.len() + HIDDEN.len();
    let end = [CHUNKED, HIDDEN].concat();
    for head in [
        format!("content-length: {all}\r\ntransfer-encoding: chunked\r\n"),
        format!("transfer-encoding: chunked\r\ncontent-length: {all}\r\n"),
        format!("x-a: b\ntransfer-encoding: chunked\r\ncontent-length: {all}\r\n"),
        format!("Transfer-Encoding: gzip, chunked\r\nContent-Length: {all}\r\n"),
    ] {
        let statuses = statuses(&probe, &post(&head, &end));
        // It may be served, and nothing after it is read (RFC 9112 section 6.1).
        assert!(statuses.len() <= 1, "{head:?} {statuses:?}");
    }
    assert!(!executed(probe).iter().any(|id| id == "hidden" || id == "last"));
}

#[test]
fn a_framing_that_cannot_be_read_is_no_request() {
    let probe = probe();
    let end = [CHUNKED, HIDDEN].concat();
    for head in [
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "transfer-encoding: identity, chunked, identity\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        "transfer-encoding: chunked;q=1\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding:\r\n chunked\r\n",
        "transfer-encoding: chunked\x0b\r\n",
        "transfer-encoding: \x00chunked\r\n",
        " transfer-encoding: chunked\r\n",
        "content-length: 11, 11\r\n",
        "content-length: +11\r\n",
        "content-length: -1\r\n",
        "content-length: 0x0b\r\n",
        "content-length: 11 11\r\n",
        "content-length: 99999999999999999999\r\n",
        "content-length : 11\r\n",
        "content-length: 11\r\ncontent-length: 0\r\n",
        ": x\r\ntransfer-encoding: chunked\r\n",
    ] {
        let statuses = statuses(&probe, &post(head, &end));
        assert!(statuses.is_empty() || statuses == [400], "{head:?} {statuses:?}");
    }
    assert_eq!(executed(probe), [""; 0]);
}

#[test]
fn a_chunk_that_cannot_be_read_ends_the_connection() {
    let probe = probe();
    for size in [
        "-b\r\n",
        "+b\r\n",
        "0xb\r\n",
        "b b\r\n",
        " b\r\n",
        "\r\n",
        "b\n",
        "b\rx",
        "g\r\n",
        "ffffffffffffffff1\r\n",
        "10000000000000000b\r\n",
        "5\r\n",
        "b;a\nb\r\n",
        "b;a\rb\r\n",
    ] {
        let rest = format!("{size}{BODY}\r\n0\r\n\r\n{HIDDEN}");
        let statuses = statuses(&probe, &post("transfer-encoding: chunked\r\n", &rest));
        assert!(statuses.is_empty() || statuses == [400], "{size:?} {statuses:?}");
    }
    assert_eq!(executed(probe), [""; 0]);
}

#[test]
fn extensions_and_trailers_of_chunks_change_nothing() {
    let probe = probe();
    for (size, trailer) in [("b;a=b;c=\"d\"", ""), ("000b", ""), ("b", "x-execution-id: trailer\r\n")] {
        let rest = format!("{size}\r\n{BODY}\r\n0\r\n{trailer}\r\n");
        assert_eq!(statuses(&probe, &post("transfer-encoding: chunked\r\n", &rest)), [200, 200], "{size:?}");
    }
    assert!(executed(probe).iter().all(|id| id == "outer" || id == "last"));
}

#[test]
fn the_body_of_a_request_is_never_the_next_request() {
    let probe = probe();
    let length = HIDDEN.len();
    let large = format!("{HIDDEN}{}", " ".repeat(5000));
    for (start, head, body) in [
        ("GET /health", format!("content-length: {length}\r\n"), HIDDEN),
        ("GET /metrics", format!("content-length: {length}\r\n"), HIDDEN),
        ("HEAD /health", format!("content-length: {length}\r\n"), HIDDEN),
        ("PUT /invoke", format!("content-length: {length}\r\n"), HIDDEN),
        ("DELETE /nowhere", format!("content-length: {length}\r\n"), HIDDEN),
        ("POST /invoke", format!("content-length: {length}\r\n"), HIDDEN),
        ("POST /invoke", format!("content-length: {length}\r\ntransfer_encoding: chunked\r\n"), HIDDEN),
        ("POST /invoke", format!("content-length: {length}\r\nexpect: 100-continue\r\n"), HIDDEN),
        ("POST /invoke", format!("content-length: {length}\r\nexpect: something-else\r\n"), HIDDEN),
        ("POST /invoke", format!("content-length: {}\r\n", large.len()), &large),
        ("POST /invoke", format!("content-length: {}\r\nexpect: 100-continue\r\n", large.len()), &large),
    ] {
        let statuses = statuses(&probe, &format!("{start} HTTP/1.1\r\nhost: f\r\n{head}\r\n{body}"));
        assert!(statuses.len() <= 2, "{start} {head:?} {statuses:?}");
    }
    assert!(executed(probe).iter().all(|id| id == "last"));
}
