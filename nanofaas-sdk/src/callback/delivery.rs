//! One callback on its way.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::Url;

use super::client::Client;
use super::retry::{pause, retry_after};
use super::target::Target;
use crate::context::Context;
use crate::protocol::passed_on;

/// How much of an answer is read so that its connection can be used again.
const ANSWER: usize = 64 * 1024;

/// How long that may take.
const ASIDE: Duration = Duration::from_secs(1);

/// A finished invocation's message to the control plane.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(super) execution_id: String,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    attempts: AtomicU32,
}

/// What became of one attempt.
#[derive(Debug)]
pub(super) enum Attempt {
    Delivered,
    Final(String),
    Again {
        reason: String,
        /// `Retry-After`.
        after: Option<Duration>,
        /// Whether there was anybody: a host that is away is away for every callback.
        reached: bool,
    },
}

impl Delivery {
    pub(super) fn new(target: &Target, context: &Context, body: Bytes) -> Self {
        let mut headers = passed_on(context);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self {
            execution_id: context.execution_id.clone(),
            url: target.url().clone(),
            headers,
            body,
            attempts: AtomicU32::new(0),
        }
    }

    /// One that was kept on a disk.
    pub(super) fn stored(execution_id: String, url: Url, headers: HeaderMap, body: Bytes) -> Self {
        Self { execution_id, url, headers, body, attempts: AtomicU32::new(0) }
    }

    /// Tries until it is delivered, refused for good, or tried `max` times; the error says why
    /// it is not delivered. [`attempts`](Self::attempts) tells how often it was tried.
    pub(super) async fn deliver(&self, client: &Client, max: u32, retried: impl Fn()) -> Result<(), String> {
        loop {
            let attempts = self.attempts.fetch_add(1, Ordering::Relaxed) + 1;
            match self.attempt(client).await {
                Attempt::Delivered => return Ok(()),
                Attempt::Final(reason) => return Err(reason),
                Attempt::Again { reason, .. } if attempts >= max => return Err(reason),
                Attempt::Again { reason, after, .. } => {
                    let pause = pause(attempts, after);
                    log_retry(&self.execution_id, attempts, Some(pause), &reason);
                    retried();
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// How often it has been tried so far, the attempt under way included.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }

    pub(super) async fn attempt(&self, client: &Client) -> Attempt {
        let request = client.post(self.url.clone()).headers(self.headers.clone()).body(self.body.clone());
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                return Attempt::Again { reason: reason(&error), after: None, reached: !error.is_connect() };
            }
        };
        let status = answer.status();
        let after = retry_after(answer.headers());
        // The status decides. The rest is read aside, so that the connection can be used again.
        tokio::spawn(tokio::time::timeout(ASIDE, async move {
            let mut read = 0;
            while let Ok(Some(part)) = answer.chunk().await {
                read += part.len();
                if read > ANSWER {
                    break;
                }
            }
        }));
        match status.as_u16() {
            200..=299 => Attempt::Delivered,
            408 | 429 | 500..=599 => {
                Attempt::Again { reason: format!("the control plane answered {status}"), after, reached: true }
            }
            _ => Attempt::Final(format!("the control plane answered {status}")),
        }
    }
}

/// Says that a callback is tried again: after this pause, or when its host is there.
pub(super) fn log_retry(execution_id: &str, attempts: u32, pause: Option<Duration>, reason: &str) {
    let pause_ms = pause.map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
    tracing::warn!(target: "nanofaas", execution_id, attempts, pause_ms, reason, "callback is tried again");
}

/// The innermost cause says what happened; the outer ones repeat the URL.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer within NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    #[cfg(feature = "https")]
    if let Some(reason) = super::tls::reason(cause) {
        return reason;
    }
    cause.to_string()
}
