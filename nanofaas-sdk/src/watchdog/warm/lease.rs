//! Places for calls at a kept child.

use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::logs::Logs;
use crate::protocol::Failure;
use crate::watchdog::process::{Kept, Tail};

/// Where a kept child stands.
#[derive(Clone)]
pub(super) enum Stand {
    /// Its first process has not answered yet, or a planned successor has not.
    Starting,
    /// Calls are taken.
    Ready(Arc<Generation>),
    /// It ended or hangs, and a successor is not ready yet.
    Down,
    /// There will be no other.
    Stopped,
}

/// One process of a kept child, and the calls at it.
pub(super) struct Generation {
    state: Mutex<State>,
    /// Something happened that the supervisor should look at.
    pub(super) changed: Notify,
    /// Whether it may still serve others when a call was given up in the middle.
    outlives_calls: bool,
    /// What the process wrote last.
    tail: Tail,
    /// Whether it is all in the log.
    pub(super) logs: Logs,
    /// How the process ended, once it has.
    ended: watch::Sender<Option<ExitStatus>>,
}

#[derive(Default)]
struct State {
    /// Calls that it may still take; `None` is any number.
    left: Option<u64>,
    /// Whose calls are at it.
    at_work: Vec<String>,
    /// A call was given up, and what it held on to until it is known whether the child still works.
    suspect: Option<Vec<Kept>>,
    has_succeeded: bool,
    /// Why it must not take another call.
    spoiled: Option<String>,
}

impl Generation {
    pub(super) fn new(max_invocations: u64, outlives_calls: bool) -> Self {
        let left = (max_invocations > 0).then_some(max_invocations);
        Self {
            state: Mutex::new(State { left, ..State::default() }),
            changed: Notify::new(),
            outlives_calls,
            tail: Tail::default(),
            logs: Logs::default(),
            ended: watch::Sender::new(None),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has taken all its calls and the last one is over.
    pub(super) fn is_worn_out(&self) -> bool {
        let state = self.state();
        state.left == Some(0) && state.at_work.is_empty()
    }

    pub(super) fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Why it has to go, whatever it can still take.
    pub(super) fn spoiled(&self) -> Option<String> {
        self.state().spoiled.clone()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.state().at_work.is_empty()
    }

    pub(super) fn has_succeeded(&self) -> bool {
        self.state().has_succeeded
    }

    /// What the calls that were given up held on to; `None` where there were none.
    pub(super) fn take_suspicion(&self) -> Option<Vec<Kept>> {
        self.state().suspect.take()
    }

    /// The execution that the child works for, where it is one.
    pub(super) fn execution_id(&self) -> Option<String> {
        match self.state().at_work.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        }
    }

    pub(super) fn ended(&self, status: Option<ExitStatus>) {
        self.ended.send_replace(status);
    }
}

/// One call's place at a child, given back when this is dropped. Dropped before
/// [`done`](Self::done), the child may hang and is looked at.
pub(crate) struct Lease {
    generation: Arc<Generation>,
    execution_id: String,
    is_done: bool,
    keeps: Option<Kept>,
}

impl Lease {
    /// Holds on to something, such as the call's slot, until the call is over, or known not to
    /// block the child.
    pub(crate) fn keep(&mut self, what: Kept) {
        self.keeps = Some(what);
    }

    /// The child never took the call: gives back what was held on to, for another one.
    pub(crate) fn untaken(mut self) -> Option<Kept> {
        let keeps = self.keeps.take();
        self.done(false);
        keeps
    }

    /// The child answered.
    pub(crate) fn done(mut self, has_succeeded: bool) {
        self.is_done = true;
        self.generation.state().has_succeeded |= has_succeeded;
    }

    /// The call is over, and the child must not take another one.
    pub(crate) fn spoiled(mut self, why: &str) {
        self.is_done = true;
        let why = format!("{why} (execution {})", self.execution_id);
        self.generation.state().spoil(why);
        self.generation.changed.notify_one();
    }

    /// Whether the child has ever answered.
    pub(crate) fn has_succeeded(&self) -> bool {
        self.generation.state().has_succeeded
    }

    /// Whether all that the child has written is in the log.
    pub(crate) fn is_logged(&self) -> bool {
        self.generation.logs.is_read()
    }

    /// Waits until all that the child has written is in the log, and ends its last line.
    pub(crate) async fn logged(&self) {
        self.generation.logs.read().await;
    }

    /// What the child wrote last.
    pub(crate) fn tail(&self) -> &Tail {
        &self.generation.tail
    }

    /// How the child ended, when it does.
    pub(crate) async fn ended(&self) -> Option<ExitStatus> {
        let mut ended = self.generation.ended.subscribe();
        ended.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.generation.state();
        if let Some(at) = state.at_work.iter().position(|known| *known == self.execution_id) {
            state.at_work.swap_remove(at);
        }
        if !self.is_done && !self.generation.outlives_calls {
            state.spoil(format!("the call of execution {} was given up", self.execution_id));
        }
        if !self.is_done {
            state.suspect.get_or_insert_default().extend(self.keeps.take());
        }
        let worn_out = state.left == Some(0) && state.at_work.is_empty();
        drop(state);
        if worn_out || !self.is_done {
            self.generation.changed.notify_one();
        }
    }
}

impl State {
    fn spoil(&mut self, why: String) {
        self.spoiled.get_or_insert(why);
        // Who comes now waits for the next one.
        self.left = Some(0);
    }
}

pub(super) async fn acquire(mut stand: watch::Receiver<Stand>, execution_id: String) -> Result<Lease, Failure> {
    loop {
        let now = stand.borrow_and_update().clone();
        match now {
            Stand::Ready(generation) => {
                let mut state = generation.state();
                if state.left != Some(0) {
                    state.left = state.left.map(|left| left - 1);
                    state.at_work.push(execution_id.clone());
                    drop(state);
                    return Ok(Lease { generation, execution_id, is_done: false, keeps: None });
                }
            }
            Stand::Starting => {}
            Stand::Down => {
                return Err(Failure::interrupted());
            }
            Stand::Stopped => {
                return Err(Failure::stopping());
            }
        }
        if stand.changed().await.is_err() {
            return Err(Failure::stopping());
        }
    }
}
