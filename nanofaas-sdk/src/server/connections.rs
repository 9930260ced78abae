//! All open connections, and the order in which idle ones give way to new clients.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, Id, JoinSet};

use super::activity::{Activity, ago};

/// One in so many connections is found in one look for those that are idle longest.
const SHARE: usize = 16;

/// A client that has just come, or just been answered, may be about to send: it does not give way yet.
const FRESH: Duration = Duration::from_millis(200);

/// How often is looked for a connection that may give way.
const LOOK: Duration = Duration::from_millis(20);

/// The tasks of all connections. Dropped, it ends them.
pub(super) struct Connections {
    tasks: JoinSet<()>,
    known: HashMap<Id, (Arc<Activity>, AbortHandle)>,
    limit: usize,
    /// Idle connections, as they were found: since when, and which; the oldest is the last one. None of the others can
    /// be older than these, since time only adds younger ones.
    oldest: Vec<(u64, Id)>,
}

impl Connections {
    pub(super) fn new(limit: usize) -> Self {
        Self { tasks: JoinSet::new(), known: HashMap::new(), limit, oldest: Vec::new() }
    }

    pub(super) fn spawn(&mut self, activity: Arc<Activity>, task: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(task);
        self.known.insert(task.id(), (activity, task));
    }

    /// Waits for the end of one; false where there is none.
    pub(super) async fn one_ended(&mut self) -> bool {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => error.id(),
            None => return false,
        };
        self.known.remove(&id);
        true
    }

    /// Waits until there are fewer than the limit: the one that is idle longest is ended; where all are busy, or have
    /// just come, it is the first one that ends or has been idle for a moment.
    pub(super) async fn make_room(&mut self) {
        while self.known.len() >= self.limit {
            if self.end_idle() {
                self.one_ended().await;
                continue;
            }
            tokio::select! {
                _ = self.one_ended() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Ends the connection that is idle longest, soon; false where none has been idle for a moment.
    pub(super) fn end_idle(&mut self) -> bool {
        loop {
            while let Some((since, id)) = self.oldest.pop() {
                if let Some((activity, task)) = self.known.get(&id)
                    && activity.end(since)
                {
                    task.abort();
                    return true;
                }
            }
            let before = ago(FRESH);
            let idle = self.known.iter().filter_map(|(id, (activity, _))| Some((activity.idle_since()?, *id)));
            self.oldest = idle.filter(|(since, _)| *since <= before).collect();
            if self.oldest.is_empty() {
                return false;
            }
            let kept = self.oldest.len().div_ceil(SHARE);
            self.oldest.select_nth_unstable_by_key(kept - 1, |(since, _)| *since);
            self.oldest.truncate(kept);
            self.oldest.sort_unstable_by_key(|(since, _)| std::cmp::Reverse(*since));
        }
    }
}
