//! The executor for a Rust function in this process.

use std::fmt;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tracing::{Instrument, Span};

use super::argument::{CallInput, Rejection};
use super::output::Produced;
use super::registry::{CallFuture, CallOutcome, Kind, Registration};
use super::requirements::Requirements;
use crate::event_loop::StallGuard;
use crate::executor::Executor;
use crate::invocation::{Call, Outcome};

/// A handler with its types erased.
#[doc(hidden)]
#[derive(Clone)]
pub enum Body {
    Sync(Arc<dyn Fn(CallInput) -> CallOutcome + Send + Sync>),
    Async(Arc<dyn Fn(CallInput) -> CallFuture + Send + Sync>),
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sync(_) => "Sync",
            Self::Async(_) => "Async",
        })
    }
}

/// A named handler and what it needs.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) requirements: Requirements,
    pub(crate) schema: crate::schema::HandlerSchema,
    body: Body,
    guard: Option<Arc<StallGuard>>,
}

impl Function {
    pub(crate) fn new(name: impl Into<String>, body: Body, requirements: impl FnOnce(&mut Requirements)) -> Self {
        let mut needed = Requirements::default();
        requirements(&mut needed);
        let schema = crate::schema::HandlerSchema::default();
        Self { name: name.into(), requirements: needed, schema, body, guard: None }
    }

    pub(crate) fn registered(registration: &Registration) -> Self {
        let body = match registration.kind {
            Kind::Sync(function) => Body::Sync(Arc::new(function)),
            Kind::Async(function) => Body::Async(Arc::new(function)),
        };
        let mut function = Self::new(registration.name, body, registration.requirements);
        function.schema = registration.schema;
        function
    }

    /// Lets the guard keep the event loop alive while the handler is polled.
    pub(crate) fn guarded_by(mut self, guard: Option<Arc<StallGuard>>) -> Self {
        self.guard = guard;
        self
    }
}

impl Executor for Function {
    fn start(&self, call: Call) -> JoinHandle<Outcome> {
        let call = CallInput(call);
        let span = Span::current();
        match &self.body {
            Body::Sync(function) => {
                let function = Arc::clone(function);
                // Never on the event loop: health, deadlines and signals must go on.
                tokio::task::spawn_blocking(move || span.in_scope(|| into_outcome(function(call))))
            }
            Body::Async(function) => {
                let context = call.0.context.clone();
                let running = function(call);
                match &self.guard {
                    Some(guard) => {
                        let guarded = guard.watch(running, context.cancellation());
                        tokio::spawn(async move { into_outcome(guarded.await) }.instrument(span))
                    }
                    None => tokio::spawn(async move { into_outcome(running.await) }.instrument(span)),
                }
            }
        }
    }
}

fn into_outcome(outcome: CallOutcome) -> Outcome {
    match outcome {
        Ok(Produced(output)) => Ok(output),
        Err(Rejection(failure)) => Err(failure),
    }
}
