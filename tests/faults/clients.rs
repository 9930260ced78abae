//! Clients that pipeline, close one half, or reset.

use std::io::Write;
use std::net::TcpStream;

use harness::{Footprint, Function, Process, Watchdog, eventually};
use serde_json::json;

use crate::{is_healthy, request, serves};

const PIPELINED: usize = 10_000;

fn pipelines(function: &Function, process: Process) {
    serves(&mut function.connect(), "warm");
    let before = Footprint::of(process);
    let mut connection = function.connect();
    let mut sending = connection.sender();
    let sender = std::thread::spawn(move || {
        for number in 0..PIPELINED {
            let body = json!({ "input": number }).to_string();
            sending.write_all(request("e-1", &body).as_bytes()).expect("the function reads");
        }
    });
    for number in 0..PIPELINED {
        let answer = connection.answer().expect("an answer");
        assert_eq!((answer.status, answer.json()), (200, json!({ "echo": number })));
        if number % 1000 == 0 {
            is_healthy(function);
        }
    }
    sender.join().expect("all is sent");
    drop(connection);
    before.wait_until_back();
}

#[test]
fn ten_thousand_requests_that_are_sent_together_are_answered_by_a_function() {
    let probe = Function::start("probe", &[]);
    pipelines(&probe, Process(probe.id()));
}

#[test]
fn ten_thousand_requests_that_are_sent_together_are_answered_by_a_worker() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    pipelines(&watchdog, watchdog.process());
}

/// Starts both kinds, and compares what they hold before and after `trouble`.
fn survive(trouble: impl Fn(&Function)) {
    let probe = Function::start("probe", &[]);
    let watchdog = Watchdog::with_child("WORKER", &[]);
    for (function, process) in [(&probe, Process(probe.id())), (&*watchdog, watchdog.process())] {
        serves(&mut function.connect(), "warm");
        let before = Footprint::of(process);
        trouble(function);
        is_healthy(function);
        before.wait_until_back();
        eventually("no work left", || (function.metric("active_handlers", &[]) < 0.5).then_some(()));
        serves(&mut function.connect(), "after");
    }
}

const WHOLE: &str = r#"{"input":"x"}"#;

#[test]
fn clients_that_close_their_sending_half_are_not_kept() {
    survive(|function| {
        let whole = request("e-1", WHOLE);
        let connections: Vec<_> = (0..300)
            .map(|number| {
                let mut connection = function.connect();
                // Nothing, a part of a head, of a body, and the whole.
                let length = [0, 30, whole.len() - 5, whole.len()][number % 4];
                connection.send(&whole.as_bytes()[..length]);
                connection.finish_sending();
                connection
            })
            .collect();
        is_healthy(function);
        for mut connection in connections {
            let _ = connection.closed_silently();
        }
    });
}

/// Resets a connection: closed with bytes that were not read, the system can do nothing else.
fn reset(function: &Function, part: &[u8]) {
    let mut stream = TcpStream::connect(function.address()).expect("the function listens");
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: f\r\n\r\n").expect("the function reads");
    assert_ne!(stream.peek(&mut [0]).expect("an answer"), 0);
    stream.write_all(part).expect("the function reads");
}

#[test]
fn clients_that_reset_in_the_middle_are_forgotten() {
    survive(|function| {
        let (whole, slow) = (request("e-1", WHOLE), request("e-2", r#"{"input":{"sleep_ms":20,"blob_bytes":900000}}"#));
        for number in 0..300 {
            let part = [&whole[..30], &whole[..whole.len() - 5], &whole, &slow][number % 4];
            reset(function, part.as_bytes());
            if number % 50 == 0 {
                is_healthy(function);
            }
        }
    });
}
