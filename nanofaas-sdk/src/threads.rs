//! Threads for what may block: disks, and programs that are started.
//!
//! Their own, and not the event loop's pool: handlers that never end may fill that one, and where the
//! system has no room for another thread, that is when work has to be refused in good order.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Some threads that share their jobs. They end with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Threads(Sender<Job>);

impl Threads {
    /// Starts them, at least one.
    pub(crate) fn start(name: &str, count: usize) -> io::Result<Self> {
        let (sender, receiver) = channel::<Job>();
        let jobs = Arc::new(Mutex::new(receiver));
        for number in 0..count.max(1) {
            let jobs = Arc::clone(&jobs);
            let started = thread::Builder::new().name(name.to_owned()).spawn(move || work(&jobs));
            if let Err(error) = started
                && number == 0
            {
                return Err(error);
            }
        }
        Ok(Self(sender))
    }

    /// Runs a job some time, and does not wait for it.
    pub(crate) fn later(&self, job: impl FnOnce() + Send + 'static) {
        // The threads last as long as this does.
        let _ = self.0.send(Box::new(job));
    }

    /// Runs a job, within the event loop of the caller. It runs to its end also when nobody waits
    /// for it any more.
    pub(crate) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let (done, waiting) = oneshot::channel();
        let handle = Handle::current();
        let job: Job = Box::new(move || {
            let _entered = handle.enter();
            // What nobody waits for is dropped here, within the event loop.
            drop(done.send(job()));
        });
        self.0.send(job).map_err(|_| io::ErrorKind::BrokenPipe)?;
        waiting.await.map_err(|_| io::Error::other("it panicked"))
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // What it says is in the log already, and whoever waits learns of it.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(job));
    }
}
