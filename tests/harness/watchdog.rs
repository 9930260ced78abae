//! A watchdog's process, and what it started.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::{Connection, ControlPlane, Ended, Function, Gate, Process, binary, child, eventually, has_command, skip};

/// Names the test's watchdog in the environment of everything that it starts.
const MARK: &str = "NANOFAAS_TESTS_MARK";
/// Runs a program as the first process of its own world.
const AS_INIT: [&str; 6] = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--"];

/// A running watchdog. It and everything it started are killed when this is dropped.
#[derive(Debug)]
pub struct Watchdog {
    function: Function,
    mark: String,
    behind: Behind,
}

/// What stands between this test and the watchdog.
#[derive(Debug, PartialEq, Eq)]
enum Behind {
    Nothing,
    Unshare,
}

impl Watchdog {
    /// Starts a warm one in this mode with this `WATCHDOG_CMD`, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// Where it does not become ready.
    #[must_use]
    pub fn start(mode: &str, command: &str, extra: &[(&str, &str)]) -> Self {
        let mut watchdog = Self::spawn(mode, command, extra);
        watchdog.wait_until_ready();
        watchdog
    }

    /// Starts a warm one with a `child` that is spoken to as the mode says.
    #[must_use]
    pub fn with_child(mode: &str, extra: &[(&str, &str)]) -> Self {
        Self::start(mode, &child(&mode.to_lowercase()), extra)
    }

    /// Starts a warm one without waiting.
    #[must_use]
    pub fn spawn(mode: &str, command: &str, extra: &[(&str, &str)]) -> Self {
        Self::through(&[], mode, command, extra)
    }

    /// Starts a warm one behind these words of a command line, which execute what follows them.
    #[must_use]
    pub fn through(before: &[&str], mode: &str, command: &str, extra: &[(&str, &str)]) -> Self {
        let words: Vec<String> = before.iter().map(|word| (*word).to_owned()).collect();
        Self::launch(words, &binary("nanofaas-watchdog"), mode, command, extra)
    }

    /// The same with another copy of the watchdog.
    #[must_use]
    pub fn launch(words: Vec<String>, program: &Path, mode: &str, command: &str, extra: &[(&str, &str)]) -> Self {
        let mark = mark();
        let own = warm(mode, command);
        let behind =
            if words.first().is_some_and(|word| word == AS_INIT[0]) { Behind::Unshare } else { Behind::Nothing };
        let mut line = words;
        line.push(program.display().to_string());
        let mut started = Command::new(&line[0]);
        started.args(&line[1..]).env_clear().envs(path()).envs(own).env(MARK, &mark).envs(extra.iter().copied());
        Self { function: Function::launch(started), mark: format!("{MARK}={mark}"), behind }
    }

    /// Starts one with these variables, `PATH` and nothing else, without waiting.
    #[must_use]
    pub fn with_variables(variables: &[(&str, &str)]) -> Self {
        let mark = mark();
        let mut command = Command::new(binary("nanofaas-watchdog"));
        command.env_clear().envs(path()).env(MARK, &mark).envs(variables.iter().copied());
        Self { function: Function::launch(command), mark: format!("{MARK}={mark}"), behind: Behind::Nothing }
    }

    /// Starts a warm one as PID 1; `None`, with a printed reason, where the machine forbids it.
    #[must_use]
    pub fn as_init(mode: &str, command: &str, extra: &[(&str, &str)]) -> Option<Self> {
        if !has_command(&[&AS_INIT[..], &["true"]].concat()) {
            skip("`unshare --pid` is not there or not allowed: nothing can be PID 1");
            return None;
        }
        let mut watchdog = Self::through(&AS_INIT, mode, command, extra);
        watchdog.wait_until_ready();
        Some(watchdog)
    }

