//! The task that owns a kept child: one process after the other, until it is told to stop.

use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::Shared;
use super::lease::{Generation, Stand};
use super::presence::Presence;
use super::start::{ANSWER, NotStarted, Started};
use crate::metrics::Restart;
use crate::start_error::StartError;
use crate::watchdog::process::{Process, describe, exit_code};

/// The pause before a child that ended by itself is started again; doubles every time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long a child that may hang has to answer before it counts as not ready.
const DOUBT: Duration = Duration::from_millis(100);

pub(super) struct Supervisor {
    pub(super) shared: Arc<Shared>,
    presence: Presence,
    /// Ends in a row without a successful call.
    crashes: u32,
    /// Calls wait for the one that is being started, for a while.
    pub(super) is_replaced_quickly: bool,
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

    pub(super) fn down(&self) {
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
