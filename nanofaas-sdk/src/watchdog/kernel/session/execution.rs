//! One run of code in an interpreter, from its begin to its end or to the interpreter's.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::{Instant as TokioInstant, sleep_until, timeout};

use super::life::{Life, Over};
use super::{Control, Execution, Turn, lock};
use crate::metrics::Restart;
use crate::watchdog::kernel::collect::Collector;
use crate::watchdog::kernel::interpreter::{Event, Execute, Finished, Interpreter};
use crate::watchdog::kernel::output::{Output, Report};

/// How long a killed process may take to be gone before its call is answered without it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long an interpreter has to answer after an interrupt.
const SETTLING: Duration = Duration::from_secs(1);

/// A number that code cannot guess: its frames are told by it.
pub(super) fn token() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // 0 is nobody's.
    RandomState::new().hash_one(COUNT.fetch_add(1, Ordering::Relaxed)).max(1)
}

/// Why an execution does not end by itself.
#[derive(Clone, Debug)]
enum Cause {
    TimedOut(Duration),
    /// Somebody asked for it, or nobody waits any more.
    Interrupted,
    Restart,
    End,
    Broken(&'static str),
}

impl Execution {
    /// Ends it without an interpreter.
    pub(super) fn fail(self, reason: &str) {
        self.answer(Report { outputs: vec![Output::error("KernelError", reason)], ..Report::default() });
    }

    /// Gives the call back: its session ended before.
    pub(super) fn miss(self) {
        let Self { call, done, .. } = self;
        // Where nobody waits for it, it ends here.
        let _ = done.send(Turn::Missed(call));
    }

    fn answer(self, report: Report) {
        let Self { task, call, done } = self;
        task.done(report);
        // The slot is free before the answer is known.
        drop(call);
        let _ = done.send(Turn::Executed);
    }
}

impl Life {
    /// Runs code and answers its call; `Err` where the interpreter is not left.
    pub(super) async fn execute(&mut self, mut python: Interpreter, execution: Execution) -> Result<Interpreter, Over> {
        let cancel = execution.call.context.cancellation();
        if cancel.why().is_some() {
            // Nobody waits for it any more.
            return Ok(python);
        }
        let token = token();
        let started = Instant::now();
        *lock(&self.state.running) = Some(token);
        let mut run = Running {
            collector: Collector::new(self.shared.rules.output_limit, Some(Arc::clone(&execution.task))),
            cause: None,
            kill_at: None,
            grace: self.shared.rules.grace,
            finished: None,
            is_last: false,
        };
        let left = run.follow(self, &mut python, &execution, token, started).await;
        *lock(&self.state.running) = None;
        let (kept, how) = match left {
            Left::Well => {
                python.rest();
                (Some(python), None)
            }
            Left::Gone => (None, Some(python.end().await)),
        };
        let is_lost = kept.is_none();
        let left = match (&run.cause, &how) {
            (Some(Cause::Restart), _) => Err(Over::Restart(kept)),
            (Some(Cause::End), _) => Err(Over::Ended(kept)),
            _ if run.is_last => Err(Over::Ended(kept)),
            (_, None) => kept.ok_or(Over::Lost),
            (Some(Cause::TimedOut(_) | Cause::Interrupted), _) => {
                self.lost("its code did not end when it was interrupted, and was killed", Restart::Hang);
                Err(Over::Lost)
            }
            (Some(Cause::Broken(what)), _) => {
                self.lost(&format!("it sent {what} and was ended"), Restart::Crash);
                Err(Over::Lost)
            }
            (None, Some(how)) => {
                self.lost(&format!("it {how} during a call"), Restart::Crash);
                Err(Over::Lost)
            }
        };
        if is_lost {
            // Whoever asks right after the answer must not be told that it is ready.
            self.gone();
        }
        execution.answer(self.report(run, how, started));
        self.settled(left?).await
    }

    /// Waits until a signal that may be on its way has arrived: it must not meet the next execution.
    async fn settled(&mut self, mut python: Interpreter) -> Result<Interpreter, Over> {
        if !python.takes_doubt() || matches!(timeout(SETTLING, self.ping(&mut python)).await, Ok(Ok(()))) {
            return Ok(python);
        }
        python.end().await;
        self.lost("it did not come to rest after an interrupt, and was killed", Restart::Hang);
        Err(Over::Lost)
    }

