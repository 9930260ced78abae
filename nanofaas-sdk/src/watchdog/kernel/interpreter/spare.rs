//! Interpreters that are started ahead.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::{Interpreter, Launcher, NotStarted};
use crate::watchdog::process::{Reserve, Spare};

/// Starts interpreters, and keeps some in reserve.
pub(in crate::watchdog::kernel) struct Spares {
    launcher: Launcher,
    /// How many; where nobody has said so, one for the first session, and another one once there is a second
    /// session: a service with one session costs one interpreter.
    wanted: Option<usize>,
    first: Mutex<Option<Interpreter>>,
    reserve: OnceLock<Reserve<Interpreter>>,
    taken: AtomicUsize,
}

impl Spares {
    pub(in crate::watchdog::kernel) fn new(launcher: Launcher, wanted: Option<usize>) -> Self {
        Self { launcher, wanted, first: Mutex::default(), reserve: OnceLock::new(), taken: AtomicUsize::new(0) }
    }

    /// Puts them in reserve; the first one shows whether they start at all.
    pub(in crate::watchdog::kernel) async fn first(&self) -> Result<(), NotStarted> {
        let wanted = self.wanted.unwrap_or(1);
        if wanted == 0 {
            return Ok(());
        }
        let first = Interpreter::start(&self.launcher).await?;
        if self.wanted.is_some() {
            self.reserve.get_or_init(|| Reserve::new(self.launcher.clone(), wanted, None, Some(first)));
        } else {
            *self.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(first);
        }
        Ok(())
    }

    /// A new one.
    pub(in crate::watchdog::kernel) async fn start(&self) -> Result<Interpreter, NotStarted> {
        Interpreter::start(&self.launcher).await
    }

    /// A spare one, if there is one that lives.
    pub(in crate::watchdog::kernel) async fn spare(&self) -> Option<Interpreter> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        if self.wanted.is_none() && self.taken.fetch_add(1, Ordering::Relaxed) > 0 {
            self.reserve.get_or_init(|| Reserve::new(self.launcher.clone(), 1, None, None));
        }
        match (first.filter(Interpreter::is_alive), self.reserve.get()) {
            (Some(first), _) => Some(first),
            (None, Some(reserve)) => {
                let spare = reserve.take().await;
                reserve.refill();
                spare
            }
            (None, None) => None,
        }
    }
}

impl Spare for Interpreter {
    type Starter = Launcher;

    async fn start(launcher: &Launcher) -> Option<Self> {
        match Self::start(launcher).await {
            Ok(spare) => Some(spare),
            Err(NotStarted { code, message, .. }) => {
                let code = code.as_str();
                tracing::error!(target: "nanofaas", code, error = message, "a spare interpreter did not start");
                None
            }
        }
    }

    fn is_alive(&self) -> bool {
        Self::is_alive(self)
    }

    async fn ended(self) {
        let how = self.end().await;
        tracing::error!(target: "nanofaas", how, "a spare interpreter ended while it waited");
    }
}
