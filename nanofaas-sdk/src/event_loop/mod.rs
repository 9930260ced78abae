//! The event loop of a function binary: `NANOFAAS_WORKER_THREADS` threads that work, and one in
//! reserve that takes over when a handler keeps a thread to itself.
//!
//! An `async` handler that computes without yielding blocks the thread it runs on. On an ordinary
//! event loop nothing else is served meanwhile: no health check, no deadline, no signal. Moving
//! every call to a thread of its own avoids that and costs two thread switches a call. Here a call
//! runs where it stands, and only one that has not yielded for some milliseconds costs anything:
//!
//! - [`StallGuard`] notes when each poll of a handler began, and lets at most as many run at once as
//!   there are working threads; what comes on top moves to a thread of its own.
//! - [`monitor`] looks at the notes while there are any. When a poll lasts too long it wakes the
//!   reserve, which serves all other tasks until the poll is over.

mod guard;
mod monitor;

use std::io;
use std::sync::Arc;

pub(crate) use guard::StallGuard;
use monitor::Monitor;

/// Threads for synchronous handlers; more than any sensible `NANOFAAS_MAX_CONCURRENT_HANDLERS`.
const BLOCKING_THREADS: usize = 512;

/// Runs `main` to its end on a fresh event loop.
///
/// Work that is still running then is left behind: the caller is about to exit.
pub(crate) fn run<F>(workers: usize, handlers: usize, main: impl FnOnce(Arc<StallGuard>) -> F) -> io::Result<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("nanofaas")
        .worker_threads(workers + 1)
        .max_blocking_threads(BLOCKING_THREADS.max(handlers + 16))
        .enable_all()
        .build()?;
    let guard = Arc::new(StallGuard::new(workers));
    let monitor = Monitor::start(Arc::clone(&guard), runtime.handle().clone())?;
    let ended = runtime.block_on(runtime.spawn(main(guard)));
    monitor.stop();
    runtime.shutdown_background();
    ended.map_err(io::Error::other)
}
