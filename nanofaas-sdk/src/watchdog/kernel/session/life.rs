//! The task that owns a session's interpreter: it starts it, gives it one job after the other, and
//! starts another one when it is gone.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::start::NoStart;
use super::{Control, Job, Shared, Standing, State, lock};
use crate::metrics::Restart;
use crate::watchdog::kernel::interpreter::{Event, Interpreter, NotStarted};
use crate::watchdog::kernel::task::Key;
use crate::watchdog::process::LineLog;

/// The pause after an interpreter did not start; doubles every time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long an interpreter with nothing to do has to answer.
const ANSWER: Duration = Duration::from_secs(5);

pub(super) type Log = LineLog<fn() -> Option<String>>;

pub(super) struct Life {
    pub(super) shared: Arc<Shared>,
    pub(super) state: Arc<State>,
    pub(super) jobs: mpsc::UnboundedReceiver<Job>,
    /// One that was taken and not begun.
    held: Option<Job>,
    pub(super) controls: mpsc::UnboundedReceiver<Control>,
    /// What belongs to no execution.
    pub(super) stray: Log,
    /// Executions in this interpreter.
    pub(super) count: u64,
}

/// Why an interpreter serves no longer.
pub(super) enum Over {
    /// The session is not needed any more.
    Ended(Option<Interpreter>),
    /// A new one was asked for.
    Restart(Option<Interpreter>),
    /// It is gone, or has to go.
    Lost,
}

impl Life {
    pub(super) fn new(
        shared: Arc<Shared>,
        state: Arc<State>,
        jobs: mpsc::UnboundedReceiver<Job>,
        controls: mpsc::UnboundedReceiver<Control>,
    ) -> Self {
        shared.metrics.keeps_child();
        Self { shared, state, jobs, held: None, controls, stray: LineLog::new("stdout", None, || None), count: 0 }
    }

