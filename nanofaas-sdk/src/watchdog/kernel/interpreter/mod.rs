//! A running interpreter, as a session sees it.

mod either;
#[cfg(feature = "jupyter")]
mod jupyter;
mod pipe;
mod python;
mod spare;

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::output::{Output, Stream, Truncated};
use crate::watchdog::command_line::CommandLine;
pub(super) use either::Interpreter;
#[cfg(feature = "jupyter")]
pub(super) use jupyter::Kernelspec;
pub(super) use python::command;
pub(super) use spare::Spares;

/// What an interpreter tells, in the order in which it happened.
#[derive(Debug)]
pub(super) enum Event {
    /// The start-up code has run; the files of it that failed.
    Ready(Vec<String>),
    /// The execution wrote this.
    Stream(Stream, Bytes),
    /// Something wrote this that belongs to no execution.
    Log(Bytes),
    /// The execution showed this; and how long it is.
    Shown(Output, usize),
    /// The execution failed with this.
    Failed(Output),
    Finished(Finished),
    Answer(Bytes),
    Pong,
    /// The process has ended.
    Exited,
    /// It does not speak as it should; code that runs in it can do that.
    Broken(&'static str),
}

/// The end of an execution.
#[derive(Debug, Default)]
pub(super) struct Finished {
    pub(super) truncated: Truncated,
    pub(super) flow: Option<Box<RawValue>>,
}

/// What is to be executed.
#[derive(Debug, Serialize)]
pub(super) struct Execute<'a> {
    pub(super) code: &'a str,
    /// The number in `Cell In[1]`.
    pub(super) count: u64,
    /// Whether the value of the last expression is shown.
    pub(super) auto_display: bool,
    pub(super) flow: Option<&'a super::task::Flow>,
}

/// How interpreters are started.
#[derive(Clone, Debug)]
pub(super) struct Launcher {
    pub(super) command: Arc<CommandLine>,
    /// The Jupyter kernel that is started in the place of the command.
    #[cfg(feature = "jupyter")]
    pub(super) kernelspec: Option<Arc<Kernelspec>>,
    /// Between a signal and SIGKILL.
    pub(super) grace: Duration,
    /// From the start to the first sign of life.
    pub(super) ready_timeout: Duration,
}

/// Why an interpreter did not start.
#[derive(Clone, Debug)]
pub(super) struct NotStarted {
    pub(super) code: crate::protocol::Code,
    pub(super) message: String,
    pub(super) exit_code: u8,
}

/// How a process ended, in words; an error of the system where it cannot be known.
pub(super) fn told(status: std::io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => crate::watchdog::process::describe(status),
        Err(error) => format!("ended ({error})"),
    }
}
