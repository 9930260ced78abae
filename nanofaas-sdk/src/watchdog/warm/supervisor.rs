//! The task that owns a kept child: one process after the other, until it is told to stop.

use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::Shared;
use super::lease::{Generation, Stand};
use super::logs;
use super::presence::Presence;
use crate::metrics::Restart;
use crate::protocol::Code;
use crate::start_error::StartError;
use crate::watchdog::process::{Drained, Launch, Process, Tail, describe, exit_code, spawn};

/// The pause before a child that ended by itself is started again; doubles every time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The pauses between two questions to a child that starts: short at first, since many take
/// milliseconds only.
const FIRST_ASK: Duration = Duration::from_millis(1);
const LONGEST_ASK: Duration = Duration::from_millis(50);

/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(1);

/// How long a child that may hang has to answer before it counts as not ready.
const DOUBT: Duration = Duration::from_millis(100);

/// How long calls wait for a child that is started at once in another one's place, before they are refused.
const QUICK: Duration = Duration::from_secs(1);

/// How long the last lines of a child that has ended are waited for.
const LAST_LINES: Duration = Duration::from_millis(100);

pub(super) struct Supervisor {
    shared: Arc<Shared>,
    presence: Presence,
    /// Ends in a row without a successful call.
    crashes: u32,
    /// Calls wait for the one that is being started, for a while.
    is_replaced_quickly: bool,
}

/// A process that has answered.
struct Started {
    process: Process,
    generation: Arc<Generation>,
    init: Duration,
}

/// Why a process did not come to answer.
enum NotStarted {
    Stopped,
    Failed { code: Code, message: String, exit_code: u8 },
}

/// Why a process serves no longer.
enum Over {
    Stopped,
    /// It has taken as many calls as it should.
    WornOut,
    Exited,
    Hung,
    /// It must not take another call, for this reason.
    Spoiled(String),
}

impl Supervisor {
    pub(super) fn new(shared: Arc<Shared>, presence: Presence) -> Self {
        presence.stage.metrics.keeps_child();
        Self { shared, presence, crashes: 0, is_replaced_quickly: false }
    }

    /// Keeps a child running; tells how the first start went.
    pub(super) async fn run(mut self, first: oneshot::Sender<Result<(), StartError>>) {
        let mut first = Some(first);
        loop {
            let started = match self.start().await {
                Ok(started) => started,
                Err(NotStarted::Stopped) => break,
                Err(NotStarted::Failed { code, message, exit_code }) => {
                    if let Some(first) = first.take() {
                        let error = StartError::Child { code: code.as_str(), message, exit_code: exit_code.max(1) };
                        let _ = first.send(Err(error));
                        break;
                    }
                    tracing::error!(target: "nanofaas", code = code.as_str(), error = message, "the child did not start again");
                    self.down();
                    if self.crashed(exit_code, false).await.is_err() {
                        break;
                    }
                    continue;
                }
            };
            let Started { process, generation, init } = started;
            let is_first = first.take().map(|first| first.send(Ok(()))).is_some();
            self.shared.stand.send_replace(Stand::Ready(Arc::clone(&generation)));
            if !is_first {
                self.presence.replaced(init);
                let init_ms = u64::try_from(init.as_millis()).unwrap_or(u64::MAX);
                tracing::info!(target: "nanofaas", init_ms, "the child is ready again");
            }
            let over = self.serve(&process, &generation).await;
            if self.replace(process, &generation, over).await.is_err() {
                break;
            }
        }
        self.shared.stand.send_replace(Stand::Stopped);
    }

