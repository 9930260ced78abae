//! What a handler may know about its invocation.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::Notify;

/// The facts of one invocation: who asked, for whom, and how long is left.
///
/// Take it as an argument after the input, or alone. Its fields are those of [`Details`]:
///
/// ```
/// use nanofaas::{Context, Result, Value, json};
///
/// fn handle(name: String, context: Context) -> Result {
///     Ok(json!({ "hello": name, "execution": context.execution_id }))
/// }
///
/// // In a test it is made by hand.
/// let output = handle("Ada".into(), Context::new("exec-1").trace_id("t")).unwrap();
/// assert_eq!(output["execution"], "exec-1");
/// ```
///
/// Cloning is cheap: all clones share one allocation.
#[derive(Clone)]
pub struct Context {
    shared: Arc<Shared>,
}

/// The fields of a [`Context`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Details {
    /// `X-Execution-Id`: the control plane's name for this execution, the same on every retry.
    pub execution_id: String,
    /// `X-Trace-Id`: the caller's trace, if it has one.
    pub trace_id: Option<String>,
    /// `traceparent`: the caller's W3C trace context, if it sent one.
    pub traceparent: Option<String>,
    /// `X-Dispatch-Attempt`: which try of the control plane this is, as it was sent.
    pub dispatch_attempt: Option<String>,
    /// The request's `metadata`; empty where it has none.
    pub metadata: Map<String, Value>,
    /// The original caller's headers, where the control plane passes them on; else empty.
    pub headers: Map<String, Value>,
    /// Whether this is the first invocation of the process.
    pub cold_start: bool,
}

#[derive(Clone)]
struct Shared {
    details: Details,
    deadline: Option<Instant>,
    states: States,
    cancel: Arc<Cancel>,
}

impl Context {
    /// A context for a test: no trace, no metadata, no deadline, no state.
    #[must_use]
    pub fn new(execution_id: impl Into<String>) -> Self {
        let details = Details { execution_id: execution_id.into(), ..Details::default() };
        Self::of(details, None, States::default(), Arc::default())
    }

    pub(crate) fn of(details: Details, deadline: Option<Instant>, states: States, cancel: Arc<Cancel>) -> Self {
        Self { shared: Arc::new(Shared { details, deadline, states, cancel }) }
    }

    /// Sets the trace id, for a test.
    #[must_use]
    pub fn trace_id(self, trace_id: impl Into<String>) -> Self {
        self.with(|shared| shared.details.trace_id = Some(trace_id.into()))
    }

    /// Sets the dispatch attempt, for a test.
    #[must_use]
    pub fn dispatch_attempt(self, attempt: impl Into<String>) -> Self {
        self.with(|shared| shared.details.dispatch_attempt = Some(attempt.into()))
    }

    /// Sets the metadata, for a test.
    #[must_use]
    pub fn metadata(self, metadata: Map<String, Value>) -> Self {
        self.with(|shared| shared.details.metadata = metadata)
    }

    /// Sets the original caller's headers, for a test.
    #[must_use]
    pub fn headers(self, headers: Map<String, Value>) -> Self {
        self.with(|shared| shared.details.headers = headers)
    }

    /// Sets the time left from now, for a test.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|shared| shared.deadline = Instant::now().checked_add(timeout))
    }

    /// Gives a value that [`State<T>`](crate::State) finds, for a test.
    #[must_use]
    pub fn state<T: Clone + Send + Sync + 'static>(self, value: T) -> Self {
        self.with(|shared| shared.states.insert(value))
    }

    fn with(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        change(Arc::make_mut(&mut self.shared));
        self
    }

    /// The time left until the invocation is answered with `TIMEOUT` (`TIMEOUT_MS`, 30 s by
    /// default). Zero when it has passed; [`Duration::MAX`] in a test that set none.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.shared.deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// When the invocation is answered with `TIMEOUT`.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.shared.deadline
    }

    /// Whether nobody waits for the outcome any more: the deadline passed, the client went away, or
    /// the process stops. A synchronous handler that works for long should look at it now and then.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancel.why().is_some()
    }

    /// Waits until [`is_cancelled`](Self::is_cancelled) is true.
    pub async fn cancelled(&self) {
        self.shared.cancel.wait().await;
    }

    pub(crate) fn cancellation(&self) -> Arc<Cancel> {
        Arc::clone(&self.shared.cancel)
    }

    pub(crate) fn states(&self) -> &States {
        &self.shared.states
    }
}

impl Deref for Context {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.shared.details
    }
}

/// A context for a test, with the execution id `test`.
impl Default for Context {
    fn default() -> Self {
        Self::new("test")
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Context").field("details", &self.shared.details).finish_non_exhaustive()
    }
}

/// A request to end, which can be waited for. The first reason stays.
#[derive(Debug, Default)]
pub(crate) struct Cancel {
    why: OnceLock<Why>,
    notify: Notify,
}

/// Why nobody waits for an invocation any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It has its outcome.
    Ended,
    /// The client closed the connection and there is no callback.
    ClientGone,
    /// The process stops and its time is over.
    Stopping,
}

impl Cancel {
    pub(crate) fn request(&self, why: Why) {
        self.why.get_or_init(|| why);
        self.notify.notify_waiters();
    }

    pub(crate) fn why(&self) -> Option<Why> {
        self.why.get().copied()
    }

    pub(crate) async fn wait(&self) -> Why {
        loop {
            let mut notified = std::pin::pin!(self.notify.notified());
            notified.as_mut().enable();
            if let Some(why) = self.why() {
                return why;
            }
            notified.await;
        }
    }
}

/// The values given with `.state(..)`, found again by their type.
#[derive(Clone, Default)]
pub(crate) struct States {
    by_type: Arc<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl States {
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        Arc::make_mut(&mut self.by_type).insert(TypeId::of::<T>(), Arc::new(value));
    }

    pub(crate) fn get<T: Clone + 'static>(&self) -> Option<T> {
        self.by_type.get(&TypeId::of::<T>())?.downcast_ref::<T>().cloned()
    }

    pub(crate) fn contains(&self, id: TypeId) -> bool {
        self.by_type.contains_key(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_made_by_hand_has_what_it_was_given() {
        let context = Context::new("e").trace_id("t").dispatch_attempt("2").timeout(Duration::ZERO).state(7_u8);
        assert_eq!((context.execution_id.as_str(), context.trace_id.as_deref()), ("e", Some("t")));
        assert_eq!((context.dispatch_attempt.as_deref(), context.remaining()), (Some("2"), Duration::ZERO));
        assert_eq!((context.states().get::<u8>(), context.states().get::<u16>()), (Some(7), None));
    }

    #[tokio::test]
    async fn a_cancellation_reaches_who_waits_and_who_asks_later() {
        let context = Context::default();
        let waiting = tokio::spawn({
            let context = context.clone();
            async move { context.cancelled().await }
        });
        tokio::task::yield_now().await;
        assert!(!context.is_cancelled());
        context.cancellation().request(Why::Stopping);
        waiting.await.unwrap();
        context.cancelled().await;
        assert!(context.is_cancelled());
    }
}
