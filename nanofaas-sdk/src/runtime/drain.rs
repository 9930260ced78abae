//! The end: no new work, and what runs gets its time.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Runtime;

/// After the time is over, how long the callbacks of cancelled invocations may still take.
const LAST_CALLBACKS: Duration = Duration::from_secs(1);

/// What a drain left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drained {
    /// Invocations that were cut off.
    pub(crate) cancelled: usize,
    /// Callbacks that were not delivered.
    pub(crate) undelivered: usize,
}

impl Drained {
    pub(crate) fn is_clean(self) -> bool {
        self == Self::default()
    }
}

impl Runtime {
    /// Takes no new work, waits at most `grace` for what runs and for its callbacks, then cuts off
    /// the rest. Invocations that are cut off are reported as cancelled.
    pub(crate) async fn drain(&self, grace: Duration) -> Drained {
        self.lifecycle.stop();
        let end = Instant::now() + grace;
        let mut drained = Drained::default();
        let mut callbacks_end = end;
        if timeout_at(end, self.admission.idle()).await.is_err() {
            drained.cancelled = self.admission.stop();
            callbacks_end += LAST_CALLBACKS;
        }
        if timeout_at(callbacks_end, self.outbox.idle()).await.is_err() {
            drained.undelivered = self.outbox.give_up().await;
        }
        if !drained.is_clean() {
            tracing::error!(
            target: "nanofaas",
                cancelled = drained.cancelled,
                undelivered_callbacks = drained.undelivered,
                "stopped before all work was done: NANOFAAS_SHUTDOWN_TIMEOUT was too short"
            );
        }
        drained
    }
}
