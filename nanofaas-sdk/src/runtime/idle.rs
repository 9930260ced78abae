//! The end of a process that nobody uses, or that cannot go on.

use std::time::Instant;

use super::{Phase, Runtime};

impl Runtime {
    /// Waits until the process should end by itself, and with which exit code: nobody used it for as
    /// long as it may be idle, or the executor cannot go on.
    pub(crate) async fn ended(&self) -> u8 {
        tokio::select! {
            code = self.lifecycle.ended() => code,
            () = self.unused() => {
                tracing::info!(target: "nanofaas", "ending: no invocation within WARM_IDLE_TIMEOUT_MS");
                0
            }
        }
    }

    async fn unused(&self) {
        let Some(limit) = self.idle_timeout else { return std::future::pending().await };
        loop {
            let busy = self.admission.is_busy() || self.outbox.is_busy() || self.lifecycle.phase() != Phase::Ready;
            let since = if busy { Instant::now() } else { self.lifecycle.last_used() };
            let end = since + limit;
            if end <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(end.into()).await;
        }
    }
}
