//! The core: every invocation of every platform goes through here to every executor.
//!
//! [`admission`](Admission) decides whether it may run, [`run`] brings it to its end within its
//! deadline, [`lifecycle`](Lifecycle) says whether the process is ready, [`idle`] when nobody needs it, and [`drain`]
//! ends it all.

mod admission;
mod drain;
mod idle;
mod lifecycle;
mod run;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::callback::{Outbox, Reservation, Target};
use crate::config::Config;
use crate::context::{Cancel, Context, Details, States};
use crate::executor::{Executor, Stage};
use crate::invocation::{Answer, Call, Caller, Invocation, Outcome, RunId};
use crate::metrics::Metrics;
use crate::protocol::{Code, Failure};
use crate::start_error::StartError;
use crate::telemetry;

pub(crate) use admission::Hold;
use admission::{Admission, Admitted, Waiting};
pub(crate) use drain::Drained;
pub(crate) use lifecycle::{Lifecycle, Phase, process_began};
use run::Run;

/// Takes invocations from the platforms to the executor and their outcomes back.
pub(crate) struct Runtime {
    executor: Box<dyn Executor>,
    /// Given when init is done.
    states: OnceLock<States>,
    admission: Admission,
    outbox: Outbox,
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) metrics: Arc<Metrics>,
    timeout: Duration,
    idle_timeout: Option<Duration>,
    output_limit: usize,
}

impl Runtime {
    pub(crate) fn new(executor: Box<dyn Executor>, config: &Config, metrics: Arc<Metrics>) -> Self {
        Self {
            executor,
            states: OnceLock::new(),
            admission: Admission::new(
                config.max_concurrent_handlers,
                config.max_queued_invocations,
                Arc::clone(&metrics),
            ),
            outbox: Outbox::new(config, Arc::clone(&metrics)),
            lifecycle: Arc::new(Lifecycle::new()),
            metrics,
            timeout: config.timeout,
            idle_timeout: config.idle_timeout,
            output_limit: config.max_output_bytes,
        }
    }

    /// Opens the spool of callbacks, where one is configured. `own` is the one execution of a process
    /// that runs no other; whether its end stands in the spool already.
    pub(crate) async fn open(&self, config: &Config, own: Option<(&str, &Target)>) -> Result<bool, StartError> {
        self.outbox.open(config, own).await
    }

    /// Starts what the executor needs.
    pub(crate) async fn prepare(&self) -> Result<(), StartError> {
        let stage = Stage { lifecycle: Arc::clone(&self.lifecycle), metrics: Arc::clone(&self.metrics) };
        self.executor.prepare(stage).await
    }

    /// Init is done: invocations are let in, and their handlers find these states.
    pub(crate) fn ready(&self, states: States) {
        // Init runs once.
        let _ = self.states.set(states);
        self.lifecycle.ready(process_began().elapsed());
    }

    /// Whether a child process serves.
    pub(crate) fn has_child(&self) -> bool {
        self.executor.is_child()
    }

    /// Ends what the executor keeps between calls, and leaves the spool.
    pub(crate) async fn close(&self) {
        self.executor.close().await;
        self.outbox.close().await;
    }

    /// Runs the invocation to its end: the answer, and its callback in the background.
    ///
    /// When the returned future is dropped because the client went away, an invocation with a
    /// callback runs on and one without is cancelled.
    pub(crate) async fn invoke(self: &Arc<Self>, mut invocation: Invocation) -> Answer {
        self.note_use();
        let cancel = Arc::<Cancel>::default();
        let (admitted, reservation) = match self.admit(&mut invocation, &cancel).await {
            Ok(admitted) => admitted,
            Err(failure) => return self.refuse(&invocation.caller, failure),
        };
        let waiting = match admitted {
            Admitted::Now(hold) => {
                // The wait for a callback's place may have outlasted the process's readiness.
                return match self.check_open() {
                    Ok(()) => self.execute(invocation, cancel, hold, reservation).await,
                    Err(failure) => self.refuse(&invocation.caller, failure),
                };
            }
            Admitted::Later(waiting) => waiting,
        };
        let caller = invocation.caller.clone();
        let (answer, answered) = oneshot::channel();
        tokio::spawn(Arc::clone(self).execute_later(invocation, cancel, waiting, reservation, answer));
        answered.await.unwrap_or_else(|_| self.refuse(&caller, Failure::new(Code::Cancelled, "the process stopped")))
    }

    async fn execute(
        &self,
        invocation: Invocation,
        cancel: Arc<Cancel>,
        hold: Hold,
        reservation: Option<Reservation>,
    ) -> Answer {
        let (run, cold_start) = self.start(invocation, cancel, hold, reservation);
        let outcome = run.await;
        self.note_use();
        Answer::Ended { outcome, cold_start }
    }

    /// Waits for a slot and runs it then. With a callback that goes on whether the client waits or
    /// not; without one it ends with the client.
    async fn execute_later(
        self: Arc<Self>,
        invocation: Invocation,
        cancel: Arc<Cancel>,
        waiting: Waiting,
        mut reservation: Option<Reservation>,
        mut answer: oneshot::Sender<Answer>,
    ) {
        let caller = invocation.caller.clone();
        let is_reported = reservation.is_some();
        let done = {
            let run = async {
                tokio::select! {
                    hold = self.admission.slot(waiting) => {
                        self.check_open()?;
                        Ok(self.execute(invocation, cancel, hold, reservation.take()).await)
                    }
                    () = self.lifecycle.stopping() => Err(Failure::stopping()),
                }
            };
            tokio::select! {
                done = run => done,
                () = answer.closed(), if !is_reported => return,
            }
        };
        let done = done.unwrap_or_else(|failure| self.refuse(&caller, failure));
        // The client learns of a refusal; where it has gone, the control plane does.
        if let (Err(Answer::Refused(failure)), Some(reservation)) = (answer.send(done), reservation) {
            let context = Context::of(details_of(caller), None, States::default(), Arc::default());
            // Whoever asked is gone, and the log has it.
            let _ = self.outbox.accept(reservation, &context, &Err(failure)).await;
        }
    }

