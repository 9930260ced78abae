//! An execution in a kernel, as far as it is known.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::start_up::StartUp;
use super::text::{plain, traceback};
use crate::watchdog::kernel::output::{Output, Truncated};

/// How long outputs may come after the end of their execution, from kernels that send the two by
/// different tasks, as Deno does.
const LATE: Duration = Duration::from_millis(10);

/// How long the end may take to be told after everything else; a kernel drops messages where too
/// many wait.
const LOST: Duration = Duration::from_secs(2);

/// How long an interrupt may take to be answered, and the reply of what was interrupted to come.
const UNANSWERED: Duration = Duration::from_millis(300);

/// What a kernel was asked for at last.
pub(super) enum Work {
    Nothing,
    StartUp(Run, StartUp),
    Call(Run),
    Ping { id: String, answered: Option<Instant> },
}

/// An execution under way.
pub(super) struct Run {
    /// What all that comes of it carries.
    pub(super) id: String,
    pub(super) shows_result: bool,
    pub(super) reply: Option<Reply>,
    pub(super) stage: Stage,
    /// When the last of it was heard, and how much had arrived then.
    pub(super) heard: Instant,
    pub(super) received: u64,
    pub(super) has_failed: bool,
    /// Why it does not end by itself.
    pub(super) broken_off: Option<BrokenOff>,
    pub(super) truncated: Truncated,
}

/// How far an execution has come, as everybody is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// An interrupt would be lost.
    Sent,
    Begun,
    /// It has ended.
    Idle,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BrokenOff {
    Interrupted,
    /// It wanted to be told something, and nobody is there who could.
    WantsInput,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Reply {
    pub(super) status: String,
    pub(super) ename: String,
    pub(super) evalue: String,
    pub(super) traceback: Vec<String>,
}

impl Run {
    pub(super) fn new(id: String, shows_result: bool) -> Self {
        Self {
            id,
            shows_result,
            reply: None,
            stage: Stage::Sent,
            heard: Instant::now(),
            received: 0,
            has_failed: false,
            broken_off: None,
            truncated: Truncated::default(),
        }
    }

    /// Its error, as the kernel tells it or as we know it.
    pub(super) fn error(&self, reply: Reply) -> Output {
        if self.broken_off == Some(BrokenOff::WantsInput) {
            return Output::error("EOFError", "there is nobody to answer: input() is not available");
        }
        let Reply { status, ename, evalue, traceback: lines } = reply;
        // Kernels that only end what is interrupted have no name for that.
        if self.broken_off.is_some() && !self.has_failed {
            return Output::error("KeyboardInterrupt", plain(&evalue));
        }
        let name = if ename.is_empty() { format!("Error ({status})") } else { plain(&ename) };
        Output::Error { name, value: plain(&evalue), traceback: traceback(&lines) }
    }
}

impl Work {
    pub(super) fn run(&mut self) -> Option<&mut Run> {
        match self {
            Self::StartUp(run, _) | Self::Call(run) => Some(run),
            Self::Nothing | Self::Ping { .. } => None,
        }
    }

    /// Notes an interrupt; whether it is the time for it.
    pub(super) fn can_be_interrupted(&mut self) -> bool {
        self.run().is_none_or(|run| {
            run.broken_off.get_or_insert(BrokenOff::Interrupted);
            run.stage != Stage::Sent
        })
    }

    /// When it is over, if nothing more is heard.
    pub(super) fn due(&mut self, keeps_order: bool) -> Option<Instant> {
        if let Self::Ping { answered, .. } = self {
            return answered.map(|answered| answered + UNANSWERED);
        }
        let run = self.run()?;
        if run.reply.is_none() {
            // An interrupt that meets IPython before the code makes it forget the reply.
            let has_none = run.broken_off.is_some() && run.stage == Stage::Idle;
            return has_none.then_some(run.heard + UNANSWERED);
        }
        Some(match run.stage {
            Stage::Idle if keeps_order => run.heard,
            Stage::Idle => run.heard + LATE,
            Stage::Sent | Stage::Begun => run.heard + LOST,
        })
    }
}
