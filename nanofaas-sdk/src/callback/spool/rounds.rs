//! Delivers what is in the queue, takes over what others left, and buries what cannot be delivered.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Url;
use tokio::time::{MissedTickBehavior, interval};

use super::entry::{Entry, EntryName, Head, Verdict};
use super::queue::{Next, Waiting};
use super::{Spool, origin};
use crate::callback::delivery::{Attempt, Delivery, log_retry};
use crate::callback::retry::pause;

/// How often is looked for lanes that nobody looks after, and for entries whose time is over.
const ROUND: Duration = Duration::from_secs(2);

/// Somebody who looks at entries that are taken over.
pub(super) type See<'a> = &'a mut (dyn FnMut(&Head, &Url) + Send);

/// Why an entry cannot be sent.
enum Unsent {
    /// It is not there any more.
    Gone,
    /// It never will be.
    Dead(String),
    /// Its disk does not give it now.
    Later(String),
}

impl Spool {
    /// Until the process stops.
    pub(super) async fn rounds(self: Arc<Self>) {
        let mut round = interval(ROUND);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next = self.queue().next(Instant::now());
            let until = match next {
                Next::Send(waiting) => {
                    tokio::spawn(Arc::clone(&self).send(waiting));
                    continue;
                }
                Next::Wait(until) => until,
            };
            let due = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.post.stopped() => return,
                () = self.changed.notified() => {}
                () = due => {}
                _ = round.tick() => {
                    self.take_over(&mut |_, _| ()).await;
                    self.bury_expired().await;
                    self.remove_leftovers().await;
                    self.disk.shrink();
                }
            }
        }
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

    async fn bury_expired(self: &Arc<Self>) {
        let expired = self.queue().expire(Instant::now());
        for waiting in expired {
            self.bury_late(&waiting).await;
            self.forget();
        }
    }

    async fn bury_late(&self, waiting: &Waiting) {
        let limit = self.time_to_live.as_millis();
        let reason = format!("it was not delivered within {limit} ms (NANOFAAS_CALLBACK_SPOOL_TTL)");
        self.bury(waiting, reason).await;
    }

    /// One attempt, and what follows from it.
    async fn send(self: Arc<Self>, mut waiting: Waiting) {
        if waiting.expires <= Instant::now() {
            self.bury_late(&waiting).await;
            return self.end(&waiting, false);
        }
        let delivery = match self.delivery(&mut waiting).await {
            Ok(delivery) => delivery,
            Err(Unsent::Gone) => {
                self.post.lost(&waiting.execution_id, waiting.attempts, "its file in the spool is gone");
                self.post.tell(&waiting.execution_id, None, false);
                return self.end(&waiting, false);
            }
            Err(Unsent::Dead(reason)) => {
                self.bury(&waiting, reason).await;
                return self.end(&waiting, false);
            }
            Err(Unsent::Later(reason)) => {
                let pause = Some(pause(waiting.attempts.max(1), None));
                return self.again(waiting, pause, &reason);
            }
        };
        let attempt = match self.post.client() {
            Ok(client) => {
                waiting.attempts = waiting.attempts.saturating_add(1);
                tokio::select! {
                    biased;
                    attempt = delivery.attempt(client) => attempt,
                    // It stays for the next process.
                    () = self.post.stopped() => return,
                }
            }
            Err(reason) => Attempt::Again { reason, after: None, reached: true },
        };
        match attempt {
            Attempt::Delivered => {
                if let Err(error) = self.disk.remove(waiting.name).await
                    && error.kind() != io::ErrorKind::NotFound
                {
                    let execution_id = &*waiting.execution_id;
                    tracing::warn!(target: "nanofaas", execution_id, %error, "a delivered callback cannot be removed from the spool now: the next process may deliver it again");
                    self.leftovers().push(waiting.name);
                }
                self.post.delivered(&delivery, waiting.attempts);
                self.end(&waiting, true);
            }
            Attempt::Final(reason) => {
                self.bury(&waiting, reason).await;
                self.end(&waiting, true);
            }
            Attempt::Again { reason, after, reached } => {
                let pause = reached.then(|| pause(waiting.attempts, after));
                self.again(waiting, pause, &reason);
            }
        }
    }

    /// Without a pause of its own it is tried when its host is there.
    fn again(&self, mut waiting: Waiting, pause: Option<Duration>, reason: &str) {
        waiting.delivery = None;
        log_retry(&waiting.execution_id, waiting.attempts, pause, reason);
        self.post.metrics.callback_retried();
        self.queue().failed(waiting, Instant::now(), pause);
        self.changed.notify_one();
    }

    async fn delivery(&self, waiting: &mut Waiting) -> Result<Arc<Delivery>, Unsent> {
        if let Some(delivery) = waiting.delivery.take() {
            return Ok(delivery);
        }
        let file = self.disk.read(waiting.name).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Unsent::Gone,
            io::ErrorKind::InvalidData => Unsent::Dead(error.to_string()),
            _ => Unsent::Later(format!("it cannot be read: {error}")),
        })?;
        let delivery = Entry::read(&file).and_then(|entry| entry.into_delivery(self.post.policy()));
        delivery.map(Arc::new).map_err(Unsent::Dead)
    }

    async fn bury(&self, waiting: &Waiting, reason: String) {
        let (name, execution_id, attempts) = (waiting.name, &*waiting.execution_id, waiting.attempts);
        tracing::error!(target: "nanofaas", execution_id, attempts, reason, file = %name, "callback is kept as a dead letter");
        self.bury_file(name, Some(Verdict::new(reason, attempts))).await;
        self.post.metrics.dead_letter();
        self.post.tell(execution_id, None, false);
    }

    /// A file that is called like an entry and is none.
    async fn bury_unreadable(&self, name: EntryName, reason: &str) {
        tracing::error!(target: "nanofaas", reason, file = %name, "a file of the spool cannot be read and is kept as a dead letter");
        self.bury_file(name, None).await;
        self.post.metrics.dead_letter();
    }

    async fn bury_file(&self, name: EntryName, verdict: Option<Verdict>) {
        if let Err(error) = self.disk.bury(name, verdict).await {
            tracing::error!(target: "nanofaas", %error, file = %name, "a dead letter cannot be moved: it stays in the spool");
        }
    }

    /// One that was on its way has ended.
    fn end(&self, waiting: &Waiting, answered: bool) {
        self.queue().ended(&waiting.origin, answered);
        self.changed.notify_one();
        self.forget();
    }

    fn forget(&self) {
        self.post.metrics.spooled(-1);
        self.settle();
    }
}