    /// Only an end for want of use asks when that was.
    fn note_use(&self) {
        if self.idle_timeout.is_some() {
            self.lifecycle.used();
        }
    }

    /// Counts and logs a request that is turned away before the function.
    pub(crate) fn refuse(&self, caller: &Caller, failure: Failure) -> Answer {
        self.metrics.refused(&failure.code);
        telemetry::log_refusal(caller, &failure);
        Answer::Refused(failure)
    }

    /// Whether an invocation would be let in now, apart from capacity.
    pub(crate) fn check_open(&self) -> Result<(), Failure> {
        match self.lifecycle.phase() {
            Phase::Ready => Ok(()),
            Phase::Starting => Err(Failure::new(Code::NotReady, "the function is starting and not ready yet")),
            Phase::Interrupted => Err(Failure::interrupted()),
            Phase::Stopping => Err(Failure::stopping()),
        }
    }

    async fn admit(
        &self,
        invocation: &mut Invocation,
        cancel: &Arc<Cancel>,
    ) -> Result<(Admitted, Option<Reservation>), Failure> {
        self.check_open()?;
        let target = invocation.callback.take();
        // Room on a disk is for those alone that may run: a slow disk must not collect requests without a bound.
        if self.outbox.is_spooled() {
            let admitted = self.enter(invocation, cancel)?;
            return Ok((admitted, self.reserve(target).await?));
        }
        // A place in memory comes first: to wait for it must not keep a slot of the function.
        let reservation = self.reserve(target).await?;
        Ok((self.enter(invocation, cancel)?, reservation))
    }

    async fn reserve(&self, target: Option<Target>) -> Result<Option<Reservation>, Failure> {
        match target {
            Some(target) => self.outbox.reserve(target).await.map(Some),
            None => Ok(None),
        }
    }

    fn enter(&self, invocation: &Invocation, cancel: &Arc<Cancel>) -> Result<Admitted, Failure> {
        let Caller { execution_id, dispatch_attempt, .. } = &invocation.caller;
        let id = RunId {
            execution_id: execution_id.as_deref().unwrap_or_default().into(),
            dispatch_attempt: dispatch_attempt.as_deref().map(Into::into),
        };
        let entry = self.admission.enter(id, Arc::clone(cancel))?;
        self.admission.admit(entry)
    }

    fn start(
        &self,
        Invocation { caller, body, timeout, brought, .. }: Invocation,
        cancel: Arc<Cancel>,
        hold: Hold,
        reservation: Option<Reservation>,
    ) -> (Run, Option<Duration>) {
        let cold_start = self.lifecycle.take_cold_start();
        if cold_start.is_some() {
            self.metrics.cold_start();
        }
        let timeout = timeout.unwrap_or(self.timeout);
        let started = Instant::now();
        let details = Details {
            metadata: body.metadata,
            headers: body.headers,
            cold_start: cold_start.is_some(),
            ..details_of(caller)
        };
        let states = self.states.get().cloned().unwrap_or_default();
        let context = Context::of(details, Some(started + timeout), states, cancel);
        let span = tracing::info_span!(
            target: "nanofaas",
            "invocation",
            execution_id = %context.execution_id,
            trace_id = context.trace_id.as_deref(),
        );
        let call = Call {
            context: context.clone(),
            input: body.input,
            payload: body.payload,
            brought,
            output_limit: self.output_limit,
            _hold: hold,
        };
        let task = span.in_scope(|| self.executor.start(call));
        let run = Run::new(run::Running {
            task,
            context,
            started,
            timeout,
            output_limit: self.output_limit,
            reservation,
            outbox: self.outbox.clone(),
            metrics: Arc::clone(&self.metrics),
        });
        (run, cold_start)
    }

    /// Reports an outcome that no invocation had: the process could not even start.
    pub(crate) async fn report(&self, target: Target, context: &Context, outcome: &Outcome) {
        let accepted = match self.outbox.reserve(target).await {
            Ok(reservation) => self.outbox.accept(reservation, context, outcome).await,
            Err(failure) => Err(failure),
        };
        match accepted {
            Ok(()) => drop(self.outbox.followed().await),
            Err(failure) => {
                let (execution_id, error) = (context.execution_id.as_str(), failure.log_text());
                tracing::error!(target: "nanofaas", execution_id, error, "callback lost");
            }
        }
    }

    /// Waits until the callback of the one execution is delivered or given up; whether it was
    /// delivered.
    pub(crate) async fn reported(&self) -> bool {
        self.outbox.followed().await
    }

    /// Whether the callback of the one execution was delivered so far.
    pub(crate) fn reported_so_far(&self) -> bool {
        self.outbox.followed_so_far()
    }

    /// Whether a function still holds a slot, though nobody waits for it any more.
    pub(crate) fn has_running_work(&self) -> bool {
        self.admission.is_busy()
    }
}

fn details_of(caller: Caller) -> Details {
    Details {
        execution_id: caller.execution_id.unwrap_or_default(),
        trace_id: caller.trace_id,
        traceparent: caller.traceparent,
        dispatch_attempt: caller.dispatch_attempt,
        ..Details::default()
    }
}
