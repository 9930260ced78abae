//! Calls at kept children, which go on when their client has gone.

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::context::{Context, Why};
use crate::invocation::Outcome;

/// Runs a call by itself: a client that goes away does not make the child stop, so its call goes on and
/// keeps its slot, for as long as any may.
pub(super) fn detached(context: Context, work: impl Future<Output = Outcome> + Send + 'static) -> JoinHandle<Outcome> {
    let work = work.in_current_span();
    let (done, answer) = oneshot::channel();
    tokio::spawn(async move {
        let outcome = tokio::select! {
            outcome = work => outcome,
            () = given_up(&context) => return,
        };
        // Nobody may want to know it any more.
        let _ = done.send(outcome);
    });
    tokio::spawn(async move {
        match answer.await {
            Ok(outcome) => outcome,
            // The runtime knows why, and ends this task.
            Err(_) => std::future::pending().await,
        }
    })
}

/// Waits until a call is over for everybody: its time is up, or the process stops.
async fn given_up(context: &Context) {
    if context.cancellation().wait().await == Why::ClientGone {
        match context.deadline() {
            Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
            None => std::future::pending().await,
        }
    }
}
