//! Interpreters that are started ahead.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::{Interpreter, Launcher, NotStarted};

/// The pause after a spare one did not start; doubles every time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Starts interpreters, and keeps some in reserve.
pub(in crate::watchdog::kernel) struct Spares {
    shared: Arc<Shared>,
    refilling: AbortHandle,
}

struct Shared {
    launcher: Launcher,
    wanted: usize,
    waiting: Mutex<VecDeque<Interpreter>>,
    taken: Notify,
}

impl Spares {
    /// Keeps `wanted` interpreters in reserve from now on.
    pub(in crate::watchdog::kernel) fn new(launcher: Launcher, wanted: usize) -> Self {
        let shared = Arc::new(Shared { launcher, wanted, waiting: Mutex::default(), taken: Notify::new() });
        let refilling = tokio::spawn(Arc::clone(&shared).refill()).abort_handle();
        Self { shared, refilling }
    }

    /// One that lives: a spare one, or a new one where there is none.
    pub(in crate::watchdog::kernel) async fn take(&self) -> Result<Interpreter, NotStarted> {
        loop {
            let spare = self.shared.waiting().pop_front();
            self.shared.taken.notify_one();
            match spare {
                Some(spare) if spare.is_alive() => return Ok(spare),
                // It ended while it waited.
                Some(_) => {}
                None => return Interpreter::start(&self.shared.launcher).await,
            }
        }
    }

    /// Puts one in reserve, so that it is known whether they start at all.
    pub(in crate::watchdog::kernel) async fn first(&self) -> Result<(), NotStarted> {
        if self.shared.wanted == 0 {
            return Ok(());
        }
        let first = Interpreter::start(&self.shared.launcher).await?;
        self.shared.waiting().push_back(first);
        self.shared.taken.notify_one();
        Ok(())
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        self.refilling.abort();
    }
}

impl Shared {
    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<Interpreter>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn refill(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        loop {
            self.taken.notified().await;
            while self.waiting().len() < self.wanted {
                match Interpreter::start(&self.launcher).await {
                    Ok(spare) => {
                        self.waiting().push_back(spare);
                        pause = FIRST_PAUSE;
                    }
                    Err(NotStarted { code, message, .. }) => {
                        tracing::error!(target: "nanofaas", code = code.as_str(), error = message, "a spare interpreter did not start");
                        sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
            }
        }
    }
}
