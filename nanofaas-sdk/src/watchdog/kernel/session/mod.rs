//! A session: one interpreter after the other, and the state that calls leave in it.
//!
//! [`Session`] is the handle; [`life`] is the task behind it, which owns the interpreter; [`execution`]
//! is one run of code in it.

mod execution;
mod life;
mod start;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot, watch};

use super::interpreter::{NotStarted, Spares};
use super::task::{Key, Task};
use crate::invocation::Call;
use crate::metrics::Metrics;

/// What all sessions have in common.
pub(super) struct Shared {
    pub(super) spares: Spares,
    pub(super) rules: Rules,
    pub(super) metrics: Arc<Metrics>,
}

/// How sessions are kept.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// What an interpreter is told of its session, as JSON.
    pub(super) init: Value,
    /// Calls that may wait for their turn.
    pub(super) queue: usize,
    /// From the start of an interpreter to the end of its start-up code.
    pub(super) start_limit: Duration,
    /// Bytes per stream.
    pub(super) output_limit: usize,
    /// Between an interrupt and SIGKILL.
    pub(super) grace: Duration,
    /// How long without a call before a session that was made on demand ends.
    pub(super) idle: Option<Duration>,
}

/// Something that a session does when it is its turn.
enum Job {
    Execute(Execution),
    Ask { question: Value, answer: oneshot::Sender<Result<Value, String>> },
}

struct Execution {
    task: Arc<Task>,
    /// Keeps the call's slot until the code has really ended.
    call: Call,
    done: oneshot::Sender<Turn>,
}

/// What became of a job's turn.
pub(super) enum Turn {
    /// It was executed; the task has the report.
    Executed,
    /// The session ended before; the call may go to the next one.
    Missed(Call),
}

/// What cannot wait for a turn.
#[derive(Debug)]
enum Control {
    /// Interrupts this execution, and no other one.
    Interrupt(u64),
    Restart,
    /// Ends the session when nothing runs.
    Retire,
    End,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Starting,
    Ready,
    Ended,
}

/// The handle of a session. Dropped, its interpreter is ended.
pub(super) struct Session {
    jobs: mpsc::UnboundedSender<Job>,
    control: mpsc::UnboundedSender<Control>,
    queue: usize,
    state: Arc<State>,
}

/// What is known of a session without asking its interpreter.
struct State {
    key: Key,
    standing: watch::Sender<Standing>,
    /// Why it is not ready.
    reason: Mutex<String>,
    is_restarting: AtomicBool,
    /// Those who wait for their turn or for its end.
    waiting: AtomicUsize,
    /// Whose execution is under way.
    running: Mutex<Option<u64>>,
    used: Mutex<Instant>,
    artifacts: Mutex<Map<String, Value>>,
    has_namespace: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// Starts a session; `first` learns how its first interpreter started.
    pub(super) fn start(
        key: Key,
        shared: Arc<Shared>,
        first: Option<oneshot::Sender<Result<(), NotStarted>>>,
        ended: impl FnOnce() + Send + 'static,
    ) -> Arc<Self> {
        let (jobs, to_do) = mpsc::unbounded_channel();
        let (control, controls) = mpsc::unbounded_channel();
        let state = Arc::new(State {
            key,
            standing: watch::Sender::new(Standing::Starting),
            reason: Mutex::new("the interpreter is starting".to_owned()),
            is_restarting: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            running: Mutex::default(),
            used: Mutex::new(Instant::now()),
            artifacts: Mutex::default(),
            has_namespace: AtomicBool::new(false),
        });
        let queue = shared.rules.queue;
        let life = life::Life::new(shared, Arc::clone(&state), to_do, controls);
        tokio::spawn(async move {
            life.run(first, ended).await;
        });
        Arc::new(Self { jobs, control, queue, state })
    }

