//! Callbacks on a disk: what has finished is not lost with the process.
//!
//! [`Store`] is the directory: one [lane](lane) per process, one file per [entry], the dead letters.
//! [`Spool`] writes to it before an answer leaves and delivers from it, in the order of [`queue`].

mod care;
mod disk;
mod entry;
mod headroom;
mod lane;
mod own;
mod queue;
mod rounds;
mod store;
mod survey;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Url;
use tokio::sync::{Notify, watch};

use super::delivery::Delivery;
use super::post::Post;
use super::target::Target;
use crate::config::Config;
use crate::protocol::{Code, Failure};
use crate::start_error::StartError;
use disk::Disk;
pub(crate) use disk::Room;
pub(crate) use entry::{EntryName, Head, Verdict};
use queue::{Queue, Waiting};
pub(crate) use store::Store;
pub(crate) use survey::{Seen, State, survey};

/// How long a disk may take before a caller learns that it does not answer.
const DISK: Duration = Duration::from_secs(5);

/// How long it may take at the end of the process.
const LAST: Duration = Duration::from_secs(1);

/// Room for what stands in an entry beside an output: its head, the headers of a function's answer.
const BESIDE_OUTPUT: u64 = 128 * 1024;

/// The spool of a running process.
#[derive(Debug)]
pub(crate) struct Spool {
    disk: Disk,
    post: Arc<Post>,
    queue: Mutex<Queue>,
    /// The queue is not what it was.
    changed: Notify,
    /// Delivered, but not removed.
    leftovers: Mutex<Vec<EntryName>>,
    /// Rooms that are taken and entries that are not delivered.
    unsettled: watch::Sender<usize>,
    time_to_live: Duration,
    max_output: u64,
    /// How many deliveries are kept in memory beside the disk.
    in_memory: usize,
}

impl Spool {
    /// Opens the directory.
    pub(crate) async fn open(directory: &Path, config: &Config, post: Arc<Post>) -> Result<Arc<Self>, StartError> {
        let max_output = config.max_output_bytes as u64;
        let disk = Disk::open(directory, max_output + BESIDE_OUTPUT).await;
        let disk = disk.map_err(|error| StartError::Spool { directory: directory.to_owned(), error })?;
        post.metrics.has_spool();
        let spool = Arc::new(Self {
            disk,
            post,
            queue: Mutex::new(Queue::new(config.max_pending_callbacks)),
            changed: Notify::new(),
            leftovers: Mutex::default(),
            unsettled: watch::Sender::new(0),
            time_to_live: config.callback_spool_ttl,
            max_output,
            in_memory: config.max_pending_callbacks,
        });
        Ok(spool)
    }

    /// Delivers from now on, also what others left behind; whether that has the callback of `own`,
    /// an execution and where its end is reported.
    pub(crate) async fn start(self: &Arc<Self>, own: Option<(&str, &Url)>) -> bool {
        let mut found = false;
        // A server takes over beside its work: there may be much of it.
        if own.is_some() {
            self.take_over(&mut |head, url| found |= own == Some((head.execution_id.as_str(), url))).await;
        }
        tokio::spawn(Arc::clone(self).rounds());
        found
    }

    /// Takes room on the disk for the end of an invocation that is about to run.
    pub(crate) async fn reserve(self: &Arc<Self>, target: &Target) -> Result<Held, Failure> {
        let bytes = self.max_output + BESIDE_OUTPUT + 4 * target.url().as_str().len() as u64;
        match in_time(self.disk.reserve(bytes)).await {
            Ok(room) => Ok(Held { room, unsettled: self.unsettled() }),
            Err(error) => Err(Failure::new(
                Code::SpoolUnavailable,
                format!("the callback could not be kept on disk, so that nothing was started (NANOFAAS_CALLBACK_SPOOL_DIR): {error}"),
            )
            .logged_as(format!("no room for a callback in {}: {error}", self.disk.directory().display()))),
        }
    }

    fn push(self: &Arc<Self>, mut waiting: Waiting) {
        let mut queue = self.queue();
        if queue.len() >= self.in_memory {
            waiting.delivery = None;
        }
        self.unsettled.send_modify(|number| *number += 1);
        self.post.metrics.spooled(1);
        queue.push(waiting);
        drop(queue);
        self.changed.notify_one();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leftovers(&self) -> MutexGuard<'_, Vec<EntryName>> {
        self.leftovers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unsettled(self: &Arc<Self>) -> Unsettled {
        self.unsettled.send_modify(|number| *number += 1);
        Unsettled(Arc::clone(self))
    }

    fn settle(&self) {
        self.unsettled.send_modify(|number| *number -= 1);
    }

    /// Waits until nothing is left to deliver and no invocation holds room.
    pub(crate) async fn idle(&self) {
        // The sender lives as long as this.
        let _ = self.unsettled.subscribe().wait_for(|number| *number == 0).await;
    }

    pub(crate) fn is_busy(&self) -> bool {
        *self.unsettled.borrow() > 0
    }

    /// What is left at the end.
    pub(crate) fn left(&self) -> Left {
        let kept = self.queue().len();
        Left { kept, unkept: self.unsettled.borrow().saturating_sub(kept) }
    }

    /// Leaves the directory; what is not delivered stays in it.
    pub(crate) async fn close(&self) {
        // What is left behind is taken over.
        let _ = tokio::time::timeout(LAST, self.disk.close()).await;
    }
}

/// Callbacks that are not delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    /// On the disk.
    pub(crate) kept: usize,
    /// Their function runs, or their disk has not taken them yet.
    pub(crate) unkept: usize,
}

/// Room on the disk for one callback.
#[derive(Debug)]
pub(crate) struct Held {
    room: Room,
    unsettled: Unsettled,
}

impl Held {
    /// Keeps a finished invocation's callback; when this returns it will not be lost. After an error it
    /// may still be kept, should the disk come round.
    pub(crate) async fn keep(self, delivery: Arc<Delivery>) -> io::Result<()> {
        // It goes on when nobody waits for it any more.
        in_time(async { tokio::spawn(self.write(delivery)).await? }).await
    }

    async fn write(self, delivery: Arc<Delivery>) -> io::Result<()> {
        let Self { room, unsettled: Unsettled(ref spool) } = self;
        let name = spool.disk.write(room, Arc::clone(&delivery)).await?;
        let waiting = Waiting {
            name,
            execution_id: delivery.execution_id.as_str().into(),
            origin: origin(&delivery.url),
            attempts: 0,
            refusals: 0,
            expires: Instant::now() + spool.time_to_live,
            delivery: Some(delivery),
        };
        spool.push(waiting);
        Ok(())
    }
}

/// Waits for the disk as long as somebody may be kept waiting for it.
async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match tokio::time::timeout(DISK, work).await {
        Ok(done) => done,
        Err(_) => {
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("the disk did not answer within {} s", DISK.as_secs())))
        }
    }
}

/// Something that the end of the process waits for.
struct Unsettled(Arc<Spool>);

impl std::fmt::Debug for Unsettled {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Unsettled")
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        self.0.settle();
    }
}

/// Scheme, host and port: what is away when nobody answers.
fn origin(url: &Url) -> Arc<str> {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}://{}:{port}", url.scheme(), url.host_str().unwrap_or_default()).into()
}
