//! The start of a kept child, up to its first answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::lease::Generation;
use super::logs;
use super::supervisor::Supervisor;
use crate::protocol::Code;
use crate::watchdog::process::{Drained, Launch, Process, Tail, describe, exit_code, spawn};

/// The pauses between two questions to a child that starts: short at first, since many take
/// milliseconds only.
const FIRST_ASK: Duration = Duration::from_millis(1);
const LONGEST_ASK: Duration = Duration::from_millis(50);

/// How long one question may take.
pub(super) const ANSWER: Duration = Duration::from_secs(1);

/// How long calls wait for a child that is started at once in another one's place, before they are refused.
const QUICK: Duration = Duration::from_secs(1);

/// How long the last lines of a child that has ended are waited for.
const LAST_LINES: Duration = Duration::from_millis(100);

/// A process that has answered.
pub(super) struct Started {
    pub(super) process: Process,
    pub(super) generation: Arc<Generation>,
    pub(super) init: Duration,
}

/// Why a process did not come to answer.
pub(super) enum NotStarted {
    Stopped,
    Failed { code: Code, message: String, exit_code: u8 },
}

impl Supervisor {
    pub(super) async fn start(&self) -> Result<Started, NotStarted> {
        let program = &self.shared.program;
        let began = Instant::now();
        let failed = |code, message, exit_code| NotStarted::Failed { code, message, exit_code };
        program.check_free().await.map_err(|reason| failed(Code::Startup, reason, 1))?;
        let stdin = program
            .connect()
            .map_err(|error| failed(Code::Spawn, format!("there is no pipe for the child: {error}"), 1))?;
        let launch = Launch {
            command: Arc::clone(program.command()),
            environment: program.environment(),
            stdin,
            grace: self.shared.rules.grace,
            keeps: Box::new(()),
        };
        let mut process = spawn(launch).await.map_err(|error| failed(Code::Spawn, error.message().to_owned(), 1))?;
        let generation = Arc::new(Generation::new(self.shared.rules.max_invocations, program.outlives_calls()));
        let (tail, lines) = follow(&mut process, &generation);
        let last_answer = Mutex::new(String::new());
        tokio::select! {
            biased;
            _ = self.shared.stop.wait() => {
                let _ = process.terminate().await;
                Err(NotStarted::Stopped)
            }
            () = self.not_for_long() => unreachable!("it never ends"),
            () = self.answers(&last_answer) => Ok(Started { process, generation, init: began.elapsed() }),
            () = process.exited() => {
                let _ = timeout(LAST_LINES, lines).await;
                let (what, code) = match process.finish_all().await {
                    Ok(status) => (describe(status), exit_code(status)),
                    Err(error) => (error.to_string(), 1),
                };
                let message = tail.after(&format!("the child {what} before it was ready"));
                Err(failed(Code::Startup, message, code))
            }
            () = sleep(self.shared.rules.ready_timeout) => {
                let limit = self.shared.rules.ready_timeout.as_millis();
                let reason = last_answer.into_inner().unwrap_or_else(PoisonError::into_inner);
                let what = format!(
                    "the child was not ready within {limit} ms (READY_TIMEOUT_MS): {}: {reason}", program.question(),
                );
                let message = tail.after(&what);
                let _ = process.terminate().await;
                Err(failed(Code::Startup, message, 1))
            }
        }
    }

    /// A start for which calls wait is not waited for without end: after a while there is no child.
    async fn not_for_long(&self) {
        if self.is_replaced_quickly {
            sleep(QUICK).await;
            self.down();
        }
        std::future::pending::<()>().await;
    }

    /// Asks the child until it answers; leaves behind what it said instead.
    pub(super) async fn answers(&self, instead: &Mutex<String>) {
        let mut pause = FIRST_ASK;
        loop {
            let asked = timeout(ANSWER, self.shared.program.probe()).await;
            match asked.unwrap_or_else(|_| Err("no answer".to_owned())) {
                Ok(()) => return,
                Err(reason) => {
                    *instead.lock().unwrap_or_else(PoisonError::into_inner) = reason;
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_ASK);
        }
    }
}

/// Logs what a process writes; the last lines, and the end of all of them.
fn follow(process: &mut Process, generation: &Arc<Generation>) -> (Tail, impl Future<Output = ()> + use<>) {
    let tail = generation.tail().clone();
    let log = |name, stream: Option<Drained>| {
        stream.map(|stream| tokio::spawn(logs::follow(name, stream, Arc::clone(generation))))
    };
    let (stdout, stderr) = (log("stdout", process.stdout.take()), log("stderr", process.stderr.take()));
    let both = async move {
        for task in [stdout, stderr].into_iter().flatten() {
            let _ = task.await;
        }
    };
    (tail, both)
}
