//! Processes that are started ahead of their use.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};

/// The pause after one did not start or ended while it waited; doubles every time until one is used.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Something that can be started ahead.
pub(crate) trait Spare: Send + Sized + 'static {
    /// What is needed to start one.
    type Starter: Send + Sync + 'static;

    /// Starts one; where it cannot, the log says why.
    fn start(starter: &Self::Starter) -> impl Future<Output = Option<Self>> + Send;

    /// Whether it can still be used, asked of the system itself.
    fn is_alive(&self) -> bool;

    /// Takes leave of one that ended while it waited, and says so in the log.
    fn ended(self) -> impl Future<Output = ()> + Send;
}

/// Keeps some in reserve.
pub(crate) struct Reserve<T: Spare> {
    shared: Arc<Shared<T>>,
    keeping: AbortHandle,
}

struct Shared<T: Spare> {
    starter: T::Starter,
    wanted: usize,
    /// How long one may wait before another takes its place.
    max_idle: Option<Duration>,
    waiting: Mutex<VecDeque<(Instant, T)>>,
    changed: Notify,
    /// One was used: they are good for something.
    is_used: AtomicBool,
    is_starting: AtomicBool,
    /// A start is over, whatever came of it.
    started: Notify,
    /// Held by the one who waits for a start.
    claim: tokio::sync::Mutex<()>,
}

impl<T: Spare> Reserve<T> {
    /// Keeps `wanted` in reserve from now on; `first` is one of them already.
    pub(crate) fn new(starter: T::Starter, wanted: usize, max_idle: Option<Duration>, first: Option<T>) -> Self {
        let shared = Arc::new(Shared {
            starter,
            wanted,
            max_idle,
            waiting: Mutex::new(first.into_iter().map(|first| (Instant::now(), first)).collect()),
            changed: Notify::new(),
            is_used: AtomicBool::new(false),
            is_starting: AtomicBool::new(false),
            started: Notify::new(),
            claim: tokio::sync::Mutex::default(),
        });
        let keeping = tokio::spawn(Arc::clone(&shared).keep()).abort_handle();
        shared.changed.notify_one();
        Self { shared, keeping }
    }

    /// One that lives, if any does. One that is just being started is waited for, by one caller: to start another
    /// one would take longer.
    pub(crate) async fn take(&self) -> Option<T> {
        let taken = loop {
            if let Some(spare) = self.next_alive() {
                break Some(spare);
            }
            let started = self.shared.started.notified();
            let mut started = std::pin::pin!(started);
            started.as_mut().enable();
            if !self.shared.is_starting.load(Ordering::Acquire) {
                // It may have come in between.
                break self.next_alive();
            }
            let Ok(_only) = self.shared.claim.try_lock() else { break None };
            started.await;
        };
        self.shared.is_used.fetch_or(taken.is_some(), Ordering::Relaxed);
        taken
    }

    /// Starts others in the place of those that were taken.
    pub(crate) fn refill(&self) {
        self.shared.changed.notify_one();
    }

    fn next_alive(&self) -> Option<T> {
        loop {
            // Not within the condition: the guard would last as long as the body.
            let next = self.shared.waiting().pop_front();
            match next {
                Some((_, spare)) if spare.is_alive() => return Some(spare),
                Some((_, spare)) => drop(tokio::spawn(spare.ended())),
                None => return None,
            }
        }
    }
}

impl<T: Spare> Drop for Reserve<T> {
    fn drop(&mut self) {
        self.keeping.abort();
        self.shared.waiting().clear();
    }
}

impl<T: Spare> Shared<T> {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<(Instant, T)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces those that are used, have ended, or waited too long.
    async fn keep(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        // Without the signal they are looked at when one is used.
        let mut ends = signal(SignalKind::child()).ok();
        loop {
            tokio::select! {
                () = self.changed.notified() => {}
                () = next(&mut ends) => {}
                () = until(self.oldest_ends()) => {}
            }
            if self.is_used.swap(false, Ordering::Relaxed) {
                pause = FIRST_PAUSE;
            }
            let (dead, old) = self.sort_out();
            drop(old);
            let mut is_bad = !dead.is_empty();
            for spare in dead {
                spare.ended().await;
            }
            while self.waiting().len() < self.wanted {
                if is_bad {
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                self.is_starting.store(true, Ordering::Release);
                let started = T::start(&self.starter).await;
                is_bad = started.is_none();
                self.waiting().extend(started.map(|spare| (Instant::now(), spare)));
                self.is_starting.store(false, Ordering::Release);
                self.started.notify_waiters();
            }
        }
    }

    /// When the one that waits for longest has waited for too long.
    fn oldest_ends(&self) -> Option<Instant> {
        let oldest = self.waiting().front().map(|(since, _)| *since)?;
        self.max_idle.map(|idle| oldest + idle)
    }

    /// Takes out those that have ended, and those that waited too long.
    fn sort_out(&self) -> (Vec<T>, Vec<T>) {
        let (mut dead, mut old) = (Vec::new(), Vec::new());
        let mut waiting = self.waiting();
        for (since, spare) in std::mem::take(&mut *waiting) {
            if !spare.is_alive() {
                dead.push(spare);
            } else if self.max_idle.is_some_and(|idle| since + idle <= Instant::now()) {
                old.push(spare);
            } else {
                waiting.push_back((since, spare));
            }
        }
        (dead, old)
    }
}

async fn next(ends: &mut Option<tokio::signal::unix::Signal>) {
    if let Some(ends) = ends
        && ends.recv().await.is_some()
    {
        return;
    }
    std::future::pending::<()>().await;
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}
