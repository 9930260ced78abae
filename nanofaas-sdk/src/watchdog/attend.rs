//! Attends to a child that serves one call: feeds it, and reads what it writes until it has ended or
//! answered.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;
use tracing::Instrument;

use super::output;
use super::process::{Drained, LINGER, LineLog, Process, Tail};
use crate::context::Context;
use crate::protocol::Failure;

/// How long those who hold the pipes of a child that has ended may still write.
const DRAIN: Duration = Duration::from_millis(100);

/// What a child wrote.
pub(super) struct Attended {
    pub(super) output: Bytes,
    pub(super) tail: Tail,
    /// It has answered and not ended.
    pub(super) is_early: bool,
}

/// How much of stdout is the output.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) bytes: usize,
    /// As far as the first JSON value.
    pub(super) early: bool,
}

/// Why a child is not attended to any longer.
enum Stop {
    Failed(Failure),
    /// Its answer is whole.
    Early,
}

/// What a child writes to stderr, on its way into the log.
pub(super) struct Errors {
    tail: Tail,
    log: Option<JoinHandle<()>>,
}

impl Errors {
    /// Reads it from now on, under the id that `execution_id` tells at that moment.
    pub(super) fn of(process: &mut Process, execution_id: impl Fn() -> Option<String> + Send + 'static) -> Self {
        let tail = Tail::default();
        let log = process.stderr.take().map(|stderr| follow("stderr", stderr, &tail, execution_id));
        Self { tail, log }
    }

    /// The last lines, once all has been read or `limit` is over.
    pub(super) async fn last(self, limit: Duration) -> Tail {
        if let Some(log) = self.log {
            let _ = timeout(limit, log).await;
        }
        self.tail
    }
}

fn id_of(context: &Context) -> impl Fn() -> Option<String> + Send + 'static {
    let id = context.execution_id.clone();
    move || Some(id.clone())
}

/// Logs a pipe by itself: what a child says while it is being ended is worth reading, too.
fn follow(
    stream: &'static str,
    pipe: Drained,
    tail: &Tail,
    execution_id: impl Fn() -> Option<String> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(LineLog::new(stream, Some(tail.clone()), execution_id).follow(pipe).in_current_span())
}

/// Feeds a process and reads all that it writes until it has ended. With a limit its stdout is the
/// output, without one it is log.
pub(super) async fn attend(
    mut process: Process,
    payload: Bytes,
    limit: Option<Limit>,
    errors: Option<Errors>,
    context: &Context,
) -> Result<(Process, Attended), Failure> {
    let (stdin, stdout) = (process.stdin.take(), process.stdout.take());
    let Errors { tail, log: errors } = errors.unwrap_or_else(|| Errors::of(&mut process, id_of(context)));
    let mut output = BytesMut::new();
    let pumped = {
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A child that does not read it all has its reasons.
                let _ = stdin.write_all(&payload).await;
            }
            Ok(())
        };
        let errors = all_of(errors);
        let answer = async {
            match (stdout, limit) {
                (Some(stdout), Some(limit)) => collect(stdout, &mut output, limit).await,
                (stdout, _) => all_of(stdout.map(|stdout| follow("stdout", stdout, &tail, id_of(context)))).await,
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
