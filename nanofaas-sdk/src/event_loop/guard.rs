//! Polls handlers under the eyes of the monitor.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::thread::Thread;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tracing::Span;

use crate::context::Cancel;

/// Who polls handlers, and since when.
#[derive(Debug)]
pub(crate) struct StallGuard {
    /// One place per working thread: the tick at which the poll in it began, or zero.
    polls: Box<[AtomicU64]>,
    /// Counted on by the monitor; never zero.
    tick: AtomicU64,
    /// The monitor sleeps until the next poll.
    asleep: AtomicBool,
    monitor: OnceLock<Thread>,
}

impl StallGuard {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            polls: (0..workers).map(|_| AtomicU64::new(0)).collect(),
            tick: AtomicU64::new(1),
            asleep: AtomicBool::new(false),
            monitor: OnceLock::new(),
        }
    }

    /// Polls `future` with a note of when each poll began, until it is done or cancelled.
    pub(crate) fn watch<F: Future + ?Sized>(self: &Arc<Self>, future: Pin<Box<F>>, cancel: Arc<Cancel>) -> Watched<F> {
        Watched { guard: Arc::clone(self), cancel, state: State::Here(future) }
    }

    pub(super) fn set_monitor(&self, thread: Thread) {
        // Set once, by the one monitor that is started for this guard.
        let _ = self.monitor.set(thread);
    }

    pub(super) fn next_tick(&self) {
        self.tick.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a poll runs.
    pub(super) fn is_busy(&self) -> bool {
        self.polls.iter().any(|began| began.load(Ordering::SeqCst) != 0)
    }

    /// Whether a poll has run for the last two ticks.
    pub(super) fn is_stalled(&self) -> bool {
        let tick = self.tick.load(Ordering::Relaxed);
        self.polls.iter().map(|began| began.load(Ordering::SeqCst)).any(|began| began != 0 && began + 2 <= tick)
    }

    /// Announces the monitor's sleep; false where a poll came between.
    pub(super) fn may_sleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        !(self.is_busy() && self.asleep.swap(false, Ordering::SeqCst))
    }

    pub(super) fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::SeqCst)
    }

    /// Notes the begin of a poll; `None` where as many run as may.
    fn enter(&self) -> Option<Polling<'_>> {
        let now = self.tick.load(Ordering::Relaxed);
        let free = |place: &&AtomicU64| place.compare_exchange(0, now, Ordering::SeqCst, Ordering::Relaxed).is_ok();
        let place = self.polls.iter().find(free)?;
        if self.asleep.load(Ordering::SeqCst)
            && self.asleep.swap(false, Ordering::SeqCst)
            && let Some(monitor) = self.monitor.get()
        {
            monitor.unpark();
        }
        Some(Polling(place))
    }
}

/// A poll in progress; noted as over when dropped, also by a panic.
struct Polling<'a>(&'a AtomicU64);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::SeqCst);
    }
}

/// A future whose polls are noted, and which moves to a thread of its own when too many run.
pub(crate) struct Watched<F: Future + ?Sized> {
    guard: Arc<StallGuard>,
    cancel: Arc<Cancel>,
    state: State<F>,
}

enum State<F: Future + ?Sized> {
    Here(Pin<Box<F>>),
    Moved(JoinHandle<Option<F::Output>>),
    Gone,
}

impl<F> Future for Watched<F>
where
    F: Future<Output: Send> + Send + ?Sized + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        if let State::Here(future) = &mut this.state {
            if let Some(_polling) = this.guard.enter() {
                return future.as_mut().poll(cx);
            }
            if let State::Here(future) = std::mem::replace(&mut this.state, State::Gone) {
                this.state = State::Moved(on_own_thread(future, Arc::clone(&this.cancel)));
            }
        }
        let State::Moved(moved) = &mut this.state else { return Poll::Pending };
        match ready!(Pin::new(moved).poll(cx)) {
            Ok(Some(output)) => Poll::Ready(output),
            // Cancelled: whoever waited has given up and drops this future.
            Ok(None) => Poll::Pending,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Poll::Pending,
            },
        }
    }
}

fn on_own_thread<F>(future: Pin<Box<F>>, cancel: Arc<Cancel>) -> JoinHandle<Option<F::Output>>
where
    F: Future<Output: Send> + Send + ?Sized + 'static,
{
    let (handle, span) = (Handle::current(), Span::current());
    tokio::task::spawn_blocking(move || {
        let _entered = span.enter();
        handle.block_on(async {
            tokio::select! {
                biased;
                output = future => Some(output),
                _ = cancel.wait() => None,
            }
        })
    })
}
