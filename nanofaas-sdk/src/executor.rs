//! What runs an invocation: the Rust function of this process, or a child process in its place.

use std::pin::Pin;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::invocation::{Call, Outcome};
use crate::metrics::Metrics;
use crate::runtime::Lifecycle;
use crate::start_error::StartError;

/// Runs admitted invocations.
///
/// Limits, the deadline, callbacks, metrics and logs belong to the [`runtime`](crate::runtime) and
/// hold for every executor; an executor only turns a call into its outcome.
pub(crate) trait Executor: Send + Sync + 'static {
    /// Starts the call, detached from whoever waits for it, under the current tracing span.
    ///
    /// The call is kept until the work has really ended. When the runtime gives up on it, it
    /// requests the context's cancellation and aborts the task; work that cannot be stopped keeps
    /// its slot by keeping the call. A panic of the task is a panic of the function.
    fn start(&self, call: Call) -> JoinHandle<Outcome>;

    /// Starts what has to live before the first call, and waits until it can take one.
    fn prepare(&self, _stage: Stage) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Ends what lives between calls. Comes after the last call.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Whether it is a child process: one is started before the first call, and its requests may
    /// also come as an envelope with any JSON in it.
    fn is_child(&self) -> bool {
        false
    }
}

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What an executor may tell of itself.
#[derive(Clone)]
pub(crate) struct Stage {
    /// Whether calls can be taken.
    #[cfg_attr(not(feature = "watchdog"), expect(dead_code, reason = "only a child may get lost"))]
    pub(crate) lifecycle: Arc<Lifecycle>,
    /// Restarts.
    #[cfg_attr(not(feature = "watchdog"), expect(dead_code, reason = "only a child may be restarted"))]
    pub(crate) metrics: Arc<Metrics>,
}
