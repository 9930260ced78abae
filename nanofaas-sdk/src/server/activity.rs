//! What one connection does at the moment: whether a request is in progress, and what its client is waited for.
//!
//! All of it is written by the connection's own task. The listener reads it, and may end a connection
//! that is idle; one atomic word decides between that and a request that arrives at the same moment.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::runtime::process_began;

/// A request is in progress, to the last byte of its answer.
const BUSY: u64 = 0;
/// The listener has ended the connection: no request begins on it any more.
const ENDED: u64 = u64::MAX;
/// A moment that is none.
const NEVER: u64 = 0;

/// How long a client may keep a connection waiting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For the rest of a request's head.
    pub(super) head: Duration,
    /// For room to write one more byte of an answer.
    pub(super) unread: Duration,
}

#[derive(Debug)]
pub(super) struct Activity {
    /// [`BUSY`], [`ENDED`], or since when no request is in progress.
    state: AtomicU64,
    /// The answer has been handed over for writing.
    is_answered: AtomicBool,
    /// When the first byte of the next head arrived.
    head: AtomicU64,
    /// Since when the client takes nothing of the answer.
    unread: AtomicU64,
}

impl Activity {
    /// Of a connection that has done nothing yet.
    pub(super) fn new() -> Self {
        Self {
            state: AtomicU64::new(now()),
            is_answered: AtomicBool::new(false),
            head: AtomicU64::new(NEVER),
            unread: AtomicU64::new(NEVER),
        }
    }

    /// A request begins; false where the connection has been ended.
    pub(super) fn begin(&self) -> bool {
        self.is_answered.store(false, Ordering::Relaxed);
        self.head.store(NEVER, Ordering::Relaxed);
        match self.state.load(Ordering::Relaxed) {
            // The answer before it is still being written.
            BUSY => true,
            ENDED => false,
            idle => self.state.compare_exchange(idle, BUSY, Ordering::SeqCst, Ordering::Relaxed).is_ok(),
        }
    }

    /// The whole answer has been handed over; the request ends when it is written.
    pub(super) fn answered(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
    }

    /// Nothing is left to be written.
    pub(super) fn flushed(&self) {
        self.unread.store(NEVER, Ordering::Relaxed);
        if self.is_answered.load(Ordering::Relaxed) {
            self.is_answered.store(false, Ordering::Relaxed);
            self.state.store(now(), Ordering::SeqCst);
        }
    }

    /// The client took a part of the answer, or has no room for more.
    pub(super) fn wrote(&self, is_part: bool) {
        if is_part {
            self.unread.store(NEVER, Ordering::Relaxed);
        } else if self.unread.load(Ordering::Relaxed) == NEVER {
            self.unread.store(now(), Ordering::Relaxed);
        }
    }

    /// Bytes arrived.
    pub(super) fn received(&self) {
        if self.head.load(Ordering::Relaxed) == NEVER && !self.is_busy() {
            self.head.store(now(), Ordering::Relaxed);
        }
    }

    /// What arrived was not the begin of a head.
    pub(super) fn received_nothing(&self) {
        self.head.store(NEVER, Ordering::Relaxed);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.state.load(Ordering::Relaxed) == BUSY
    }

    /// When the patience with this client ends, as it looks now.
    pub(super) fn due(&self, patience: Patience) -> Option<Instant> {
        let unread = self.unread.load(Ordering::Relaxed);
        if unread != NEVER {
            return Some(instant(unread) + patience.unread);
        }
        let idle = self.idle_since()?;
        let head = self.head.load(Ordering::Relaxed);
        Some(instant(if head == NEVER { idle } else { head }) + patience.head)
    }

    /// Whether the client has stopped to take an answer.
    pub(super) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed) != NEVER
    }

    /// Since when no request is in progress.
    pub(super) fn idle_since(&self) -> Option<u64> {
        match self.state.load(Ordering::SeqCst) {
            BUSY | ENDED => None,
            since => Some(since),
        }
    }

    /// Ends a connection that has been idle since then without a break; false where it has not.
    pub(super) fn end(&self, idle_since: u64) -> bool {
        self.state.compare_exchange(idle_since, ENDED, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }
}

/// Nanoseconds since the process began, which are enough for centuries.
fn now() -> u64 {
    u64::try_from(process_began().elapsed().as_nanos()).unwrap_or(ENDED - 1).clamp(1, ENDED - 1)
}

/// The moment that was so long ago, as [`Activity::idle_since`] counts.
pub(super) fn ago(duration: Duration) -> u64 {
    now().saturating_sub(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

fn instant(nanoseconds: u64) -> Instant {
    process_began() + Duration::from_nanos(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity() -> Activity {
        Activity::new()
    }

    #[test]
    fn of_a_request_and_the_end_of_its_connection_only_one_happens() {
        let (busy, ended) = (activity(), activity());
        let since = busy.idle_since().unwrap();
        assert!(busy.begin());
        assert!(!busy.end(since), "a request has begun");
        let since = ended.idle_since().unwrap();
        assert!(ended.end(since));
        assert!(!ended.begin(), "it is to be closed");
    }

    #[test]
    fn a_request_ends_when_its_answer_is_written() {
        let activity = activity();
        let before = activity.idle_since().unwrap();
        assert!(activity.begin());
        activity.flushed();
        assert_eq!(activity.idle_since(), None, "that was an interim answer");
        activity.answered();
        assert_eq!(activity.idle_since(), None, "it may wait for its reader");
        activity.flushed();
        assert!(activity.idle_since().is_some_and(|since| since >= before));
        assert!(!activity.end(before.wrapping_sub(1)), "it was used since");
    }

    #[test]
    fn an_answer_that_is_not_read_has_longer_than_a_head_and_both_have_an_end() {
        let (head, unread) = (Duration::from_secs(1), Duration::from_secs(100));
        let patience = Patience { head, unread };
        let activity = activity();
        let late = Instant::now() + head * 2;
        assert!(activity.due(patience).is_some_and(|due| due < late));
        assert!(activity.begin());
        assert_eq!(activity.due(patience), None, "a request has time-outs of its own");
        activity.wrote(false);
        assert!(activity.due(patience).is_some_and(|due| due > late));
        activity.wrote(true);
        assert_eq!(activity.due(patience), None);
    }
}
