//! What is not delivered yet: a bounded number, each on its way at once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::client::{Client, Settings};
use super::delivery::Delivery;
use super::target::Target;
use crate::config::Config;
use crate::context::{Cancel, Context, Why};
use crate::invocation::Outcome;
use crate::metrics::Metrics;
use crate::protocol::{Code, Failure, completion_body};

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
    /// Built for the first callback: a function without callbacks never pays for it.
    client: OnceLock<Client>,
    settings: Settings,
    max_attempts: u32,
    metrics: Arc<Metrics>,
    stop: Cancel,
}

/// A place in the outbox, taken before the function starts.
#[derive(Debug)]
pub(crate) struct Reservation {
    target: Target,
    place: OwnedSemaphorePermit,
}

impl Outbox {
    pub(crate) fn new(config: &Config, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            places: Arc::new(Semaphore::new(config.max_pending_callbacks)),
            capacity: config.max_pending_callbacks,
            client: OnceLock::new(),
            settings: Settings::of(config),
            max_attempts: config.callback_max_attempts,
            metrics,
            stop: Cancel::default(),
        }))
    }

    /// Takes a place, so that a finished invocation can always be reported.
    pub(crate) async fn reserve(&self, target: Target) -> Result<Reservation, Failure> {
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
        Ok(Reservation { target, place })
    }

    /// Takes over a finished invocation's callback; when this returns it is as safe as it can be.
    ///
    /// That is in memory, with its delivery under way. A durable spool has its place here, and is
    /// why this is `async`.
    #[expect(clippy::unused_async, reason = "a spool will wait for its disk here")]
    pub(crate) async fn accept(&self, reservation: Reservation, context: &Context, outcome: &Outcome) {
        let Reservation { target, place } = reservation;
        let delivery = Delivery::new(&target, context, completion_body(outcome));
        self.0.metrics.callback_pending(1);
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            inner.deliver(delivery).await;
            inner.metrics.callback_pending(-1);
            drop(place);
        });
    }

    /// Waits until nothing is left to deliver and no invocation holds a place.
    pub(crate) async fn idle(&self) {
        let all = u32::try_from(self.0.capacity).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _ = self.0.places.acquire_many(all).await;
    }

    /// Whether anything is left to deliver.
    pub(crate) fn is_busy(&self) -> bool {
        self.0.places.available_permits() < self.0.capacity
    }

    /// Ends all deliveries; how many there were.
    pub(crate) async fn give_up(&self) -> usize {
        let left = self.0.capacity - self.0.places.available_permits();
        self.0.stop.request(Why::Stopping);
        // What does not end in time is left behind: the process is about to.
        let _ = tokio::time::timeout(LAST_WORDS, self.idle()).await;
        left
    }
}

impl Inner {
    async fn deliver(&self, delivery: Delivery) {
        let result = match self.client() {
            Ok(client) => tokio::select! {
                biased;
                result = delivery.deliver(client, self.max_attempts, || self.metrics.callback_retried()) => result,
                _ = self.stop.wait() => Err("the process stopped".to_owned()),
            },
            Err(error) => Err(error.to_string()),
        };
        let (execution_id, attempts) = (delivery.execution_id.as_str(), delivery.attempts());
        match result {
            Ok(()) => {
                self.metrics.callback_delivered();
                tracing::debug!(target: "nanofaas", execution_id, attempts, "callback delivered");
            }
            Err(reason) => {
                self.metrics.callback_dropped();
                tracing::error!(target: "nanofaas", execution_id, attempts, %reason, "callback lost");
            }
        }
    }

    fn client(&self) -> reqwest::Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let built = self.settings.build()?;
        Ok(self.client.get_or_init(|| built))
    }
}
