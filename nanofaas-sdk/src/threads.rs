//! Threads for what may block: disks, and programs that are started.
//!
//! Their own, and not the event loop's pool: handlers that never end may fill that one, and where the
//! system has no room for another thread, that is when work has to be refused in good order.

use std::collections::VecDeque;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Some threads that share their jobs. They end with the last clone, after the jobs that it gave them.
#[derive(Clone, Debug)]
pub(crate) struct Threads(Arc<Giver>);

#[derive(Debug)]
struct Giver(Arc<Jobs>);

#[derive(Default)]
struct Jobs {
    queue: Mutex<(VecDeque<Job>, Ended)>,
    given: Condvar,
}

/// No more jobs come.
type Ended = bool;

impl Threads {
    /// Starts them, at least one.
    pub(crate) fn start(name: &str, count: usize) -> io::Result<Self> {
        let jobs = Arc::<Jobs>::default();
        for number in 0..count.max(1) {
            let of_thread = Arc::clone(&jobs);
            let started = thread::Builder::new().name(name.to_owned()).spawn(move || of_thread.work());
            if let Err(error) = started
                && number == 0
            {
                return Err(error);
            }
        }
        Ok(Self(Arc::new(Giver(jobs))))
    }

    /// Runs a job some time, and does not wait for it.
    pub(crate) fn later(&self, job: impl FnOnce() + Send + 'static) {
        self.give(Box::new(job));
    }

    /// Runs a job, within the event loop of the caller. It runs to its end also when nobody waits
    /// for it any more.
    pub(crate) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let (done, waiting) = oneshot::channel();
        let handle = Handle::current();
        self.give(Box::new(move || {
            let _entered = handle.enter();
            // What nobody waits for is dropped here, within the event loop.
            drop(done.send(job()));
        }));
        waiting.await.map_err(|_| io::Error::other("it panicked"))
    }

    fn give(&self, job: Job) {
        let jobs = &self.0.0;
        jobs.queue().0.push_back(job);
        jobs.given.notify_one();
    }
}

impl Drop for Giver {
    fn drop(&mut self) {
        self.0.queue().1 = true;
        self.0.given.notify_all();
    }
}

impl Jobs {
    fn queue(&self) -> MutexGuard<'_, (VecDeque<Job>, Ended)> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.queue();
        loop {
            match queue.0.pop_front() {
                Some(job) => return Some(job),
                None if queue.1 => return None,
                None => queue = self.given.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            // What it says is in the log already, and whoever waits learns of it.
            let _ = std::panic::catch_unwind(AssertUnwindSafe(job));
        }
    }
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Jobs")
    }
}
