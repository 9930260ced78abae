//! Children of STDIO mode that are started ahead and wait for a call on their stdin.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use super::command_line::CommandLine;
use super::process::{Launch, LineLog, Process, Reserve, Spare, Stdin, Tail, describe, spawn};

/// How long the last lines of a child that has ended are waited for.
const LAST_LINES: Duration = Duration::from_millis(100);

/// How many wait, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ahead {
    pub(crate) children: usize,
    /// Before another one takes its place.
    pub(crate) max_idle: Option<Duration>,
}

impl Ahead {
    pub(super) fn keep(self, command: Arc<CommandLine>, grace: Duration) -> Reserve<Waiting> {
        Reserve::new(Program { command, grace }, self.children, self.max_idle, None)
    }
}

/// A child that waits.
pub(crate) struct Waiting(pub(super) Process);

/// What is started.
pub(crate) struct Program {
    command: Arc<CommandLine>,
    grace: Duration,
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
            Ok(process) => Some(Self(process)),
            Err(error) => {
                let error = error.message();
                tracing::error!(target: "nanofaas", code = "SPAWN_ERROR", error, "a child could not be started ahead");
                None
            }
        }
    }

    fn is_alive(&self) -> bool {
        !self.0.has_exited()
    }

    async fn ended(mut self) {
        let tail = Tail::default();
        let log = |stream| LineLog::new(stream, Some(tail.clone()), || None);
        let (stdout, stderr) = (self.0.stdout.take(), self.0.stderr.take());
        let lines = async {
            tokio::join!(
                async {
                    if let Some(stdout) = stdout {
                        log("stdout").follow(stdout).await;
                    }
                },
                async {
                    if let Some(stderr) = stderr {
                        log("stderr").follow(stderr).await;
                    }
                },
            )
        };
        let _ = tokio::time::timeout(LAST_LINES, lines).await;
        let how = self.0.finish_all().await.map_or_else(|error| error.to_string(), describe);
        let said = tail.text();
        tracing::error!(
            target: "nanofaas",
            how,
            said,
            "a waiting child ended: a program that is started ahead has to wait for its request on stdin"
        );
    }
}

/// The ids of a call are not known yet, and those of this process are not the call's.
fn environment() -> Vec<(&'static str, Option<OsString>)> {
    let mut environment: Vec<_> = super::stdio::IDS.iter().map(|name| (*name, None)).collect();
    environment.push(("NANOFAAS_PRESPAWNED", Some("1".into())));
    environment
}
