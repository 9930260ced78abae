//! A child per call: the request on its stdin, or in a file, and one JSON value back.

use std::ffi::OsString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{Instrument, Span};

use super::attend::{Errors, Limit, attend};
use super::command_line::CommandLine;
use super::file::{FilePaths, Files};
use super::output;
use super::prespawn::{Ahead, Waiting};
use super::process::{Kept, Launch, Process, Reserve, SpawnError, Stdin, Tail, describe, spawn};
use crate::context::Context;
use crate::executor::{BoxFuture, Executor, Stage};
use crate::invocation::{Call, Outcome};
use crate::protocol::{Code, Failure};
use crate::start_error::StartError;

/// How many children may still be ending behind their early answers, before calls keep their slots
/// until the child is gone.
const BEHIND: usize = 32;

/// How long after a child was taken another one is started: a quick call has the CPU for itself until then.
const REFILL: Duration = Duration::from_millis(20);

/// The variables with the ids of a call.
pub(super) const IDS: [&str; 4] = ["EXECUTION_ID", "TRACE_ID", "TRACEPARENT", "DISPATCH_ATTEMPT"];

/// Runs a program for each call.
pub(crate) struct PerCall {
    run: Run,
    ahead: Option<Ahead>,
}

/// What a call needs.
#[derive(Clone)]
struct Run {
    command: Arc<CommandLine>,
    exchange: Exchange,
    /// Between SIGTERM and SIGKILL.
    grace: Duration,
    /// Those that are started ahead, from the start of the process on.
    reserve: Arc<Mutex<Option<Arc<Reserve<Waiting>>>>>,
    behind: Arc<Semaphore>,
}

/// How request and answer travel.
#[derive(Clone, Debug)]
pub(crate) enum Exchange {
    /// stdin and stdout; `early` takes the first JSON value for the answer.
    Stdio { early: bool, ahead: Option<Ahead> },
    /// Two files; stdout is log.
    File(FilePaths),
}

impl PerCall {
    pub(crate) fn new(command: Arc<CommandLine>, exchange: Exchange, grace: Duration) -> Self {
        let ahead = match &exchange {
            Exchange::Stdio { ahead, .. } => *ahead,
            Exchange::File(_) => None,
        };
        let behind = Arc::new(Semaphore::new(BEHIND));
        Self { run: Run { command, exchange, grace, reserve: Arc::default(), behind }, ahead }
    }

    fn reserve(&self) -> MutexGuard<'_, Option<Arc<Reserve<Waiting>>>> {
        self.run.reserve.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Executor for PerCall {
    fn start(&self, call: Call) -> JoinHandle<Outcome> {
        tokio::spawn(self.run.clone().call(call).instrument(Span::current()))
    }

    fn prepare(&self, _stage: Stage) -> BoxFuture<'_, Result<(), StartError>> {
        // Not an error: it may be there when it is needed.
        if let Err(reason) = self.run.command.resolve() {
            tracing::warn!(target: "nanofaas", code = Code::Spawn.as_str(), "{reason}");
        }
        let reserve = self.ahead.map(|ahead| Arc::new(ahead.keep(Arc::clone(&self.run.command), self.run.grace)));
        *self.reserve() = reserve;
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        *self.reserve() = None;
        Box::pin(std::future::ready(()))
    }

    fn is_child(&self) -> bool {
        true
    }
}

impl Run {
    async fn call(self, call: Call) -> Outcome {
        let (payload, limit, context) = (call.payload.clone(), call.output_limit, call.context.clone());
        match &self.exchange {
            Exchange::Stdio { early, .. } => {
                // Given back with an early answer, else when the process has really ended.
                let held = Arc::new(Mutex::new(Some(call)));
                let (process, errors) = self.process(&context, Box::new(Arc::clone(&held))).await?;
                let limit = Limit { bytes: limit, early: *early };
                let (process, attended) = attend(process, payload, Some(limit), errors, &context).await?;
                if attended.is_early {
                    self.reap_behind(process, &held);
                } else {
                    end(process, &attended.tail).await?;
                }
                output::read(&attended.output, "stdout")
            }
            Exchange::File(paths) => {
                let files = Files::prepare(paths.clone(), payload).await?;
                let place = files.place();
                let mut environment = of_call(&context);
                environment.extend(place.environment());
                let process = self.start(environment, Stdin::Empty, Box::new((call, files))).await?;
                let (process, attended) = attend(process, Bytes::new(), None, None, &context).await?;
                // Before the end of the process, with which the files go.
                let written = place.read_output(limit).await;
                end(process, &attended.tail).await?;
                output::read(&written?, "OUTPUT_FILE")
            }
        }
    }

    /// A child that waits already, or else a new one.
    async fn process(&self, context: &Context, keeps: Kept) -> Result<(Process, Option<Errors>), Failure> {
        let reserve = self.reserve.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let waiting = match reserve {
            Some(reserve) => {
                let taken = reserve.take().await;
                tokio::spawn(async move {
                    tokio::time::sleep(REFILL).await;
                    reserve.refill();
                });
                taken
            }
            None => None,
        };
        match waiting {
            Some(waiting) => {
                let (process, errors) = waiting.take(&context.execution_id, keeps);
                Ok((process, Some(errors)))
            }
            None => Ok((self.start(of_call(context), Stdin::Pipe, keeps).await?, None)),
        }
    }

    async fn start(&self, environment: Environment, stdin: Stdin, keeps: Kept) -> Result<Process, Failure> {
        let launch = Launch { command: Arc::clone(&self.command), environment, stdin, grace: self.grace, keeps };
        spawn(launch).await.map_err(SpawnError::into_failure)
    }

    /// Lets a child end by itself that has answered already.
    fn reap_behind(&self, process: Process, held: &Mutex<Option<Call>>) {
        let room = Arc::clone(&self.behind).try_acquire_owned().ok();
        if room.is_some() {
            *held.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        let grace = self.grace;
        let reap = async move {
            let _room = room;
            let how = match timeout(grace, process.exited()).await {
                Ok(()) => process.finish().await.ok().filter(|status| !status.success()).map(describe),
                Err(_) => {
                    let _ = process.terminate().await;
                    Some("did not end and was ended".to_owned())
                }
            };
            if let Some(how) = how {
                tracing::warn!(target: "nanofaas", how, "the child had answered before its end");
            }
        };
        tokio::spawn(reap.in_current_span());
    }
}

type Environment = Vec<(&'static str, Option<OsString>)>;

/// What a child per call finds in its environment.
fn of_call(context: &Context) -> Environment {
    let value = |text: &Option<String>| text.as_ref().map(OsString::from);
    let values = [
        Some(OsString::from(&context.execution_id)),
        value(&context.trace_id),
        value(&context.traceparent),
        value(&context.dispatch_attempt),
    ];
    IDS.into_iter().zip(values).collect()
}

/// Takes a process's status; anything but 0 is a failure.
async fn end(process: Process, tail: &Tail) -> Result<(), Failure> {
    let status =
        process.finish().await.map_err(|error| output::failure(format!("the child's status is lost: {error}")))?;
    if status.success() {
        return Ok(());
    }
    let what = format!("the child {}", describe(status));
    Err(output::failure(tail.after(&what)).logged_as(what))
}
