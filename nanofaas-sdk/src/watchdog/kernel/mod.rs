//! Kernel mode: interpreters that execute code sent to them, with state between calls.
//!
//! [`Kernel`] is the executor: every call is code for one of the [`sessions`]. A [`session`] owns an
//! [`interpreter`] and gives it one execution at a time. The [`api`]s are platforms: they turn requests
//! of two other services into invocations, and what came of them into those services' answers.

mod api;
mod collect;
mod interpreter;
mod invoke;
mod output;
mod packages;
mod session;
mod sessions;
mod settings;
mod task;
pub(crate) mod wire;

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::executor::{BoxFuture, Executor, Stage};
use crate::invocation::{Call, Outcome, Output};
use crate::protocol::{Code, Failure};
use crate::server::Platform;
use crate::start_error::StartError;
use session::{Full, Turn};
use sessions::{NoSession, Sessions};
pub(crate) use settings::{Api, Settings, port};
use task::{Heard, Task};

/// How often a call goes to the next session when its own one ends before its turn.
const TRIES: usize = 3;

/// Executes the code of calls.
pub(crate) struct Kernel {
    sessions: Arc<Sessions>,
}

impl Kernel {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { sessions: Arc::new(Sessions::new(settings)) }
    }

    /// The platform that speaks for it, where there is one.
    pub(crate) fn platform(&self) -> Option<Arc<dyn Platform>> {
        api::platform(&self.sessions)
    }
}

impl Executor for Kernel {
    fn start(&self, call: Call) -> JoinHandle<Outcome> {
        tokio::spawn(execute(Arc::clone(&self.sessions), call).in_current_span())
    }

    fn prepare(&self, stage: Stage) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            interrupt_on_signal(&self.sessions);
            let settings = &self.sessions.settings;
            let prepared = async {
                packages::install(settings).await?;
                self.sessions.open(&stage).await
            };
            prepared.await.map_err(|error| StartError::Child {
                code: error.code.as_str(),
                message: error.message,
                exit_code: error.exit_code.max(1),
            })
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.sessions.close())
    }

    fn is_child(&self) -> bool {
        true
    }
}

/// SIGUSR1 interrupts what runs.
fn interrupt_on_signal(sessions: &Arc<Sessions>) {
    let Ok(mut asked) = signal(SignalKind::user_defined1()) else { return };
    let sessions = Arc::downgrade(sessions);
    tokio::spawn(async move {
        while asked.recv().await.is_some() {
            let Some(sessions) = sessions.upgrade() else { return };
            sessions.interrupt();
        }
    });
}

async fn execute(sessions: Arc<Sessions>, call: Call) -> Outcome {
    let brought = call.brought.clone().and_then(|brought| brought.downcast::<Task>().ok());
    let is_brought = brought.is_some();
    let task = match brought {
        Some(task) => task,
        None => Arc::new(invoke::read(&call, &sessions.settings)?),
    };
    let limit = call.output_limit;
    let mut call = call;
    for _ in 0..TRIES {
        let session = sessions.session(&task.session).map_err(|why| refused(&why))?;
        let (turn, place) = session.execute(Arc::clone(&task), call).map_err(|full| {
            let Full { waiting } = full;
            let message = format!("{waiting} calls wait for the session {} already (KERNEL_QUEUE)", task.session);
            Failure::new(Code::HandlerSaturated, message)
        })?;
        task.tell(Heard::Entered);
        let turn = turn.await;
        drop(place);
        match turn {
            Ok(Turn::Executed) if is_brought => return Ok(Output::new("null".into(), None)),
            Ok(Turn::Executed) => return invoke::answer(&task, limit),
            // It ended in the same moment: the next one takes the call.
            Ok(Turn::Missed(missed)) => call = missed,
            Err(_) => break,
        }
    }
    Err(Failure::interrupted())
}

fn refused(why: &NoSession) -> Failure {
    match why {
        NoSession::Starting => Failure::interrupted(),
        NoSession::Full(all) => {
            Failure::new(Code::HandlerSaturated, format!("all {all} sessions are at work (KERNEL_MAX_SESSIONS)"))
        }
    }
}
