//! Calls with inputs of their own, and what became of them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::random::Random;
use crate::victim::Victim;

/// Far beyond what any of them takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A call that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) phase: &'static str,
    /// What its callback has to say.
    pub(crate) expected: Value,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 200 with this output.
    Succeeded(Value),
    /// The function ran and failed.
    Failed(String),
    /// It did not run.
    Refused(String),
    /// The process was gone before its answer was complete.
    NoAnswer,
}

/// Codes of requests that have no callback.
const REFUSALS: [&str; 6] = [
    "RUNTIME_SPOOL_UNAVAILABLE",
    "RUNTIME_STOPPING",
    "RUNTIME_NOT_READY",
    "RUNTIME_HANDLER_SATURATED",
    "RUNTIME_CALLBACK_SATURATED",
    "EXECUTION_ACTIVE",
];

/// Everything that was called.
#[derive(Debug)]
pub(crate) struct Calls {
    kind: &'static str,
    random: Random,
    made: Mutex<Vec<Call>>,
}

impl Calls {
    pub(crate) fn new(kind: &'static str, seed: u64) -> Self {
        Self { kind, random: Random::new(seed), made: Mutex::default() }
    }

    pub(crate) fn take(self) -> Vec<Call> {
        self.made.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes calls until this many were made by all callers of the phase.
    pub(crate) fn make(&self, phase: &'static str, count: usize, tickets: &AtomicUsize, victim: &Victim) {
        loop {
            let number = tickets.fetch_add(1, Ordering::SeqCst);
            if number >= count {
                return;
            }
            let call = self.one(format!("{}-{number}", phase.replace(' ', "-")), phase, victim);
            self.made.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        }
    }

    fn one(&self, id: String, phase: &'static str, victim: &Victim) -> Call {
        let (input, expected) = self.input(&id);
        let body = json!({ "input": input }).to_string();
        let outcome = loop {
            let Some(stream) = victim.address().and_then(|address: SocketAddr| TcpStream::connect(address).ok()) else {
                // It is being started again.
                std::thread::sleep(Duration::from_millis(2));
                continue;
            };
            break ask(&stream, &id, &body).unwrap_or(Outcome::NoAnswer);
        };
        Call { id, phase, expected, outcome }
    }

    /// An input of this call's own, and its callback.
    fn input(&self, id: &str) -> (Value, Value) {
        let mut input = json!({ "n": id });
        match self.random.below(20) {
            0 if self.kind == "probe" => {
                input["fail"] = json!(id);
                let error = json!({ "code": "HANDLER_ERROR", "message": id });
                return (input, json!({ "success": false, "output": null, "error": error }));
            }
            1..4 => input["sleep_ms"] = self.random.below(20).into(),
            4..8 => input["pad"] = "x".repeat(usize::try_from(self.random.below(8000)).unwrap_or(0)).into(),
            _ => {}
        }
        let output = json!({ "echo": input });
        (input, json!({ "success": true, "output": output, "error": null }))
    }
}

/// `None` where the connection ended before its answer did.
fn ask(mut stream: &TcpStream, id: &str, body: &str) -> Option<Outcome> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let head = format!(
        "POST /invoke HTTP/1.1\r\nhost: f\r\nconnection: close\r\nx-execution-id: {id}\r\nx-trace-id: t-{id}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok())?;
    let body: Value = serde_json::from_slice(answer.get(end + 4..end + 4 + length)?).ok()?;
    let code = body["code"].as_str().unwrap_or_default();
    Some(match status {
        200 => Outcome::Succeeded(body),
        _ if REFUSALS.contains(&code) => Outcome::Refused(code.to_owned()),
        _ => Outcome::Failed(code.to_owned()),
    })
}