    async fn start(&self) -> Result<Started, NotStarted> {
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
    async fn answers(&self, instead: &Mutex<String>) {
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

    /// Watches a process while calls are at it.
    async fn serve(&self, process: &Process, generation: &Generation) -> Over {
        let interval = self.shared.rules.probe_interval;
        loop {
            if let Some(why) = generation.spoiled() {
                return Over::Spoiled(why);
            }
            if generation.is_worn_out() {
                return Over::WornOut;
            }
            let suspicion = tokio::select! {
                biased;
                _ = self.shared.stop.wait() => return Over::Stopped,
                () = process.exited() => return Over::Exited,
                () = generation.changed.notified() => generation.take_suspicion(),
                is_well = self.asked_when_idle(interval, generation) => (!is_well).then(Vec::new),
            };
            let Some(given_up) = suspicion else { continue };
            if let Some(why) = generation.spoiled() {
                return Over::Spoiled(why);
            }
            if let Some(over) = self.examine(process).await {
                return over;
            }
            // The slots of the calls that were given up are free from here on.
            drop(given_up);
        }
    }

    /// After a while, whether it answers. One that works has no time to, and is not asked.
    async fn asked_when_idle(&self, interval: Duration, generation: &Generation) -> bool {
        if interval.is_zero() {
            std::future::pending::<()>().await;
        }
        sleep(interval).await;
        if !generation.is_idle() {
            return true;
        }
        let asked = timeout(ANSWER, self.shared.program.probe()).await;
        matches!(asked, Ok(Ok(()))) || !generation.is_idle()
    }

    /// A call was given up or a question not answered: whether the child still works.
    async fn examine(&self, process: &Process) -> Option<Over> {
        let nobody = Mutex::default();
        let verdict = async {
            // Most are well and say so at once; nobody else needs to notice.
            if timeout(DOUBT.min(self.shared.rules.grace), self.answers(&nobody)).await.is_ok() {
                return None;
            }
            self.presence.lost();
            let left = self.shared.rules.grace.saturating_sub(DOUBT);
            if timeout(left, self.answers(&nobody)).await.is_err() {
                return Some(Over::Hung);
            }
            self.presence.resumed();
            None
        };
        tokio::select! {
            biased;
            _ = self.shared.stop.wait() => Some(Over::Stopped),
            () = process.exited() => Some(Over::Exited),
            over = verdict => over,
        }
    }

    /// Ends what is left of a process and says whether there will be another one.
    async fn replace(&mut self, process: Process, generation: &Generation, over: Over) -> Result<(), ()> {
        match over {
            Over::Stopped => {
                let _ = process.terminate().await;
                Err(())
            }
            Over::WornOut => {
                self.crashes = if generation.has_succeeded() { 0 } else { self.crashes };
                self.shared.stand.send_replace(Stand::Starting);
                let _ = process.terminate().await;
                self.presence.stage.metrics.child_restarted(Restart::Recycle);
                tracing::info!(target: "nanofaas", "the child has taken WARM_MAX_INVOCATIONS calls and is replaced");
                Ok(())
            }
            Over::Exited => {
                let is_quick = self.down_unless_quick(generation);
                let status = process.finish_all().await.ok();
                generation.ended(status);
                self.presence.stage.metrics.child_restarted(Restart::Crash);
                self.lost(generation, status, "the child ended by itself", is_quick).await
            }
            Over::Hung => {
                let is_quick = self.down_unless_quick(generation);
                let status = process.terminate().await.ok();
                generation.ended(status);
                self.presence.stage.metrics.child_restarted(Restart::Hang);
                self.lost(generation, status, "the child did not answer any more and was ended", is_quick).await
            }
            // A caller's doing: no number of such calls ends the service.
            Over::Spoiled(why) => {
                self.shared.stand.send_replace(Stand::Starting);
                tracing::error!(target: "nanofaas", why, "the child is ended and started again");
                let status = process.terminate().await.ok();
                generation.ended(status);
                self.presence.stage.metrics.child_restarted(Restart::Hang);
                self.is_replaced_quickly = true;
                Ok(())
            }
        }
    }

    /// Whether calls only have to wait a moment; else they are refused from here on.
    fn down_unless_quick(&mut self, generation: &Generation) -> bool {
        let is_first = self.crashes == 0 || generation.has_succeeded();
        let is_quick = is_first && self.shared.program.is_replaced_at_once();
        if is_quick {
            self.shared.stand.send_replace(Stand::Starting);
        } else {
            self.down();
        }
        self.is_replaced_quickly = is_quick;
        is_quick
    }

    fn down(&self) {
        self.presence.lost();
        self.shared.stand.send_replace(Stand::Down);
    }

    async fn lost(
        &mut self,
        generation: &Generation,
        status: Option<ExitStatus>,
        what: &str,
        is_quick: bool,
    ) -> Result<(), ()> {
        if generation.has_succeeded() {
            self.crashes = 0;
        }
        let how = status.map(describe);
        tracing::error!(target: "nanofaas", how, "{what}");
        self.crashed(status.map_or(1, exit_code), is_quick).await
    }

    /// Counts an end and waits before the next start; an error where there is none.
    async fn crashed(&mut self, exit_code: u8, is_quick: bool) -> Result<(), ()> {
        self.crashes += 1;
        let limit = self.shared.rules.crash_limit;
        if limit > 0 && self.crashes >= limit {
            tracing::error!(target: "nanofaas", limit, exit_code, "the child ended too often (WATCHDOG_CRASH_LIMIT): ending with its status");
            self.presence.stage.lifecycle.end(exit_code);
            return Err(());
        }
        if is_quick {
            return Ok(());
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << (self.crashes - 1).min(16)).min(LONGEST_PAUSE);
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(target: "nanofaas", pause_ms, ends_in_a_row = self.crashes, "the child is started again");
        tokio::select! {
            () = sleep(pause) => Ok(()),
            _ = self.shared.stop.wait() => Err(()),
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
