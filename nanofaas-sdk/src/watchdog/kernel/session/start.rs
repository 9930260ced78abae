//! The start of a session's interpreter: a spare one or a new one, and its start-up code.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::life::{Life, Log};
use super::{Control, Job};
use crate::protocol::Code;
use crate::watchdog::kernel::interpreter::{Event, Interpreter, NotStarted};

/// How long a spare interpreter has to take its session: somebody may have stopped it. Start-up code has more time
/// in the next one.
const SPARE_LIMIT: Duration = Duration::from_secs(2);

/// Why there is no interpreter.
pub(super) enum NoStart {
    Ended,
    Restart,
    Failed(NotStarted),
}

impl Life {
    /// Starts an interpreter and runs the start-up code in it. A spare one that is of no use is not the
    /// session's trouble: there is a second try.
    pub(super) async fn start(&mut self) -> Result<Interpreter, NoStart> {
        let spare = self.shared.spares.spare().await;
        if let Some(spare) = spare {
            match self.initialise(spare, SPARE_LIMIT.min(self.shared.rules.start_limit)).await {
                Err(NoStart::Failed(error)) => {
                    tracing::warn!(target: "nanofaas", session = %self.state.key, error = error.message, "a spare interpreter was of no use");
                }
                started => return started,
            }
        }
        let python = tokio::select! {
            biased;
            over = asked_to_end(&mut self.controls) => return Err(over),
            python = self.shared.spares.start() => python.map_err(NoStart::Failed)?,
        };
        self.initialise(python, self.shared.rules.start_limit).await
    }

    /// Tells an interpreter of its session, and waits until the start-up code has run.
    async fn initialise(&mut self, mut python: Interpreter, limit: Duration) -> Result<Interpreter, NoStart> {
        self.count = 0;
        python.init(&self.shared.rules.init);
        let started = tokio::select! {
            biased;
            over = asked_to_end(&mut self.controls) => Err(over),
            why = ready(&mut python, &mut self.stray) => match why {
                None => Ok(()),
                Some(why) => Err(NoStart::Failed(self.not_started(why))),
            },
            () = sleep(limit) => {
                let why = format!("its start-up code did not end within {} ms (READY_TIMEOUT_MS)", limit.as_millis());
                Err(NoStart::Failed(self.not_started(why)))
            }
        };
        match started {
            Ok(()) => Ok(python),
            Err(NoStart::Failed(mut error)) => {
                self.stray.end();
                let how = python.end().await;
                if error.message.is_empty() {
                    error.message = format!("the interpreter {how} during the start-up code");
                }
                Err(NoStart::Failed(error))
            }
            Err(over) => {
                tokio::spawn(python.end());
                Err(over)
            }
        }
    }

    fn not_started(&self, message: String) -> NotStarted {
        self.state.not_ready(message.clone());
        NotStarted { code: Code::Startup, message, exit_code: 1 }
    }

    /// Says why there is no interpreter, to the log and to all that wait, and waits a while.
    pub(super) async fn give_up(&mut self, error: &NotStarted, pause: Duration) -> Result<(), ()> {
        let NotStarted { code, message, .. } = error;
        tracing::error!(target: "nanofaas", session = %self.state.key, code = code.as_str(), error = message, "the interpreter did not start");
        self.state.not_ready(message.clone());
        self.state.is_restarting.store(false, Ordering::Relaxed);
        let over = tokio::time::Instant::now() + pause;
        loop {
            tokio::select! {
                biased;
                over = asked_to_end(&mut self.controls) => return match over {
                    NoStart::Ended => Err(()),
                    _ => Ok(()),
                },
                Some(job) = self.jobs.recv() => refuse(job, message),
                () = tokio::time::sleep_until(over) => return Ok(()),
            }
        }
    }
}

fn refuse(job: Job, reason: &str) {
    match job {
        Job::Execute(execution) => execution.fail(reason),
        Job::Ask { answer, .. } => drop(answer.send(Err(reason.to_owned()))),
    }
}

/// Waits until the start-up code has run; why it has not, which is empty where the process ended.
async fn ready(python: &mut Interpreter, log: &mut Log) -> Option<String> {
    loop {
        match python.next().await {
            Event::Ready(failed) => {
                for file in failed {
                    tracing::warn!(target: "nanofaas", file, "a start-up file failed, its traceback is above (WORKSPACE_FOLDER)");
                }
                return None;
            }
            Event::Log(bytes) => log.push(&bytes).await,
            Event::Exited => return Some(String::new()),
            Event::Broken(what) => return Some(format!("the interpreter sent {what} during the start-up code")),
            _ => return Some("the interpreter spoke out of turn".to_owned()),
        }
    }
}

/// Waits until no interpreter is wanted any more, or another one.
async fn asked_to_end(controls: &mut mpsc::UnboundedReceiver<Control>) -> NoStart {
    loop {
        match controls.recv().await {
            Some(Control::Restart) => return NoStart::Restart,
            Some(Control::Interrupt(_)) => {}
            Some(Control::Retire | Control::End) | None => return NoStart::Ended,
        }
    }
}
