//! A child per call: the request on its stdin, or in a file, and one JSON value back.

use std::ffi::OsString;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;
use tracing::{Instrument, Span};

use super::command_line::CommandLine;
use super::file::{FilePaths, Files};
use super::output;
use super::prespawn::{Ahead, Waiting};
use super::process::{
    Drained, Kept, LINGER, Launch, LineLog, Process, Reserve, SpawnError, Stdin, Tail, describe, spawn,
};
use crate::context::Context;
use crate::executor::{BoxFuture, Executor, Stage};
use crate::invocation::{Call, Outcome};
use crate::protocol::{Code, Failure};
use crate::start_error::StartError;

/// How long those who hold the pipes of a child that has ended may still write.
const DRAIN: Duration = Duration::from_millis(100);

/// How many children may still be ending behind their early answers, before calls keep their slots
/// until the child is gone.
const BEHIND: usize = 32;

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
    reserve: Arc<Mutex<Option<Reserve<Waiting>>>>,
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

    fn reserve(&self) -> MutexGuard<'_, Option<Reserve<Waiting>>> {
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
        let reserve = self.ahead.map(|ahead| ahead.keep(Arc::clone(&self.run.command), self.run.grace));
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
                let process = self.process(of_call(&context), Box::new(Arc::clone(&held))).await?;
                let limit = Limit { bytes: limit, early: *early };
                let (process, attended) = attend(process, payload, Some(limit), &context).await?;
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
                let (process, attended) = attend(process, Bytes::new(), None, &context).await?;
                // Before the end of the process, with which the files go.
                let written = place.read_output(limit).await;
                end(process, &attended.tail).await?;
                output::read(&written?, "OUTPUT_FILE")
            }
        }
    }

    /// A child that waits already, or else a new one.
    async fn process(&self, environment: Environment, keeps: Kept) -> Result<Process, Failure> {
        let waiting = self.reserve.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(Reserve::take);
        match waiting {
            Some(Waiting(mut process)) => {
                process.keep(keeps);
                Ok(process)
            }
            None => self.start(environment, Stdin::Pipe, keeps).await,
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

/// What a child wrote.
struct Attended {
    output: Bytes,
    tail: Tail,
    /// It has answered and not ended.
    is_early: bool,
}

/// How much of stdout is the output.
#[derive(Clone, Copy)]
struct Limit {
    bytes: usize,
    /// As far as the first JSON value.
    early: bool,
}

/// Why a child is not attended to any longer.
enum Stop {
    Failed(Failure),
    /// Its answer is whole.
    Early,
}

/// Feeds a process and reads all that it writes until it has ended. With a limit its stdout is the
/// output, without one it is log.
async fn attend(
    mut process: Process,
    payload: Bytes,
    limit: Option<Limit>,
    context: &Context,
) -> Result<(Process, Attended), Failure> {
    let (stdin, stdout, stderr) = (process.stdin.take(), process.stdout.take(), process.stderr.take());
    let tail = Tail::default();
    let mut output = BytesMut::new();
    // By itself: what a child says while it is being ended is worth reading, too.
    let follow = |stream, pipe: Option<Drained>| {
        let id = context.execution_id.clone();
        let log = LineLog::new(stream, Some(tail.clone()), move || Some(id.clone()));
        pipe.map(|pipe| tokio::spawn(log.follow(pipe).in_current_span()))
    };
    let pumped = {
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A child that does not read it all has its reasons.
                let _ = stdin.write_all(&payload).await;
            }
            Ok(())
        };
        let errors = all_of(follow("stderr", stderr));
        let answer = async {
            match (stdout, limit) {
                (Some(stdout), Some(limit)) => collect(stdout, &mut output, limit).await,
                (stdout, _) => all_of(follow("stdout", stdout)).await,
            }
        };
        let mut pumps = pin!(async { tokio::try_join!(feed, answer, errors).map(drop) });
        tokio::select! {
            biased;
            pumped = &mut pumps => pumped,
            // Somebody else may hold the pipes open for ever.
            () = process.exited() => timeout(DRAIN, pumps).await.unwrap_or(Ok(())),
        }
    };
    let is_early = match pumped {
        Ok(()) => false,
        Err(Stop::Early) => true,
        Err(Stop::Failed(failure)) => return Err(failure),
    };
    if !is_early {
        process.exited().await;
    }
    Ok((process, Attended { output: output.freeze(), tail, is_early }))
}

/// The end of a log, if there is one. Given up, it goes on for a while.
async fn all_of(log: Option<JoinHandle<()>>) -> Result<(), Stop> {
    if let Some(log) = log {
        let _lingering = Lingering(log.abort_handle());
        // A panic of it is in the log already.
        let _ = log.await;
    }
    Ok(())
}

/// Ends a log that goes on when nobody waits for it any more, after as long as one may.
struct Lingering(AbortHandle);

impl Drop for Lingering {
    fn drop(&mut self) {
        if !self.0.is_finished()
            && let Ok(handle) = Handle::try_current()
        {
            let log = self.0.clone();
            handle.spawn(async move {
                tokio::time::sleep(LINGER).await;
                log.abort();
            });
        }
    }
}

/// Reads a child's output as far as its limit.
async fn collect(mut stdout: impl AsyncRead + Unpin, output: &mut BytesMut, limit: Limit) -> Result<(), Stop> {
    while stdout.read_buf(output).await.is_ok_and(|read| read > 0) {
        let first = if limit.early { output::first_value(output) } else { None };
        if first.unwrap_or(output.len()) > limit.bytes {
            return Err(Stop::Failed(Failure::output_too_large(limit.bytes)));
        }
        if let Some(length) = first {
            output.truncate(length);
            return Err(Stop::Early);
        }
        output.reserve(output.len().clamp(4096, 64 * 1024));
    }
    Ok(())
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
