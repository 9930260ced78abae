//! One thread for what may block: starting programs, and the files of calls.
//!
//! Its own, and not the event loop's pool: where the system has no room for another thread, that
//! is when a call has to be refused in good order.

use std::io;
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Starts the thread, if it is not there yet.
pub(crate) fn prepare() -> io::Result<()> {
    static PREPARING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _only_one = PREPARING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if jobs().get().is_none() {
        let (sender, receiver) = channel::<Job>();
        thread::Builder::new().name("nanofaas-aside".to_owned()).spawn(move || {
            while let Ok(job) = receiver.recv() {
                // What it says is in the log already, and whoever waits learns of it.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
            }
        })?;
        // Only one gets here.
        let _ = jobs().set(sender);
    }
    Ok(())
}

fn jobs() -> &'static OnceLock<Sender<Job>> {
    static JOBS: OnceLock<Sender<Job>> = OnceLock::new();
    &JOBS
}

/// Runs a job on the thread some time, and does not wait for it.
pub(crate) fn aside_later(job: impl FnOnce() + Send + 'static) {
    let job: Job = Box::new(job);
    match jobs().get() {
        // The thread lasts as long as the process.
        Some(jobs) => drop(jobs.send(job)),
        None => job(),
    }
}

/// Runs a job on the thread, within the event loop of the caller. It runs to its end also when
/// nobody waits for it any more.
pub(crate) async fn aside<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    prepare()?;
    let (done, waiting) = oneshot::channel();
    let handle = Handle::current();
    let job: Job = Box::new(move || {
        let _entered = handle.enter();
        // What nobody waits for is dropped here, within the event loop.
        drop(done.send(job()));
    });
    let Some(jobs) = jobs().get() else { return Err(io::ErrorKind::NotConnected.into()) };
    jobs.send(job).map_err(|_| io::ErrorKind::BrokenPipe)?;
    waiting.await.map_err(|_| io::Error::other("it panicked"))
}
