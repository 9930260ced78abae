//! The lines that a worker answers with. The first byte says in which pieces they arrive, the second how
//! long an answer may be.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};

use super::model;
use crate::watchdog::output;
use crate::watchdog::worker::connection::{Broken, line};
use crate::watchdog::worker::line::outcome;

/// However they arrive, lines are what stands between line ends, as far as one of them is too long.
pub fn worker_line(data: &[u8]) {
    let [step, limit, written @ ..] = data else { return };
    let (step, limit) = (usize::from(*step).max(1), usize::from(*limit) * 16);
    let mut pieces = Pieces { rest: written, step };
    let mut buffer = BytesMut::new();
    let mut lines = written.split(|byte| *byte == b'\n').peekable();
    while let Some(expected) = lines.next() {
        match ready(line(&mut pieces, &mut buffer, limit)) {
            Ok(line) => {
                assert_eq!(line, expected);
                assert!(line.len() <= limit && lines.peek().is_some());
                check_answer(&line);
            }
            Err(Broken::TooLong) => {
                assert!(expected.len() > limit);
                return;
            }
            Err(Broken::Closed) => {
                assert!(lines.peek().is_none() && expected.len() <= limit);
                assert_eq!(buffer, expected);
                return;
            }
        }
    }
    panic!("a line after the last one");
}

/// A line is an output, or a failure with what the worker says of it.
fn check_answer(line: &bytes::Bytes) {
    let read = output::read(line, "fd 3");
    let value = output::json(line, "fd 3").ok().map(|json| model::valid(&json));
    match (read.and_then(outcome), value) {
        (Ok(output), Some(value)) => {
            let json = model::valid(output.json());
            assert!(json == value || json == value["output"]);
            let is_failure = value.as_object().is_some_and(|map| map.len() == 1 && map.contains_key("error"));
            assert!(!is_failure || output.head().is_some());
        }
        (Ok(_), None) => panic!("an output that is no JSON"),
        (Err(failure), Some(value)) => match &value["error"] {
            serde_json::Value::Null if value["__nanofaas_envelope__"] == true => {}
            serde_json::Value::String(text) => assert!(failure.message.contains(text)),
            other => assert_eq!(failure.message, other.to_string()),
        },
        (Err(failure), None) => assert_eq!(failure.code, "FUNCTION_ERROR"),
    }
}

/// Gives its bytes in pieces, and never waits.
struct Pieces<'a> {
    rest: &'a [u8],
    step: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let length = self.rest.len().min(self.step).min(buffer.remaining());
        let (piece, rest) = self.rest.split_at(length);
        buffer.put_slice(piece);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}

/// The outcome of what has nothing to wait for.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("it waits"),
    }
}
