//! Starting, ready, stopping.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// Where the process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// The function's init is not done.
    Starting,
    /// Invocations are served.
    Ready,
    /// No new work; what runs is brought to its end.
    Stopping,
}

/// The phase of the process, and since when it is ready.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    phase: watch::Sender<Phase>,
    init: OnceLock<Duration>,
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
        Self { phase: watch::Sender::new(Phase::Starting), init: OnceLock::new() }
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Init is done. A stop that came first stays.
    pub(crate) fn ready(&self) {
        self.init.get_or_init(|| process_began().elapsed());
        self.advance(Phase::Ready);
    }

    pub(crate) fn stop(&self) {
        self.advance(Phase::Stopping);
    }

    /// Whether init has ever been done: what `/health` tells.
    pub(crate) fn has_been_ready(&self) -> bool {
        self.init.get().is_some()
    }

    /// From the begin of the process to readiness.
    pub(crate) fn init_duration(&self) -> Duration {
        self.init.get().copied().unwrap_or_default()
    }

    fn advance(&self, next: Phase) {
        self.phase.send_if_modified(|phase| {
            let forward = *phase < next;
            if forward {
                *phase = next;
            }
            forward
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_stops_does_not_become_ready_again() {
        let lifecycle = Lifecycle::new();
        assert!(!lifecycle.has_been_ready());
        lifecycle.stop();
        lifecycle.ready();
        assert_eq!(lifecycle.phase(), Phase::Stopping);
    }
}
