//! A child that is kept between calls: started, watched, replaced.
//!
//! [`Keeper`] is the handle that calls use; [`supervisor`] is the task behind it, which owns the
//! process; a [`Generation`](lease::Generation) is what the calls of one process share.

mod lease;
mod logs;
mod presence;
mod start;
mod supervisor;

use std::ffi::OsString;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::command_line::CommandLine;
use super::process::Stdin;
use crate::context::{Cancel, Why};
use crate::executor::BoxFuture;
use crate::protocol::{Code, Failure};
use crate::start_error::StartError;
pub(crate) use lease::Lease;
use lease::Stand;
pub(crate) use presence::Presence;
use supervisor::Supervisor;

/// How long the end of a child may take beyond its grace.
const LAST_MOMENTS: Duration = Duration::from_secs(5);

/// A program that serves many calls.
pub(crate) trait Program: Send + Sync + 'static {
    fn command(&self) -> &Arc<CommandLine>;

    /// Variables beside the inherited ones.
    fn environment(&self) -> Vec<(&'static str, Option<OsString>)>;

    /// Whether it can be started now; the error says what is in its way.
    fn check_free(&self) -> BoxFuture<'_, Result<(), String>>;

    /// What the next process finds on its stdin; the program keeps the other ends.
    fn connect(&self) -> io::Result<Stdin> {
        Ok(Stdin::Empty)
    }

    /// Whether it may still serve others when a call was given up in the middle.
    fn outlives_calls(&self) -> bool {
        true
    }

    /// Whether its successor is started at once, and calls wait for it, the first time that it ends.
    fn is_replaced_at_once(&self) -> bool {
        false
    }

    /// Asks it whether it can take calls; the error says what it answered.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>>;

    /// What it was asked, for messages: `GET http://127.0.0.1:8081/health`.
    fn question(&self) -> String;
}

/// How a child is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// From its start to its first answer.
    pub(crate) ready_timeout: Duration,
    /// Between SIGTERM and SIGKILL, and how long a child that may hang has to answer.
    pub(crate) grace: Duration,
    /// Ends in a row without a successful call before the watchdog ends; 0 is never.
    pub(crate) crash_limit: u32,
    /// Calls before it is replaced; 0 is never.
    pub(crate) max_invocations: u64,
    /// How often it is asked while it has nothing to do; zero is never.
    pub(crate) probe_interval: Duration,
}

/// The handle of a kept child. Dropped, the child is ended in the background.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    program: Arc<dyn Program>,
    rules: Rules,
    stand: watch::Sender<Stand>,
    stop: Cancel,
}

impl Keeper {
    pub(crate) fn new(program: Arc<dyn Program>, rules: Rules) -> Self {
        let stand = watch::Sender::new(Stand::Starting);
        Self { shared: Arc::new(Shared { program, rules, stand, stop: Cancel::default() }), task: Mutex::default() }
    }

    /// Starts the child and waits until it can take calls.
    pub(crate) async fn start(&self, presence: Presence) -> Result<(), StartError> {
        let (first, started) = oneshot::channel();
        let supervisor = Supervisor::new(Arc::clone(&self.shared), presence);
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokio::spawn(supervisor.run(first)));
        started.await.unwrap_or_else(|_| {
            let message = "the child was not started: the process stops".to_owned();
            Err(StartError::Child { code: Code::Startup.as_str(), message, exit_code: 1 })
        })
    }

    /// A place for one call at the child. Waits while it is replaced as planned.
    pub(crate) fn lease(&self, execution_id: &str) -> impl Future<Output = Result<Lease, Failure>> + use<> {
        lease::acquire(self.shared.stand.subscribe(), execution_id.to_owned())
    }

    /// Whether it takes a call at once.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(&*self.shared.stand.borrow(), Stand::Ready(_))
    }

    /// Ends the child, and waits until it is gone.
    pub(crate) async fn stop(&self) {
        self.shared.stop.request(Why::Stopping);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // A panic of it is in the log already; what cannot be ended is left to the system.
            let _ = tokio::time::timeout(self.shared.rules.grace + LAST_MOMENTS, task).await;
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.stop.request(Why::Stopping);
    }
}
