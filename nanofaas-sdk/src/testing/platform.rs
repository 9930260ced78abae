//! A control plane that records callbacks and has faults on demand.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::{Completion, Function, wire};
use crate::App;
use crate::service::Service;

/// How long [`Platform::completion`] waits before it panics.
const PATIENCE: Duration = Duration::from_secs(20);

/// A control plane on a free port of this machine, on a thread of its own.
///
/// It records every callback and answers 204, as the real one does, unless it was told to
/// misbehave. It ends when it is dropped.
#[derive(Debug)]
pub struct Platform {
    address: SocketAddr,
    pub(super) record: Arc<Record>,
    _running: oneshot::Sender<()>,
}

/// How a callback is answered instead of with 204 at once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// With this status.
    Status(u16),
    /// With this status and `Retry-After` in seconds.
    RetryAfter(u16, u32),
    /// With a redirect to this URL.
    Redirect(String),
    /// With 204, after this time.
    Delay(Duration),
    /// Never.
    Hang,
    /// With a reset of the connection.
    Reset,
}

#[derive(Debug, Default)]
pub(super) struct Record {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    completions: Vec<Completion>,
    next: VecDeque<Option<Fault>>,
    always: Option<Fault>,
}

impl Record {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next_fault(&self) -> Option<Fault> {
        let mut state = self.lock();
        state.next.pop_front().unwrap_or_else(|| state.always.clone())
    }

    pub(super) fn arrived(&self, completion: Completion) {
        self.lock().completions.push(completion);
        self.arrived.notify_waiters();
    }
}

impl Default for Platform {
    fn default() -> Self {
        Self::new()
    }
}

impl Platform {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// Where the machine has no free port or thread.
    #[must_use]
    pub fn new() -> Self {
        let record = Arc::<Record>::default();
        let (running, stop) = oneshot::channel();
        let address =
            wire::start(Arc::clone(&record), stop).expect("a control plane for tests needs a port and a thread");
        Self { address, record, _running: running }
    }

    /// What `CALLBACK_URL` is set to: `http://127.0.0.1:{port}/v1/internal/executions`.
    #[must_use]
    pub fn callback_url(&self) -> String {
        format!("http://{}/v1/internal/executions", self.address)
    }

    /// Starts a function in this process, without a port, that calls back here.
    ///
    /// The environment is not read: the configuration is the default one or the
    /// [app's own](App::config).
    ///
    /// # Panics
    ///
    /// Where the app cannot start; the message says why.
    pub async fn start(&self, app: App) -> Function {
        let mut config = app.config.clone().unwrap_or_default();
        config.callback_url.get_or_insert_with(|| self.callback_url());
        let started = async {
            let mut service = Service::assemble(app.config(config))?;
            service.initialise().await.map(|()| service)
        };
        match started.await {
            Ok(service) => Function::new(service),
            Err(error) => panic!("the function does not start: {error}"),
        }
    }

    /// Answers the next callbacks like this, one after the other; those after them with 204.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.record.lock().next.extend(faults.into_iter().map(Some));
    }

    /// Answers every callback like this, until told otherwise; `None` answers 204 again.
    pub fn fail_always(&self, fault: impl Into<Option<Fault>>) {
        self.record.lock().always = fault.into();
    }

    /// Every callback so far, accepted or not, in the order of arrival.
    #[must_use]
    pub fn completions(&self) -> Vec<Completion> {
        self.record.lock().completions.clone()
    }

    /// Every callback of one execution so far, accepted or not.
    #[must_use]
    pub fn attempts(&self, execution_id: &str) -> Vec<Completion> {
        self.completions().into_iter().filter(|completion| completion.execution_id() == execution_id).collect()
    }

    /// Waits for the execution's callback that is accepted.
    ///
    /// # Panics
    ///
    /// Where none is accepted within 20 s.
    pub async fn completion(&self, execution_id: &str) -> Completion {
        let accepted =
            self.wait_for(|platform| platform.attempts(execution_id).into_iter().find(Completion::is_accepted));
        accepted.await.unwrap_or_else(|| {
            panic!("no callback for `{execution_id}` was accepted; these arrived: {:#?}", self.completions())
        })
    }

    /// Waits until this many callbacks of the execution have arrived, accepted or not.
    ///
    /// # Panics
    ///
    /// Where they do not arrive within 20 s.
    pub async fn wait_for_attempts(&self, execution_id: &str, count: usize) -> Vec<Completion> {
        let arrived = self.wait_for(|platform| {
            let attempts = platform.attempts(execution_id);
            (attempts.len() >= count).then_some(attempts)
        });
        arrived.await.unwrap_or_else(|| {
            panic!("fewer than {count} callbacks for `{execution_id}`; these arrived: {:#?}", self.completions())
        })
    }

    async fn wait_for<T>(&self, mut look: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        let found = async {
            loop {
                let mut arrived = std::pin::pin!(self.record.arrived.notified());
                arrived.as_mut().enable();
                if let Some(found) = look(self) {
                    return found;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.ok()
    }
}
