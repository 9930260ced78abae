//! Children of STDIO mode that are started ahead and wait for a call on their stdin.

use std::ffi::OsString;
use std::process::ExitStatus;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::attend::Errors;
use super::command_line::CommandLine;
use super::process::{Kept, Launch, Process, Reserve, Spare, Stdin, describe, spawn};

/// How long the last lines of a child that has ended are waited for.
const LAST_LINES: Duration = Duration::from_millis(100);

/// How many wait, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ahead {
    pub(crate) children: usize,
    /// Before another one takes its place.
    pub(crate) max_idle: Option<Duration>,
    /// Whether the CPU is the watchdog's when one has answered.
    pub(crate) give_way: bool,
}

impl Ahead {
    pub(super) fn keep(self, command: Arc<CommandLine>, grace: Duration) -> Reserve<Waiting> {
        Reserve::new(Program { command, grace, give_way: self.give_way }, self.children, self.max_idle, None)
    }
}

/// A child that waits.
pub(crate) struct Waiting {
    process: Process,
    errors: Errors,
    /// The call that it got.
    execution_id: Arc<OnceLock<String>>,
}

impl Waiting {
    /// Gives it a call, whose lines its own are from now on.
    pub(super) fn take(mut self, execution_id: &str, keeps: Kept) -> (Process, Errors) {
        // It is taken once.
        let _ = self.execution_id.set(execution_id.to_owned());
        self.process.keep(keeps);
        (self.process, self.errors)
    }
}

/// What is started.
pub(crate) struct Program {
    command: Arc<CommandLine>,
    grace: Duration,
    give_way: bool,
}

impl Spare for Waiting {
    type Starter = Program;

    async fn start(program: &Program) -> Option<Self> {
        let launch = Launch {
            command: Arc::clone(&program.command),
            environment: environment(),
            stdin: Stdin::Pipe,
            grace: program.grace,
            keeps: Box::new(()),
        };
        match spawn(launch).await {
            Ok(mut process) => {
                if program.give_way {
                    process.gives_way();
                }
                let execution_id = Arc::<OnceLock<String>>::default();
                let known = Arc::clone(&execution_id);
                let errors = Errors::of(&mut process, move || known.get().cloned());
                Some(Self { process, errors, execution_id })
            }
            Err(error) => {
                let error = error.message();
                tracing::error!(target: "nanofaas", code = "SPAWN_ERROR", error, "a child could not be started ahead");
                None
            }
        }
    }

    fn is_alive(&self) -> bool {
        !self.process.has_exited()
    }

    async fn ended(self) {
        let tail = self.errors.last(LAST_LINES).await;
        let status = self.process.finish_all().await;
        let is_well = status.as_ref().is_ok_and(ExitStatus::success);
        let how = status.map_or_else(|error| error.to_string(), describe);
        let said = tail.text();
        let hint = "a program that is started ahead has to wait for its request on stdin";
        if is_well {
            tracing::warn!(target: "nanofaas", how, said, "a waiting child ended: {hint}");
        } else {
            tracing::error!(target: "nanofaas", how, said, "a waiting child ended: {hint}");
        }
    }
}

/// The ids of a call are not known yet, and those of this process are not the call's.
fn environment() -> Vec<(&'static str, Option<OsString>)> {
    let mut environment: Vec<_> = super::stdio::IDS.iter().map(|name| (*name, None)).collect();
    environment.push(("NANOFAAS_PRESPAWNED", Some("1".into())));
    environment
}
