//! What is not delivered yet: in memory, a bounded number, each on its way at once; or in a spool,
//! as much as its disk holds.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::delivery::Delivery;
use super::post::Post;
use super::spool::{Held, Spool};
use super::target::Target;
use crate::config::Config;
use crate::context::Context;
use crate::invocation::Outcome;
use crate::metrics::Metrics;
use crate::protocol::{Code, Failure, completion_body};
use crate::start_error::StartError;

/// How long an invocation waits for a place before it is refused: a full outbox slows the caller
/// down first, and 128 callbacks of 50 ms each leave room again within a millisecond.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long the callbacks that are given up may take to say so in the log.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// The callbacks of all invocations. Clones share one outbox.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Inner>);

struct Inner {
    places: Arc<Semaphore>,
    capacity: usize,
    post: Arc<Post>,
    /// Where callbacks are kept, once that is open.
    spool: OnceLock<Arc<Spool>>,
}

/// A place in the outbox, taken before the function starts.
#[derive(Debug)]
pub(crate) struct Reservation {
    target: Target,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(OwnedSemaphorePermit),
    Disk(Held),
}

impl Outbox {
    pub(crate) fn new(config: &Config, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            places: Arc::new(Semaphore::new(config.max_pending_callbacks)),
            capacity: config.max_pending_callbacks,
            post: Arc::new(Post::new(config, metrics)),
            spool: OnceLock::new(),
        }))
    }

    /// Opens the spool, where one is configured, and takes over what stands in it. With `own`, the
    /// callback of that execution is [followed](Self::followed), and the answer is whether
    /// it stood there: then the execution has been run already.
    pub(crate) async fn open(&self, config: &Config, own: Option<(&str, &Target)>) -> Result<bool, StartError> {
        if let Some((execution_id, target)) = own {
            self.0.post.follow(execution_id, target.url().as_str());
        }
        let Some(directory) = &config.callback_spool_dir else { return Ok(false) };
        let spool = Spool::open(directory, config, Arc::clone(&self.0.post)).await?;
        let found = spool.start(own.map(|(execution_id, target)| (execution_id, target.url()))).await;
        // It is opened once.
        let _ = self.0.spool.set(spool);
        Ok(found)
    }

    /// Whether callbacks are kept on disk.
    pub(crate) fn is_spooled(&self) -> bool {
        self.0.spool.get().is_some()
    }

    /// Takes a place, so that a finished invocation can always be reported.
    pub(crate) async fn reserve(&self, target: Target) -> Result<Reservation, Failure> {
        if let Some(spool) = self.0.spool.get() {
            let place = Place::Disk(spool.reserve(&target).await?);
            return Ok(Reservation { target, place });
        }
        let places = &self.0.places;
        let place = match Arc::clone(places).try_acquire_owned() {
            Ok(place) => Ok(place),
            Err(_) => match tokio::time::timeout(PATIENCE, Arc::clone(places).acquire_owned()).await {
                Ok(Ok(place)) => Ok(place),
                _ => Err(()),
            },
        };
        let place = place.map_err(|()| {
            let message = format!("{} callbacks are waiting for the control plane already", self.0.capacity);
            Failure::new(Code::CallbackSaturated, message)
        })?;
        Ok(Reservation { target, place: Place::Memory(place) })
    }

    /// Takes over a finished invocation's callback; when this returns it is as safe as it can be: in
    /// memory with its delivery under way, or on the disk.
    ///
    /// The error is that of a disk that broke its promise and of a control plane that could
    /// not be told at once either: then nobody may take the invocation for reported.
    pub(crate) async fn accept(
        &self,
        reservation: Reservation,
        context: &Context,
        outcome: &Outcome,
    ) -> Result<(), Failure> {
        let Reservation { target, place } = reservation;
        let delivery = Delivery::new(&target, context, completion_body(outcome));
        let post = Arc::clone(&self.0.post);
        let held = match place {
            Place::Disk(held) => held,
            Place::Memory(place) => {
                post.metrics.callback_pending(1);
                tokio::spawn(async move {
                    post.deliver_or_lose(&delivery).await;
                    post.metrics.callback_pending(-1);
                    drop(place);
                });
                return Ok(());
            }
        };
        let delivery = Arc::new(delivery);
        let Err(error) = held.keep(Arc::clone(&delivery)).await else { return Ok(()) };
        let execution_id = delivery.execution_id.as_str();
        tracing::error!(target: "nanofaas", execution_id, %error, "a callback cannot be kept on disk: it is delivered before the answer");
        if post.deliver_or_lose(&delivery).await {
            return Ok(());
        }
        let message = format!(
            "the function has ended, but its callback could neither be kept on disk (NANOFAAS_CALLBACK_SPOOL_DIR: {error}) \
             nor delivered"
        );
        Err(Failure::new(Code::SpoolUnavailable, message))
    }

    /// Waits until nothing is left to deliver and no invocation holds a place.
    pub(crate) async fn idle(&self) {
        if let Some(spool) = self.0.spool.get() {
            return spool.idle().await;
        }
        let all = u32::try_from(self.0.capacity).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _ = self.0.places.acquire_many(all).await;
    }

    /// Whether anything is left to deliver.
    pub(crate) fn is_busy(&self) -> bool {
        match self.0.spool.get() {
            Some(spool) => spool.is_busy(),
            None => self.0.places.available_permits() < self.0.capacity,
        }
    }

    /// Ends all deliveries; how many callbacks are lost with it. Those in a spool are not.
    pub(crate) async fn give_up(&self) -> usize {
        self.0.post.stop();
        if let Some(spool) = self.0.spool.get() {
            let left = spool.left();
            if left.kept > 0 {
                tracing::info!(target: "nanofaas", left = left.kept, "callbacks stay in the spool for the next process");
            }
            return left.unkept;
        }
        let left = self.0.capacity - self.0.places.available_permits();
        // What does not end in time is left behind: the process is about to.
        let _ = tokio::time::timeout(LAST_WORDS, self.idle()).await;
        left
    }

    /// Waits until the callback that is followed has ended; whether it was delivered.
    pub(crate) async fn followed(&self) -> bool {
        self.0.post.followed().await
    }

    /// Whether the callback that is followed was delivered so far.
    pub(crate) fn followed_so_far(&self) -> bool {
        self.0.post.followed_so_far()
    }

    /// Leaves the spool.
    pub(crate) async fn close(&self) {
        if let Some(spool) = self.0.spool.get() {
            spool.close().await;
        }
    }
}
