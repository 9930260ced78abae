//! A child per call: the request on its stdin, or in a file, and one JSON value back.

use std::ffi::OsString;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;
use tracing::{Instrument, Span};

use super::command_line::CommandLine;
use super::file::{FilePaths, Files};
use super::output;
use super::process::{Drained, Kept, LINGER, Launch, LineLog, Process, SpawnError, Stdin, Tail, describe, spawn};
use crate::context::Context;
use crate::executor::{BoxFuture, Executor, Stage};
use crate::invocation::{Call, Outcome};
use crate::protocol::{Code, Failure};
use crate::start_error::StartError;

/// How long those who hold the pipes of a child that has ended may still write.
const DRAIN: Duration = Duration::from_millis(100);

/// Runs a program for each call.
#[derive(Clone)]
pub(crate) struct PerCall {
    pub(crate) command: Arc<CommandLine>,
    pub(crate) exchange: Exchange,
    /// Between SIGTERM and SIGKILL.
    pub(crate) grace: Duration,
}

/// How request and answer travel.
#[derive(Clone, Debug)]
pub(crate) enum Exchange {
    /// stdin and stdout.
    Stdio,
    /// Two files; stdout is log.
    File(FilePaths),
}

impl Executor for PerCall {
    fn start(&self, call: Call) -> JoinHandle<Outcome> {
        tokio::spawn(self.clone().run(call).instrument(Span::current()))
    }

    fn prepare(&self, _stage: Stage) -> BoxFuture<'_, Result<(), StartError>> {
        // Not an error: it may be there when it is needed.
        if let Err(reason) = self.command.resolve() {
            tracing::warn!(target: "nanofaas", code = Code::Spawn.as_str(), "{reason}");
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn is_child(&self) -> bool {
        true
    }
}

impl PerCall {
    async fn run(self, call: Call) -> Outcome {
        let (payload, limit, context) = (call.payload.clone(), call.output_limit, call.context.clone());
        let mut environment = of_call(&context);
        match self.exchange {
            Exchange::Stdio => {
                let process = start(self.command, environment, Stdin::Pipe, self.grace, Box::new(call)).await?;
                let (process, attended) = attend(process, payload, Some(limit), &context).await?;
                end(process, &attended.tail).await?;
                output::read(&attended.output, "stdout")
            }
            Exchange::File(paths) => {
                let files = Files::prepare(paths, payload).await?;
                let place = files.place();
                environment.extend(place.environment());
                let process =
                    start(self.command, environment, Stdin::Empty, self.grace, Box::new((call, files))).await?;
                let (process, attended) = attend(process, Bytes::new(), None, &context).await?;
                // Before the end of the process, with which the files go.
                let written = place.read_output(limit).await;
                end(process, &attended.tail).await?;
                output::read(&written?, "OUTPUT_FILE")
            }
        }
    }
}

async fn start(
    command: Arc<CommandLine>,
    environment: Environment,
    stdin: Stdin,
    grace: Duration,
    keeps: Kept,
) -> Result<Process, Failure> {
    spawn(Launch { command, environment, stdin, grace, keeps }).await.map_err(SpawnError::into_failure)
}

type Environment = Vec<(&'static str, Option<OsString>)>;

/// What a child per call finds in its environment.
fn of_call(context: &Context) -> Environment {
    let value = |text: &Option<String>| text.as_ref().map(OsString::from);
    vec![
        ("EXECUTION_ID", Some(OsString::from(&context.execution_id))),
        ("TRACE_ID", value(&context.trace_id)),
        ("TRACEPARENT", value(&context.traceparent)),
        ("DISPATCH_ATTEMPT", value(&context.dispatch_attempt)),
    ]
}

/// What a child wrote.
struct Attended {
    output: Bytes,
    tail: Tail,
}

/// Feeds a process and reads all that it writes until it has ended. With a limit its stdout is the
/// output, without one it is log.
async fn attend(
    mut process: Process,
    payload: Bytes,
    limit: Option<usize>,
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
    pumped?;
    process.exited().await;
    Ok((process, Attended { output: output.freeze(), tail }))
}

/// The end of a log, if there is one. Given up, it goes on for a while.
async fn all_of(log: Option<JoinHandle<()>>) -> Result<(), Failure> {
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
async fn collect(mut stdout: impl AsyncRead + Unpin, output: &mut BytesMut, limit: usize) -> Result<(), Failure> {
    while stdout.read_buf(output).await.is_ok_and(|read| read > 0) {
        if output.len() > limit {
            return Err(Failure::output_too_large(limit));
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