    /// Enters code in the queue. The receiver tells when its turn is over; the place in the queue is free when the
    /// second one is dropped.
    pub(super) fn execute(&self, task: Arc<Task>, call: Call) -> Result<(oneshot::Receiver<Turn>, Waiting), Full> {
        let place = Waiting::new(&self.state);
        // One is at work, the others wait.
        if place.number > self.queue {
            return Err(Full { waiting: self.queue });
        }
        let (done, turn) = oneshot::channel();
        if let Err(mpsc::error::SendError(Job::Execute(missed))) =
            self.jobs.send(Job::Execute(Execution { task, call, done }))
        {
            missed.miss();
        }
        Ok((turn, place))
    }

    /// Asks the interpreter something between two executions.
    pub(super) async fn ask(&self, question: Value) -> Result<Value, String> {
        let (answer, answered) = oneshot::channel();
        let _place = Waiting::new(&self.state);
        // Where the session has ended, the job is dropped and its receiver learns of that.
        let _ = self.jobs.send(Job::Ask { question, answer });
        answered.await.unwrap_or_else(|_| Err("the session ended".to_owned()))
    }

    /// Interrupts what runs now; whether something did.
    pub(super) fn interrupt(&self) -> bool {
        let running = *lock(&self.state.running);
        if let Some(token) = running {
            // Where it has ended, so has what ran in it.
            let _ = self.control.send(Control::Interrupt(token));
        }
        running.is_some()
    }

    /// Asks for a new interpreter; false where one is on its way.
    pub(super) fn restart(&self) -> bool {
        if self.state.is_restarting.swap(true, Ordering::Relaxed) {
            return false;
        }
        self.state.standing.send_replace(Standing::Starting);
        self.state.not_ready("the interpreter is being restarted");
        let _ = self.control.send(Control::Restart);
        true
    }

    pub(super) fn is_restarting(&self) -> bool {
        self.state.is_restarting.load(Ordering::Relaxed)
    }

    /// Ends it now, and waits until it has.
    pub(super) async fn end(&self) {
        self.end_with(Control::End).await;
    }

    /// Ends it once what runs has ended, and waits for that.
    pub(super) async fn retire(&self) {
        self.end_with(Control::Retire).await;
    }

    async fn end_with(&self, control: Control) {
        let _ = self.control.send(control);
        let mut standing = self.state.standing.subscribe();
        // The sender is gone only after the end.
        let _ = standing.wait_for(|standing| *standing == Standing::Ended).await;
    }

    /// Why it takes no calls at once; `None` where it does.
    pub(super) fn why_not_ready(&self) -> Option<String> {
        match *self.state.standing.borrow() {
            Standing::Ready => None,
            Standing::Starting => Some(lock(&self.state.reason).clone()),
            Standing::Ended => Some("the session has ended".to_owned()),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        *self.state.standing.borrow() == Standing::Ended
    }

    pub(super) fn is_idle(&self) -> bool {
        self.state.waiting.load(Ordering::Relaxed) == 0 && lock(&self.state.running).is_none()
    }

    pub(super) fn last_used(&self) -> Instant {
        *lock(&self.state.used)
    }

    /// What its code has published, as it was after the last execution.
    pub(super) fn artifacts(&self) -> Map<String, Value> {
        lock(&self.state.artifacts).clone()
    }

    pub(super) fn has_artifacts(&self) -> bool {
        !lock(&self.state.artifacts).is_empty()
    }

    /// Whether code has left variables behind.
    pub(super) fn has_namespace(&self) -> bool {
        self.state.has_namespace.load(Ordering::Relaxed)
    }

    pub(super) fn forget_namespace(&self) {
        self.state.has_namespace.store(false, Ordering::Relaxed);
    }
}

/// Somebody who waits for a session.
pub(super) struct Waiting {
    state: Arc<State>,
    /// How many others there were.
    number: usize,
}

impl Waiting {
    fn new(state: &Arc<State>) -> Self {
        state.used();
        let number = state.waiting.fetch_add(1, Ordering::Relaxed);
        Self { state: Arc::clone(state), number }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.state.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// No more calls may wait for a session.
#[derive(Debug)]
pub(super) struct Full {
    pub(super) waiting: usize,
}

impl State {
    fn used(&self) {
        *lock(&self.used) = Instant::now();
    }

    fn not_ready(&self, reason: impl Into<String>) {
        *lock(&self.reason) = reason.into();
    }
}
