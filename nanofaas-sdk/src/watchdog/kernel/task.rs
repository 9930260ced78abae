//! Code that somebody wants to be executed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::output::{Output, Report};

/// Whose state code sees and leaves behind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// One of the sessions that are always there.
    Number(u32),
    /// A flow's.
    Flow(i64),
    /// One that callers name.
    Name(String),
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Flow(id) => write!(formatter, "flow {id}"),
            Self::Name(name) => write!(formatter, "{name:?}"),
        }
    }
}

/// Code, and all that belongs to its one execution.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) session: Key,
    pub(crate) code: String,
    /// Whether the value of the last expression is shown.
    pub(crate) auto_display: bool,
    /// How long it may run; `None` for as long as its invocation.
    pub(crate) limit: Option<Duration>,
    pub(crate) flow: Option<Flow>,
    /// Who wants to know of its outputs at once.
    pub(crate) listener: Option<UnboundedSender<Heard>>,
    /// How it ended, once it has.
    report: Mutex<Option<Report>>,
}

/// What a listener hears.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    /// The code has its place in the queue, or runs.
    Entered,
    Output(Output),
}

/// What code of a flow works on, in the words of its contract.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "they are the contract's")]
pub(crate) struct Flow {
    pub(crate) node_id: Value,
    pub(crate) flow_id: i64,
    pub(crate) input_paths: BTreeMap<String, Vec<String>>,
    pub(crate) output_dir: String,
    pub(crate) log_callback_url: String,
}

impl Task {
    pub(crate) fn new(session: Key, code: String, limit: Option<Duration>) -> Self {
        Self { session, code, auto_display: true, limit, flow: None, listener: None, report: Mutex::default() }
    }

    /// Tells the listener; nobody may listen any more.
    pub(super) fn tell(&self, heard: Heard) {
        if let Some(listener) = &self.listener {
            let _ = listener.send(heard);
        }
    }

    pub(super) fn done(&self, report: Report) {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
    }

    /// How it ended; `None` where it did not begin or has been asked before.
    pub(crate) fn take_report(&self) -> Option<Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