    /// Runs one to its end with exactly these variables and `PATH`.
    #[must_use]
    pub fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        let mut command = Command::new(binary("nanofaas-watchdog"));
        command.args(arguments).env_clear().envs(path()).envs(variables.iter().copied());
        Function::run_command(command, "")
    }

    /// Runs one to its end that is warm, as [`Watchdog::start`] would start it.
    #[must_use]
    pub fn run_warm(mode: &str, command: &str, extra: &[(&str, &str)]) -> Ended {
        Self::run(&[], &[&warm(mode, command)[..], extra].concat())
    }

    /// Runs the execution `e-1` once, with its callback to this control plane.
    #[must_use]
    pub fn once(mode: &str, command: &str, plane: &ControlPlane, payload: &str, extra: &[(&str, &str)]) -> Ended {
        let url = plane.callback_url();
        let own = [
            ("EXECUTION_ID", "e-1"),
            ("CALLBACK_URL", url.as_str()),
            ("INVOCATION_PAYLOAD", payload),
            ("RUNTIME_URL", "http://127.0.0.1:0/invoke"),
            ("EXECUTION_MODE", mode),
            ("WATCHDOG_CMD", command),
        ];
        Self::run(&[], &[&own, extra].concat())
    }

    /// The watchdog's own process.
    #[must_use]
    pub fn process(&self) -> Process {
        let started = Process(self.function.id());
        match self.behind {
            Behind::Nothing => started,
            Behind::Unshare => eventually("a process behind unshare", || started.children().first().copied()),
        }
    }

    /// Everything alive that came from it, but for copies of itself.
    #[must_use]
    pub fn family(&self) -> Vec<Process> {
        let own = ["nanofaas-watchdog", "unshare"];
        let is_own = |process: &Process| {
            process
                .program()
                .is_none_or(|program| own.iter().any(|name| program.file_name().is_some_and(|known| known == *name)))
        };
        Process::marked(&self.mark).into_iter().filter(|process| !is_own(process)).collect()
    }

    /// Waits until nothing that it started is alive.
    pub fn wait_until_alone(&self) {
        eventually("an end of all children", || self.family().is_empty().then_some(()));
    }

    /// Sends it a signal such as `TERM`.
    ///
    /// # Panics
    ///
    /// Where it is gone.
    pub fn signal(&self, signal: &str) {
        assert!(self.process().signal(signal), "the watchdog is gone");
    }

    /// Asks it to end, and waits for its clean end.
    ///
    /// # Panics
    ///
    /// Where its end is not clean.
    pub fn stop(&mut self) {
        self.signal("TERM");
        assert_eq!(self.wait().code(), Some(0), "{:#?}", self.log());
    }

    /// What a child says of itself, as `child` does with `report`.
    ///
    /// # Panics
    ///
    /// Where the call fails.
    #[must_use]
    pub fn report(&self, execution_id: &str) -> Value {
        let answer = self.invoke(execution_id, &json!({ "report": true }));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// The process that serves a call now.
    ///
    /// # Panics
    ///
    /// Where the call fails.
    #[must_use]
    pub fn child(&self, execution_id: &str) -> Process {
        let id = self.report(execution_id)["pid"].as_u64().expect("a process id");
        Process(id.try_into().expect("a process id"))
    }

    /// Begins a call that waits at the gate, and waits until it does.
    #[must_use]
    pub fn hold(&self, execution_id: &str, gate: &Gate) -> Connection {
        let mut caller = self.connect();
        caller.begin(&[("X-Execution-Id", execution_id)], &json!({ "input": { "gate": gate.path() } }).to_string());
        let _ = gate.entered_by();
        caller
    }

    /// Waits until this path is answered with this status.
    pub fn wait_for_status(&self, path: &str, status: u16) {
        eventually(&format!("{path} {status}"), || (self.get(path).status == status).then_some(()));
    }

    /// The only line that tells the end of this execution.
    ///
    /// # Panics
    ///
    /// Where there is another number of them.
    #[must_use]
    pub fn line(&self, execution_id: &str) -> Value {
        let of = |line: &Value| line["message"] == "invocation" && line["execution_id"] == execution_id;
        let line = self.wait_for_log("an invocation's line", of);
        assert_eq!(self.log_lines(of).len(), 1, "{execution_id}");
        line
    }
}

/// A value that nobody else has.
#[must_use]
pub fn mark() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// What makes a watchdog warm, on free ports.
fn warm<'a>(mode: &'a str, command: &'a str) -> [(&'static str, &'a str); 5] {
    [
        ("WARM", "true"),
        ("WARM_PORT", "0"),
        ("RUNTIME_URL", "http://127.0.0.1:0/invoke"),
        ("EXECUTION_MODE", mode),
        ("WATCHDOG_CMD", command),
    ]
}

/// Where children are found.
fn path() -> Option<(&'static str, std::ffi::OsString)> {
    std::env::var_os("PATH").map(|path| ("PATH", path))
}

impl Deref for Watchdog {
    type Target = Function;

    fn deref(&self) -> &Function {
        &self.function
    }
}

impl DerefMut for Watchdog {
    fn deref_mut(&mut self) -> &mut Function {
        &mut self.function
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // The function's own end follows and is waited for. A second look finds what was being started.
        for _ in 0..2 {
            for process in Process::marked(&self.mark) {
                let _ = process.signal("KILL");
            }
        }
    }
}
