//! What runs an invocation: the Rust function of this process, or a child process in its place.

use tokio::task::JoinHandle;

use crate::invocation::{Call, Outcome};

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
}
