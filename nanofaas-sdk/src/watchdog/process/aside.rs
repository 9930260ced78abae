//! One thread for what may block: starting programs, and the files of calls.
//!
//! It lasts as long as the process, and is one for all: what is started is started in order.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::threads::Threads;

/// Starts the thread, if it is not there yet.
pub(crate) fn prepare() -> io::Result<()> {
    thread().map(drop)
}

fn thread() -> io::Result<&'static Threads> {
    static THREAD: OnceLock<Threads> = OnceLock::new();
    static PREPARING: Mutex<()> = Mutex::new(());
    if let Some(thread) = THREAD.get() {
        return Ok(thread);
    }
    let _only_one = PREPARING.lock().unwrap_or_else(PoisonError::into_inner);
    match THREAD.get() {
        Some(thread) => Ok(thread),
        None => {
            let started = Threads::start("nanofaas-aside", 1)?;
            Ok(THREAD.get_or_init(|| started))
        }
    }
}

/// Runs a job on the thread some time, and does not wait for it.
pub(crate) fn aside_later(job: impl FnOnce() + Send + 'static) {
    match thread() {
        Ok(thread) => thread.later(job),
        Err(_) => job(),
    }
}

/// Runs a job on the thread, within the event loop of the caller. It runs to its end also when
/// nobody waits for it any more.
pub(crate) async fn aside<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    thread()?.run(job).await
}