    /// Keeps an interpreter running until the session ends, then calls `ended`.
    pub(super) async fn run(
        mut self,
        mut first: Option<oneshot::Sender<Result<(), NotStarted>>>,
        ended: impl FnOnce() + Send + 'static,
    ) {
        let mut pause = FIRST_PAUSE;
        loop {
            let python = match self.start().await {
                Ok(python) => python,
                Err(NoStart::Ended) => break,
                Err(NoStart::Restart) => continue,
                Err(NoStart::Failed(error)) => {
                    let is_over = match first.take() {
                        Some(first) => {
                            let _ = first.send(Err(error));
                            true
                        }
                        None => self.give_up(&error, pause).await.is_err(),
                    };
                    if is_over {
                        break;
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
            };
            pause = FIRST_PAUSE;
            if let Some(first) = first.take() {
                let _ = first.send(Ok(()));
            }
            self.is_ready();
            let over = self.serve(python).await;
            self.gone();
            match over {
                Over::Ended(python) => {
                    if let Some(python) = python {
                        python.end().await;
                    }
                    break;
                }
                Over::Restart(python) => {
                    self.shared.metrics.child_restarted(Restart::Recycle);
                    // The next one does not wait for its end.
                    python.map(|python| tokio::spawn(python.end()));
                }
                Over::Lost => {}
            }
        }
        self.jobs.close();
        let held = self.held.take();
        for job in held.into_iter().chain(std::iter::from_fn(|| self.jobs.try_recv().ok())) {
            if let Job::Execute(execution) = job {
                execution.miss();
            }
        }
        self.state.standing.send_replace(Standing::Ended);
        ended();
    }

    pub(super) async fn log(&mut self, bytes: &[u8]) {
        self.stray.push(bytes).await;
    }

    fn is_ready(&self) {
        self.state.is_restarting.store(false, Ordering::Relaxed);
        self.state.standing.send_replace(Standing::Ready);
    }

    /// The interpreter is gone, and with it all that code has left in it.
    pub(super) fn gone(&self) {
        lock(&self.state.artifacts).clear();
        self.state.has_namespace.store(false, Ordering::Relaxed);
        self.state.not_ready("the interpreter ended and is being started again");
        self.state.standing.send_replace(Standing::Starting);
    }

    /// Gives the interpreter one job after the other.
    async fn serve(&mut self, mut python: Interpreter) -> Over {
        loop {
            let next = match self.held.take() {
                Some(job) => Next::Job(job),
                None => tokio::select! {
                    biased;
                    control = self.controls.recv() => Next::Control(control),
                    next = event_or_job(&mut python, &mut self.jobs) => next,
                    () = unused(&self.state, self.shared.rules.idle) => Next::Unused,
                },
            };
            let job = match next {
                Next::Control(Some(Control::Restart)) => return Over::Restart(Some(python)),
                // What was to be interrupted has ended.
                Next::Control(Some(Control::Interrupt(_))) => continue,
                Next::Control(_) => return Over::Ended(Some(python)),
                Next::Unused if self.jobs.is_empty() => return Over::Ended(Some(python)),
                Next::Unused => continue,
                Next::Event(event) => {
                    match self.between(python, event).await {
                        Ok(same) => python = same,
                        Err(over) => return over,
                    }
                    continue;
                }
                Next::Job(job) if python.is_alive() => job,
                Next::Job(job) => {
                    // Its end has not been told yet; the job is the next one's.
                    self.held = Some(job);
                    let how = python.end().await;
                    self.lost(&format!("it {how} between two calls"), Restart::Crash);
                    return Over::Lost;
                }
            };
            let kept = match job {
                Job::Execute(execution) => self.execute(python, execution).await,
                Job::Ask { question, answer } => match self.ask(python, &question).await {
                    Ok((same, told)) => {
                        let _ = answer.send(Ok(told));
                        Ok(same)
                    }
                    Err((over, why)) => {
                        let _ = answer.send(Err(why));
                        Err(over)
                    }
                },
            };
            self.state.used();
            match kept {
                Ok(same) => python = same,
                Err(over) => return over,
            }
        }
    }

    /// What happens while nothing runs.
    async fn between(&mut self, python: Interpreter, event: Event) -> Result<Interpreter, Over> {
        let what = match event {
            Event::Log(bytes) => {
                self.log(&bytes).await;
                return Ok(python);
            }
            Event::Exited => {
                let how = python.end().await;
                self.lost(&format!("it {how} between two calls"), Restart::Crash);
                return Err(Over::Lost);
            }
            Event::Broken(what) => what,
            _ => "something though nothing ran",
        };
        drop(python.end().await);
        self.lost(&format!("it sent {what} and was ended"), Restart::Crash);
        Err(Over::Lost)
    }

    pub(super) fn lost(&self, what: &str, why: Restart) {
        self.shared.metrics.child_restarted(why);
        tracing::error!(target: "nanofaas", session = %self.state.key, "the interpreter is lost with its state: {what}");
    }

    /// Asks something; the error tells why there is no answer.
    async fn ask(&mut self, mut python: Interpreter, question: &Value) -> Result<(Interpreter, Value), (Over, String)> {
        python.ask(super::execution::token(), question);
        let told = timeout(ANSWER, self.answer(&mut python)).await;
        match told {
            Ok(Ok(Some(answer))) => {
                let told: Value = serde_json::from_slice(&answer).unwrap_or_default();
                // That leaves them as they were.
                let is_kept = question["op"] == "clear_namespace";
                if let (Some(Value::Object(artifacts)), false) = (told.get("artifacts"), is_kept) {
                    lock(&self.state.artifacts).clone_from(artifacts);
                }
                Ok((python, told))
            }
            _ => {
                python.end().await;
                let why = "the interpreter did not answer and was ended".to_owned();
                self.lost(&why, Restart::Hang);
                Err((Over::Lost, why))
            }
        }
    }

    /// Waits for a sign of life.
    pub(super) async fn ping(&mut self, python: &mut Interpreter) -> Result<(), ()> {
        python.ping(super::execution::token());
        self.answer(python).await.map(drop)
    }

    /// What it says to a question.
    async fn answer(&mut self, python: &mut Interpreter) -> Result<Option<bytes::Bytes>, ()> {
        let answer = loop {
            match python.next().await {
                Event::Log(bytes) | Event::Stream(_, bytes) => self.log(&bytes).await,
                Event::Answer(answer) => break Some(answer),
                Event::Pong => break None,
                _ => return Err(()),
            }
        };
        python.rest();
        Ok(answer)
    }
}

/// Waits until a session has not been used for as long as it may. Those with a number stay.
async fn unused(state: &State, idle: Option<Duration>) {
    let (Some(idle), false) = (idle, matches!(state.key, Key::Number(_))) else { return std::future::pending().await };
    loop {
        let end = *lock(&state.used) + idle;
        if end <= Instant::now() {
            return;
        }
        sleep(end.saturating_duration_since(Instant::now())).await;
    }
}

/// What a session without work waits for.
enum Next {
    Control(Option<Control>),
    Event(Event),
    Job(Job),
    Unused,
}

/// Neither keeps the other from its turn, however often it comes.
async fn event_or_job(python: &mut Interpreter, jobs: &mut mpsc::UnboundedReceiver<Job>) -> Next {
    tokio::select! {
        event = python.next() => Next::Event(event),
        job = jobs.recv() => job.map_or(Next::Control(None), Next::Job),
    }
}
