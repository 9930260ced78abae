//! One of the kinds of interpreters, with what a session does with any of them.

use serde_json::Value;

use super::python::Python;
use super::{Event, Execute, Launcher, NotStarted};
use crate::watchdog::kernel::wire::Request;

/// A running interpreter.
pub(in crate::watchdog::kernel) enum Interpreter {
    /// The embedded one.
    Python(Box<Python>),
    /// An installed kernel.
    #[cfg(feature = "jupyter")]
    Jupyter(Box<super::jupyter::Jupyter>),
}

/// Does the same with any kind.
macro_rules! any {
    ($interpreter:expr, $it:ident => $do:expr) => {
        match $interpreter {
            Interpreter::Python($it) => $do,
            #[cfg(feature = "jupyter")]
            Interpreter::Jupyter($it) => $do,
        }
    };
}

impl Interpreter {
    /// Starts one and waits until it listens.
    pub(in crate::watchdog::kernel) async fn start(launcher: &Launcher) -> Result<Self, NotStarted> {
        #[cfg(feature = "jupyter")]
        if let Some(spec) = &launcher.kernelspec {
            return Ok(Self::Jupyter(Box::new(super::jupyter::Jupyter::start(spec, launcher).await?)));
        }
        Ok(Self::Python(Box::new(Python::start(launcher).await?)))
    }

    /// Tells it of its session; [`Event::Ready`] follows when the start-up code has run.
    pub(in crate::watchdog::kernel) fn init(&mut self, options: &Value) {
        match self {
            Self::Python(python) => python.send(Request::Init, 0, options.to_string().as_bytes()),
            #[cfg(feature = "jupyter")]
            Self::Jupyter(kernel) => kernel.init(options),
        }
    }

    /// Executes code, whose outputs follow up to [`Event::Finished`]. The token is a number that
    /// nobody can guess.
    pub(in crate::watchdog::kernel) fn execute(&mut self, token: u64, execute: &Execute<'_>) {
        match self {
            Self::Python(python) => {
                python.send(Request::Execute, token, &serde_json::to_vec(execute).unwrap_or_default());
            }
            #[cfg(feature = "jupyter")]
            Self::Jupyter(kernel) => kernel.execute(execute),
        }
    }

    /// Asks something between two executions; [`Event::Answer`] follows.
    pub(in crate::watchdog::kernel) fn ask(&mut self, token: u64, question: &Value) {
        match self {
            Self::Python(python) => python.send(Request::Ask, token, question.to_string().as_bytes()),
            #[cfg(feature = "jupyter")]
            Self::Jupyter(kernel) => kernel.ask(),
        }
    }

    /// Asks whether it has done all that came before; [`Event::Pong`] follows.
    pub(in crate::watchdog::kernel) fn ping(&mut self, token: u64) {
        match self {
            Self::Python(python) => python.send(Request::Ping, token, b""),
            #[cfg(feature = "jupyter")]
            Self::Jupyter(kernel) => kernel.ping(),
        }
    }

    /// What happens next. Nothing is lost where this is dropped early.
    pub(in crate::watchdog::kernel) async fn next(&mut self) -> Event {
        any!(self, it => it.next().await)
    }

    /// What it says from now on belongs to no execution.
    pub(in crate::watchdog::kernel) fn rest(&mut self) {
        any!(self, it => it.rest());
    }

    /// Asks the running code to end.
    pub(in crate::watchdog::kernel) fn interrupt(&mut self) {
        any!(self, it => it.interrupt());
    }

    /// Whether an interrupt that was sent may still be on its way: one that asks is told when none is.
    pub(in crate::watchdog::kernel) fn takes_doubt(&mut self) -> bool {
        any!(self, it => it.takes_doubt())
    }

    /// Believes nothing any more, and kills it.
    pub(in crate::watchdog::kernel) fn give_up(&mut self) {
        any!(self, it => it.give_up());
    }

    /// Kills it; [`next`](Self::next) tells of its end.
    pub(in crate::watchdog::kernel) fn kill(&self) {
        any!(self, it => it.kill());
    }

    pub(in crate::watchdog::kernel) fn is_alive(&self) -> bool {
        any!(self, it => it.is_alive())
    }

    /// Ends what is left of it; how it ended, in words.
    pub(in crate::watchdog::kernel) async fn end(self) -> String {
        any!(self, it => it.end().await)
    }
}
