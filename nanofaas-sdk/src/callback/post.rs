//! What every way to deliver shares: the client, its limits, what is counted, and the end.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::watch;

use super::client::{Client, Settings};
use super::delivery::Delivery;
use super::policy::Policy;
use crate::config::Config;
use crate::context::{Cancel, Why};
use crate::metrics::Metrics;

/// Delivers callbacks over HTTP.
#[derive(Debug)]
pub(crate) struct Post {
    /// Built for the first callback: a function without callbacks never pays for it.
    client: OnceLock<Client>,
    settings: Settings,
    max_attempts: u32,
    pub(super) metrics: Arc<Metrics>,
    stop: Cancel,
    fate: Fate,
}

/// What became of the callback of one execution that somebody waits for.
#[derive(Debug)]
struct Fate {
    /// Its execution id and its URL.
    of: Mutex<Option<(String, String)>>,
    delivered: watch::Sender<Option<bool>>,
}

impl Post {
    pub(crate) fn new(config: &Config, metrics: Arc<Metrics>) -> Self {
        Self {
            client: OnceLock::new(),
            settings: Settings::of(config),
            max_attempts: config.callback_max_attempts,
            metrics,
            stop: Cancel::default(),
            fate: Fate { of: Mutex::new(None), delivered: watch::Sender::new(None) },
        }
    }

    /// Which hosts may be called.
    pub(super) fn policy(&self) -> &Policy {
        &self.settings.policy
    }

    /// The client, or why there is none.
    pub(super) fn client(&self) -> Result<&Client, String> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let built = self.settings.build().map_err(|error| error.to_string())?;
        Ok(self.client.get_or_init(|| built))
    }

    /// Tries as often as may be, or until the process stops; the error says why it is not delivered.
    pub(crate) async fn deliver(&self, delivery: &Delivery) -> Result<(), String> {
        let client = self.client()?;
        tokio::select! {
            biased;
            result = delivery.deliver(client, self.max_attempts, || self.metrics.callback_retried()) => result,
            () = self.stopped() => Err("the process stopped".to_owned()),
        }
    }

    /// The same for a callback that nobody else keeps: counts, logs, and tells how it ended.
    pub(super) async fn deliver_or_lose(&self, delivery: &Delivery) -> bool {
        let result = self.deliver(delivery).await;
        let (execution_id, attempts) = (delivery.execution_id.as_str(), delivery.attempts());
        match &result {
            Ok(()) => self.delivered(delivery, attempts),
            Err(reason) => {
                self.lost(execution_id, attempts, reason);
                self.tell(execution_id, Some(delivery.url.as_str()), false);
            }
        }
        result.is_ok()
    }

    pub(super) fn delivered(&self, delivery: &Delivery, attempts: u32) {
        self.metrics.callback_delivered();
        tracing::debug!(target: "nanofaas", execution_id = %delivery.execution_id, attempts, "callback delivered");
        self.tell(&delivery.execution_id, Some(delivery.url.as_str()), true);
    }

    pub(super) fn lost(&self, execution_id: &str, attempts: u32, reason: &str) {
        self.metrics.callback_dropped();
        tracing::error!(target: "nanofaas", execution_id, attempts, reason, "callback lost");
    }

    /// Ends what is on its way.
    pub(super) fn stop(&self) {
        self.stop.request(Why::Stopping);
    }

    pub(super) async fn stopped(&self) {
        let _ = self.stop.wait().await;
    }

    /// From now on the end of this execution's callback is noted.
    pub(super) fn follow(&self, execution_id: &str, url: &str) {
        *self.fate.of.lock().unwrap_or_else(PoisonError::into_inner) = Some((execution_id.to_owned(), url.to_owned()));
    }

    /// Waits until the callback that is [followed](Self::follow) has ended; whether it was delivered.
    pub(super) async fn followed(&self) -> bool {
        let mut delivered = self.fate.delivered.subscribe();
        // The sender lives as long as this.
        delivered.wait_for(Option::is_some).await.is_ok_and(|delivered| *delivered == Some(true))
    }

    pub(super) fn followed_so_far(&self) -> bool {
        *self.fate.delivered.borrow() == Some(true)
    }

    /// Notes the end of a callback; an unknown URL is that of the execution.
    pub(super) fn tell(&self, execution_id: &str, url: Option<&str>, delivered: bool) {
        let of = self.fate.of.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = of.as_ref().is_some_and(|(id, of_url)| id == execution_id && url.is_none_or(|url| url == of_url));
        if is_it {
            self.fate.delivered.send_replace(Some(delivered));
        }
    }
}
