//! One admitted invocation on its way to its end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};

use crate::callback::{Outbox, Reservation};
use crate::context::{Cancel, Context, Why};
use crate::invocation::Outcome;
use crate::metrics::Metrics;
use crate::protocol::{Code, Failure};
use crate::{panic, telemetry};

/// What a run consists of.
pub(super) struct Running {
    pub(super) task: JoinHandle<Outcome>,
    pub(super) context: Context,
    pub(super) started: Instant,
    pub(super) timeout: Duration,
    pub(super) output_limit: usize,
    pub(super) reservation: Option<Reservation>,
    pub(super) outbox: Outbox,
    pub(super) metrics: Arc<Metrics>,
}

/// The future of a run's outcome.
///
/// Dropped early, which is what happens when the client goes away, it goes on by itself if
/// somebody else learns of the end, and cancels the function if nobody does.
pub(super) struct Run {
    conclusion: Option<Pin<Box<dyn Future<Output = Outcome> + Send>>>,
    cancel: Arc<Cancel>,
    has_callback: bool,
}

impl Run {
    pub(super) fn new(running: Running) -> Self {
        Self {
            cancel: running.context.cancellation(),
            has_callback: running.reservation.is_some(),
            conclusion: Some(Box::pin(running.conclude())),
        }
    }
}

impl Future for Run {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Outcome> {
        let Some(conclusion) = &mut self.conclusion else { return Poll::Pending };
        let ready = conclusion.as_mut().poll(cx);
        if ready.is_ready() {
            self.conclusion = None;
        }
        ready
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let Some(conclusion) = self.conclusion.take() else { return };
        if !self.has_callback {
            self.cancel.request(Why::ClientGone);
        }
        // Outside of an event loop there is none that could go on: its process is over.
        if let Ok(handle) = Handle::try_current() {
            handle.spawn(conclusion);
        }
    }
}

impl Running {
    /// Waits for the outcome, the deadline or the end of all work, then reports.
    async fn conclude(mut self) -> Outcome {
        let cancel = self.context.cancellation();
        let deadline = tokio::time::Instant::from_std(self.started + self.timeout);
        let ended = tokio::select! {
            biased;
            joined = &mut self.task => joined.unwrap_or_else(|error| Err(from_join_error(error))),
            () = tokio::time::sleep_until(deadline) => {
                let message = format!("Function exceeded timeout of {}ms", self.timeout.as_millis());
                Err(Failure::new(Code::Timeout, message))
            }
            why = cancel.wait() => Err(Failure::new(Code::Cancelled, match why {
                Why::Stopping => "the process stopped before the function ended",
                Why::ClientGone | Why::Ended => "the client went away before the function ended",
            })),
        };
        cancel.request(Why::Ended);
        self.task.abort();
        let mut outcome = ended.and_then(|output| {
            // Executors stop early where they can; the rule itself is this one.
            if output.json().len() > self.output_limit {
                return Err(Failure::output_too_large(self.output_limit));
            }
            Ok(output)
        });
        let duration = self.started.elapsed();
        if let Some(reservation) = self.reservation.take()
            && let Err(unreported) = self.outbox.accept(reservation, &self.context, &outcome).await
        {
            outcome = Err(unreported);
        }
        self.metrics.invocation_ended(&outcome, duration);
        telemetry::log_invocation(&self.context, &outcome, duration);
        outcome
    }
}

fn from_join_error(error: JoinError) -> Failure {
    match error.try_into_panic() {
        Ok(payload) => {
            Failure::new(Code::HandlerPanic, format!("the function panicked: {}", panic::text(payload.as_ref())))
        }
        Err(_) => Failure::new(Code::Cancelled, "the function was cancelled before it ended"),
    }
}
