//! Keeps the spool in order: takes over what others left, and buries what is too old.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Url;

use super::entry::{EntryName, Head, Verdict};
use super::queue::Waiting;
use super::{Spool, origin};

/// What could not be buried is tried again after this time.
const AGAIN: Duration = Duration::from_secs(60);

/// Somebody who looks at entries that are taken over.
pub(super) type See<'a> = &'a mut (dyn FnMut(&Head, &Url) + Send);

impl Spool {
    /// One round.
    pub(super) async fn care(self: Arc<Self>) {
        self.take_over(&mut |_, _| ()).await;
        self.bury_expired().await;
        self.remove_leftovers().await;
        self.disk.shrink();
    }

    /// Takes over what nobody looks after; each entry is shown to `see`.
    pub(super) async fn take_over(self: &Arc<Self>, see: See<'_>) {
        let taken = match self.disk.take_over().await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(target: "nanofaas", %error, directory = %self.disk.directory().display(), "the callback spool cannot be looked through");
                return;
            }
        };
        let mut count = 0_usize;
        for (name, head) in taken {
            let head = head.and_then(|head| {
                let url = Url::parse(&head.url).map_err(|error| format!("its url is none: {error}"))?;
                Ok((head, url))
            });
            match head {
                Ok((head, url)) => {
                    count += 1;
                    see(&head, &url);
                    self.push(Waiting {
                        name,
                        execution_id: head.execution_id.into(),
                        origin: origin(&url),
                        attempts: 0,
                        refusals: 0,
                        expires: Instant::now() + self.time_to_live.saturating_sub(name.age()),
                        delivery: None,
                    });
                }
                Err(reason) => self.bury_unreadable(name, &reason).await,
            }
        }
        if count > 0 {
            tracing::info!(target: "nanofaas", count, "callbacks were taken over from a process that has ended");
        }
    }

    /// Tries again to remove what was delivered.
    async fn remove_leftovers(&self) {
        let leftovers = std::mem::take(&mut *self.leftovers());
        for name in leftovers {
            if self.disk.remove(name).await.is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
                self.leftovers().push(name);
            }
        }
    }

    async fn bury_expired(&self) {
        let expired = self.queue().expire(Instant::now());
        for mut waiting in expired {
            match self.bury(&waiting, self.too_old()).await {
                Ok(()) => self.forget(),
                Err(_) => {
                    waiting.expires = Instant::now() + AGAIN;
                    self.queue().push(waiting);
                }
            }
        }
    }

    /// Why an entry is dead whose time is over.
    pub(super) fn too_old(&self) -> String {
        let limit = self.time_to_live.as_millis();
        format!("it was not delivered within {limit} ms (NANOFAAS_CALLBACK_SPOOL_TTL)")
    }

    /// Moves an entry to the dead letters; the error says why it is not there.
    pub(super) async fn bury(&self, waiting: &Waiting, reason: String) -> Result<(), String> {
        let (name, execution_id, attempts) = (waiting.name, &*waiting.execution_id, waiting.attempts);
        if let Err(error) = self.disk.bury(name, Some(Verdict::new(reason.clone(), attempts))).await {
            return Err(format!("{reason}; it cannot be moved to the dead letters: {error}"));
        }
        tracing::error!(target: "nanofaas", execution_id, attempts, reason, file = %name, "callback is kept as a dead letter");
        self.post.metrics.dead_letter();
        self.post.tell(execution_id, None, false);
        Ok(())
    }

    /// A file that is called like an entry and is none.
    async fn bury_unreadable(&self, name: EntryName, reason: &str) {
        tracing::error!(target: "nanofaas", reason, file = %name, "a file of the spool cannot be read and is kept as a dead letter");
        if let Err(error) = self.disk.bury(name, None).await {
            tracing::error!(target: "nanofaas", %error, file = %name, "it cannot be moved to the dead letters");
        }
        self.post.metrics.dead_letter();
    }
}
