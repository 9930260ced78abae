//! A contender that was started: how it is called, and what it takes.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::http::Client;
use crate::process::{self, Process, Service};

/// What all are asked, and what all have to answer.
const BODY: &str = r#"{"input":"hello","metadata":{"source":"benches"}}"#;
const ANSWER: &[u8] = b"HELLO";

pub(super) struct Running {
    service: Option<Service>,
    line: Line,
    /// From its start to its first answer.
    pub(super) started: Duration,
}

/// How it is talked to.
pub(super) enum Line {
    Spawn(Script),
    /// One that was started already, and its successor as soon as it has answered.
    Waiting(Script, Option<Child>),
    Pipe(Pipe),
    Http(SocketAddr, Client),
}

/// A program that takes one call.
pub(super) struct Script {
    pub(super) program: String,
    pub(super) path: PathBuf,
}

/// Both ends of a worker's line.
pub(super) struct Pipe {
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Running {
    pub(super) fn new(service: Option<Service>, line: Line) -> Self {
        Self { service, line, started: Duration::ZERO }
    }

    /// One call, and how long it took. Err when there is no answer, or a wrong one.
    pub(super) fn call(&mut self) -> Result<Duration, String> {
        let began = Instant::now();
        let answer = match &mut self.line {
            Line::Spawn(script) => script.run().map_err(|error| error.to_string())?,
            Line::Waiting(script, waiting) => {
                return script.run_ahead(waiting).map_err(|error| error.to_string());
            }
            Line::Pipe(pipe) => pipe.call()?,
            Line::Http(_, client) => return post(client),
        };
        let took = began.elapsed();
        check(&answer)?;
        Ok(took)
    }

    /// A question that reaches the service alone, where there is one.
    pub(super) fn health(&mut self) -> Option<Duration> {
        let Line::Http(_, client) = &mut self.line else { return None };
        let began = Instant::now();
        client.get("/health").ok().map(|_| began.elapsed())
    }

    /// Calls on so many connections at once, as many as there are in all: how many a second.
    pub(super) fn flood(&self, connections: usize, calls: usize) -> Option<Result<f64, String>> {
        let Line::Http(address, _) = self.line else { return None };
        let each = calls / connections;
        let caller = move || {
            let mut client = Client::new(address, Duration::from_secs(20));
            (0..each).try_for_each(|_| post(&mut client).map(drop))
        };
        let began = Instant::now();
        let answered = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..connections).map(|_| scope.spawn(caller)).collect();
            callers.into_iter().try_for_each(|caller| caller.join().unwrap_or_else(|_| Err("a caller panicked".into())))
        });
        let second = began.elapsed().as_secs_f64();
        Some(answered.map(|()| f64::from(u32::try_from(each * connections).unwrap_or(u32::MAX)) / second))
    }

    /// CPU time of the service and all it started; of this program, where nobody else starts scripts.
    pub(super) fn cpu_time(&self) -> Duration {
        match &self.service {
            Some(service) => process::cpu_time(&service.tree()),
            None => process::cpu_time(Process::own().as_slice()),
        }
    }

    /// Proportional bytes; `None` where nothing waits.
    pub(super) fn memory(&self) -> Option<u64> {
        self.service.as_ref().map(|service| process::memory(&service.tree()).proportional)
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.service.as_mut().is_none_or(Service::has_ended)
    }

    pub(super) fn last_words(&self) -> String {
        self.service.as_ref().map(Service::last_words).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Line::Waiting(_, Some(child)) = &mut self.line {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Pipe {
    /// Waits until the worker says that it is ready.
    pub(super) fn open(requests: ChildStdin, answers: ChildStdout) -> Result<Self, String> {
        let mut pipe = Self { requests, answers: BufReader::new(answers) };
        let ready = pipe.line()?;
        if ready.contains("ok") { Ok(pipe) } else { Err(format!("the worker said {ready:?}")) }
    }

    fn call(&mut self) -> Result<Vec<u8>, String> {
        let id = next_id();
        // What the watchdog sends, too.
        let line = format!(
            r#"{{"value":{BODY},"execution_id":"{id}","activation_id":"{id}","deadline":"1900000000000"}}{}"#,
            '\n'
        );
        self.requests.write_all(line.as_bytes()).map_err(|error| error.to_string())?;
        self.line().map(String::into_bytes)
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err("the worker hung up".into()),
            Ok(_) => Ok(line),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Script {
    fn start(&self) -> std::io::Result<Child> {
        let mut command = process::command(&self.program);
        command.arg(&self.path).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
    }

    /// What has to be done for a call when there is nothing else: start, write, read, wait.
    fn run(&self) -> std::io::Result<Vec<u8>> {
        let mut child = self.start()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(BODY.as_bytes())?;
        }
        child.wait_with_output().map(|output| output.stdout)
    }

    /// Writes and reads as far as the answer; what is started for the next call is not counted.
    fn run_ahead(&self, waiting: &mut Option<Child>) -> std::io::Result<Duration> {
        let mut child = match waiting.take() {
            Some(child) => child,
            None => self.start()?,
        };
        let began = Instant::now();
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(BODY.as_bytes())?;
        }
        let mut answer = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut answer)?;
        }
        let took = began.elapsed();
        child.wait()?;
        *waiting = Some(self.start()?);
        check(answer.as_bytes()).map_err(std::io::Error::other)?;
        Ok(took)
    }
}

fn post(client: &mut Client) -> Result<Duration, String> {
    let headers = format!("X-Execution-Id: {}\r\n", next_id());
    let began = Instant::now();
    let answer = client.post_with("/invoke", &headers, BODY).map_err(|failure| failure.to_string())?;
    let took = began.elapsed();
    if answer.status != 200 {
        return Err(format!("status {}: {}", answer.status, String::from_utf8_lossy(&answer.body)));
    }
    check(&answer.body)?;
    Ok(took)
}

fn check(answer: &[u8]) -> Result<(), String> {
    let is_right = answer.windows(ANSWER.len()).any(|part| part == ANSWER);
    if is_right { Ok(()) } else { Err(format!("the answer is {}", String::from_utf8_lossy(answer))) }
}

/// Executions of the same id are one execution.
fn next_id() -> String {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    format!("bench-{}", CALLS.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_not_taken_for_an_answer() {
        assert!(check(br#"{"result":"HELLO"}"#).is_ok());
        assert!(check(br#"{"error":"input must be a string"}"#).unwrap_err().contains("must be"));
    }

    #[test]
    fn no_two_executions_have_the_same_id() {
        assert_ne!(next_id(), next_id());
    }
}