    /// How it ended; `how` is the end of the interpreter, if it is gone.
    fn report(&self, run: Running, how: Option<String>, started: Instant) -> Report {
        let Running { mut collector, cause, finished, .. } = run;
        let error = match (cause, how) {
            (Some(Cause::TimedOut(limit)), _) => {
                let seconds = limit.as_secs_f64();
                Some(Output::error("TimeoutError", format!("Execution timed out after {seconds} seconds")))
            }
            (None | Some(Cause::Interrupted | Cause::Restart | Cause::End | Cause::Broken(_)), None) => None,
            (Some(Cause::Restart), Some(_)) => Some(died("was restarted during the execution")),
            (Some(Cause::End), Some(_)) => Some(died("was ended during the execution")),
            (Some(Cause::Interrupted), Some(_)) => Some(died("did not end when it was interrupted, and was killed")),
            (Some(Cause::Broken(what)), Some(_)) => Some(died(&format!("sent {what} and was ended"))),
            (None, Some(how)) => Some(died(&how)),
        };
        if let Some(error) = error {
            collector.fail(error);
        }
        let Finished { truncated, flow } = finished.unwrap_or_default();
        collector.note(truncated);
        if let Some(Value::Object(artifacts)) = flow
            .as_ref()
            .and_then(|flow| serde_json::from_str::<Value>(flow.get()).ok())
            .map(|mut flow| flow["artifacts"].take())
        {
            *lock(&self.state.artifacts) = artifacts;
        }
        let (outputs, truncated) = collector.finish();
        Report { outputs, truncated, flow, duration: started.elapsed() }
    }
}

fn died(how: &str) -> Output {
    Output::error("KernelError", format!("the kernel {how}; a new one is started, the state is lost"))
}

/// What is left of an interpreter after an execution.
enum Left {
    Well,
    Gone,
}

struct Running {
    collector: Collector,
    /// What ends it before its time.
    cause: Option<Cause>,
    kill_at: Option<TokioInstant>,
    grace: Duration,
    finished: Option<Finished>,
    /// The session is to end after this one.
    is_last: bool,
}

impl Running {
    /// Sends the code, and takes what comes of it until it ends.
    async fn follow(
        &mut self,
        life: &mut Life,
        python: &mut Interpreter,
        execution: &Execution,
        token: u64,
        started: Instant,
    ) -> Left {
        let task = &execution.task;
        life.count += 1;
        life.state.has_namespace.store(true, Ordering::Relaxed);
        let execute =
            Execute { code: &task.code, count: life.count, auto_display: task.auto_display, flow: task.flow.as_ref() };
        let cancel = execution.call.context.cancellation();
        let limit = task.limit.map(|limit| (limit, TokioInstant::from_std(started + limit)));
        python.execute(token, &execute);
        let mut is_killed = false;
        loop {
            // Floods of output must not keep the clock from being looked at.
            tokio::select! {
                biased;
                control = life.controls.recv() => match control {
                    Some(Control::Interrupt(of)) if of == token => self.interrupt(python, Cause::Interrupted),
                    Some(Control::Interrupt(_)) => {}
                    Some(Control::Restart) => self.kill(python, Cause::Restart),
                    Some(Control::Retire) => self.is_last = true,
                    Some(Control::End) | None => self.kill(python, Cause::End),
                },
                _ = cancel.wait(), if self.cause.is_none() => self.interrupt(python, Cause::Interrupted),
                () = until(limit.map(|(_, end)| end)), if self.cause.is_none() => {
                    self.interrupt(python, Cause::TimedOut(limit.map_or(Duration::ZERO, |(limit, _)| limit)));
                }
                () = until(self.kill_at) => {
                    if is_killed {
                        // The system cannot end it: the call does not wait for that.
                        return Left::Gone;
                    }
                    is_killed = true;
                    python.kill();
                    self.kill_at = Some(TokioInstant::now() + PATIENCE);
                }
                event = python.next() => match event {
                    Event::Stream(stream, bytes) => self.collector.write(stream, &bytes),
                    Event::Log(bytes) => life.log(&bytes).await,
                    Event::Shown(output, length) => self.collector.push(output, length),
                    // What the interrupt of ours looks like in the code is not its own error.
                    Event::Failed(_) if matches!(self.cause, Some(Cause::TimedOut(_))) => {}
                    Event::Failed(error) => self.collector.fail(error),
                    Event::Finished(finished) => {
                        self.finished = Some(finished);
                        return Left::Well;
                    }
                    Event::Exited => return Left::Gone,
                    Event::Broken(what) => self.broken(python, what),
                    Event::Ready(_) | Event::Answer(_) | Event::Pong => self.broken(python, "something out of turn"),
                },
            }
        }
    }

    /// Asks the code to end, and gives it the grace to do so.
    fn interrupt(&mut self, python: &mut Interpreter, cause: Cause) {
        if self.cause.is_none() {
            self.cause = Some(cause);
            python.interrupt();
            self.kill_at = Some(TokioInstant::now() + self.grace);
        }
    }

    fn kill(&mut self, python: &Interpreter, cause: Cause) {
        self.cause = Some(cause);
        python.kill();
        self.kill_at.get_or_insert_with(|| TokioInstant::now() + PATIENCE);
    }

    fn broken(&mut self, python: &mut Interpreter, what: &'static str) {
        self.cause.get_or_insert(Cause::Broken(what));
        python.give_up();
        self.kill_at.get_or_insert_with(|| TokioInstant::now() + PATIENCE);
    }
}

async fn until(end: Option<TokioInstant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}
