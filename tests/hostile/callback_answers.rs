//! Control planes whose answer to a callback has no end.

use std::io::{Read, Write};
use std::net::TcpListener;

use harness::{Function, Process};
use serde_json::json;

/// Far below what answers without an end bring, far above what a function needs. In KiB.
const BOUND: u64 = 48 * 1024;

/// Answers each request with the first text and then with the other one for ever; where it listens.
fn answering(first: &'static str, again: &'static str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("http://{}/x", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(first.as_bytes());
                let again = again.repeat(1024);
                while stream.write_all(again.as_bytes()).is_ok() {}
            });
        }
    });
    url
}

fn probe() -> Function {
    Function::start("probe", &[("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "1")])
}

/// Ten callbacks there, which this metric counts at their end; the memory stays within bounds.
fn holds(url: &str, metric: &str) {
    let probe = probe();
    let process = Process(probe.id());
    let before = process.memory_at_most();
    for number in 0..10 {
        let id = format!("e-{number}");
        let headers = [("X-Execution-Id", id.as_str()), ("X-Callback-Url", url)];
        assert_eq!(probe.post(&headers, r#"{"input":1}"#).status, 200);
    }
    probe.wait_for_metric(metric, &[], 10);
    assert_eq!(probe.invoke("last", &json!(1)).status, 200);
    let after = process.memory_at_most();
    assert!(after < before + BOUND, "{before} KiB, then {after} KiB");
}

#[test]
fn a_head_without_an_end_is_a_lost_callback() {
    holds(&answering("HTTP/1.1 200 OK\r\n", "x-a: bcdef\r\n"), "callback_drops_total");
    holds(&answering("HTTP/1.1 200 OK\r\nx-a: ", "bcdef"), "callback_drops_total");
    holds(&answering("", "HTTP/1.1 200 "), "callback_drops_total");
}

#[test]
fn interim_answers_are_none() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let probe = probe();
    let url = format!("http://{}/x", listener.local_addr().expect("an address"));
    let headers = [("X-Execution-Id", "e-1"), ("X-Callback-Url", url.as_str())];
    assert_eq!(probe.post(&headers, r#"{"input":1}"#).status, 200);
    let (mut stream, _) = listener.accept().expect("a callback");
    let _ = stream.read(&mut [0; 4096]).expect("a request");
    let interim = "HTTP/1.1 103 Early Hints\r\nlocation: http://127.0.0.1:1/\r\n\r\n".repeat(500);
    stream.write_all(interim.as_bytes()).expect("a client that waits");
    assert!(probe.metric("callback_deliveries_total", &[]) < 0.5);
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("a client that waits");
    probe.wait_for_metric("callback_deliveries_total", &[], 1);
}

#[test]
fn a_body_without_an_end_is_not_waited_for() {
    holds(&answering("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", "x"), "callback_deliveries_total");
    holds(
        &answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
        "callback_deliveries_total",
    );
    holds(&answering("HTTP/1.1 200 OK\r\n\r\n", "x"), "callback_deliveries_total");
    let hint = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n";
    holds(&answering(hint, "1\r\n\x1f\r\n"), "callback_deliveries_total");
}
