//! Delivers what is in the queue.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::Spool;
use super::entry::Entry;
use super::queue::{Next, Waiting};
use crate::callback::delivery::{Attempt, Delivery, log_retry};
use crate::callback::retry::pause;

/// How often is looked for lanes that nobody looks after, and for entries whose time is over.
const ROUND: Duration = Duration::from_secs(2);

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
        let mut care: Option<JoinHandle<()>> = None;
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
                // Beside it: a slow disk does not hold up what is in memory.
                _ = round.tick() => if care.as_ref().is_none_or(JoinHandle::is_finished) {
                    care = Some(tokio::spawn(Arc::clone(&self).care()));
                },
            }
        }
    }

    /// One attempt, and what follows from it.
    async fn send(self: Arc<Self>, mut waiting: Waiting) {
        if waiting.expires <= Instant::now() {
            let reason = self.too_old();
            return self.dead(waiting, reason, false).await;
        }
        let delivery = match self.delivery(&mut waiting).await {
            Ok(delivery) => delivery,
            Err(Unsent::Gone) => {
                self.post.lost(&waiting.execution_id, waiting.attempts, "its file in the spool is gone");
                self.post.tell(&waiting.execution_id, None, false);
                return self.end(&waiting, false);
            }
            Err(Unsent::Dead(reason)) => return self.dead(waiting, reason, false).await,
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
            Attempt::Final(reason) => self.dead(waiting, reason, true).await,
            Attempt::Again { reason, after, reached } => {
                let pause = reached.then(|| pause(waiting.attempts, after));
                self.again(waiting, pause, &reason);
            }
        }
    }

    /// It cannot be delivered. Where it cannot be buried either, it stays and is tried again.
    async fn dead(&self, waiting: Waiting, reason: String, answered: bool) {
        match self.bury(&waiting, reason).await {
            Ok(()) => self.end(&waiting, answered),
            Err(reason) => self.again(waiting, Some(pause(u32::MAX, None)), &reason),
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

    /// One that was on its way has ended.
    fn end(&self, waiting: &Waiting, answered: bool) {
        self.queue().ended(&waiting.origin, answered);
        self.changed.notify_one();
        self.forget();
    }

    pub(super) fn forget(&self) {
        self.post.metrics.spooled(-1);
        self.settle();
    }
}
