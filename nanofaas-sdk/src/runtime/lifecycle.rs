//! Starting, ready, stopping.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// Where the process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The function's init is not done.
    Starting,
    /// Invocations are served.
    Ready,
    /// The child that serves them has ended and is being replaced.
    Interrupted,
    /// No new work; what runs is brought to its end.
    Stopping,
}

/// The phase of the process, and what became of its start.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    phase: watch::Sender<Phase>,
    init: Mutex<Option<Duration>>,
    /// The next invocation is the first since the last start.
    cold: AtomicBool,
    /// The exit code with which the process should end by itself.
    end: watch::Sender<Option<u8>>,
    /// Milliseconds from [`process_began`] to the last sign of use.
    used: AtomicU64,
}

/// When the process began, as near to its exec as a program can tell without asking the kernel.
static BEGAN: OnceLock<Instant> = OnceLock::new();

/// Notes the begin of the process; the first call counts.
pub(crate) fn process_began() -> Instant {
    *BEGAN.get_or_init(Instant::now)
}

impl Lifecycle {
    pub(crate) fn new() -> Self {
        process_began();
        Self {
            phase: watch::Sender::new(Phase::Starting),
            init: Mutex::new(None),
            cold: AtomicBool::new(true),
            end: watch::Sender::new(None),
            used: AtomicU64::new(0),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Invocations can be served, after a start that took `init`. A stop that came first stays.
    pub(crate) fn ready(&self, init: Duration) {
        *self.init.lock().unwrap_or_else(PoisonError::into_inner) = Some(init);
        self.cold.store(true, Ordering::Relaxed);
        self.used();
        self.enter(Phase::Ready);
    }

    /// What serves invocations is gone for a while.
    #[cfg(any(test, feature = "watchdog"))]
    pub(crate) fn interrupted(&self) {
        self.enter(Phase::Interrupted);
    }

    /// What serves invocations is there again, and was never gone.
    #[cfg(feature = "watchdog")]
    pub(crate) fn resumed(&self) {
        self.enter(Phase::Ready);
    }

    pub(crate) fn stop(&self) {
        self.enter(Phase::Stopping);
    }

    /// Waits until the start is over, however it ended.
    #[cfg(feature = "kernel")]
    pub(crate) async fn started(&self) {
        // The sender lives as long as this.
        let _ = self.phase.subscribe().wait_for(|phase| *phase != Phase::Starting).await;
    }

    /// Waits for [`stop`](Self::stop).
    pub(crate) async fn stopping(&self) {
        // The sender lives as long as this.
        let _ = self.phase.subscribe().wait_for(|phase| *phase == Phase::Stopping).await;
    }

    /// From the begin of the process or of its child to readiness; `None` until then.
    pub(crate) fn init_duration(&self) -> Option<Duration> {
        *self.init.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the start took, to the first who asks after it.
    pub(crate) fn take_cold_start(&self) -> Option<Duration> {
        if self.cold.load(Ordering::Relaxed) && self.cold.swap(false, Ordering::Relaxed) {
            return Some(self.init_duration().unwrap_or_default());
        }
        None
    }

    /// Asks the process to drain and to end with this exit code; the first one stays.
    #[cfg(any(test, feature = "watchdog"))]
    pub(crate) fn end(&self, code: u8) {
        self.end.send_if_modified(|end| end.is_none() && end.replace(code).is_none());
    }

    /// Waits for [`end`](Self::end).
    pub(crate) async fn ended(&self) -> u8 {
        let mut end = self.end.subscribe();
        // The sender lives as long as this.
        let code = end.wait_for(Option::is_some).await.ok().and_then(|code| *code);
        code.unwrap_or_default()
    }

    /// Notes that somebody uses the function.
    pub(crate) fn used(&self) {
        let now = u64::try_from(process_began().elapsed().as_millis()).unwrap_or(u64::MAX);
        self.used.store(now, Ordering::Relaxed);
    }

    /// The last time that [`used`](Self::used) was noted, to the millisecond.
    pub(crate) fn last_used(&self) -> Instant {
        process_began() + Duration::from_millis(self.used.load(Ordering::Relaxed))
    }

    fn enter(&self, next: Phase) {
        self.phase.send_if_modified(|phase| {
            let change = *phase != next && *phase != Phase::Stopping;
            if change {
                *phase = next;
            }
            change
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_stops_does_not_become_ready_again() {
        let lifecycle = Lifecycle::new();
        assert_eq!(lifecycle.init_duration(), None);
        lifecycle.stop();
        lifecycle.ready(Duration::ZERO);
        assert_eq!(lifecycle.phase(), Phase::Stopping);
    }

    #[test]
    fn every_start_has_one_first_invocation() {
        let lifecycle = Lifecycle::new();
        lifecycle.ready(Duration::from_millis(7));
        assert_eq!(lifecycle.take_cold_start(), Some(Duration::from_millis(7)));
        assert_eq!(lifecycle.take_cold_start(), None);
        lifecycle.interrupted();
        assert_eq!(lifecycle.phase(), Phase::Interrupted);
        lifecycle.ready(Duration::from_millis(9));
        assert_eq!(lifecycle.take_cold_start(), Some(Duration::from_millis(9)));
    }

    #[tokio::test]
    async fn the_first_exit_code_stays() {
        let lifecycle = Lifecycle::new();
        lifecycle.end(3);
        lifecycle.end(0);
        assert_eq!(lifecycle.ended().await, 3);
    }
}
