//! Persistent children that take one line per call, as the launchers of `OpenWhisk`'s `ActionLoop` do.
//!
//! A line of JSON on stdin is a request, a line of JSON on fd 3 its answer; stdout and stderr are log.
//! <https://github.com/apache/openwhisk-runtime-go/blob/master/docs/ACTION.md>

pub(crate) mod connection;
mod launcher;
pub(crate) mod line;
mod program;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::output::{self, failure};
use super::process::{Kept, describe};
use super::warm::{Keeper, Lease, Presence, Rules};
use crate::executor::{BoxFuture, Executor, Stage};
use crate::invocation::{Call, Outcome};
use crate::protocol::Failure;
use crate::start_error::StartError;
use connection::{Broken, Connection, Unasked};
pub(crate) use launcher::{Handler, Launched};
use program::Worker;

/// How often another worker is tried when one turns out to be of no use.
const TRIES: usize = 3;

/// Gives each call to one of several workers.
pub(crate) struct Workers {
    pool: Arc<Pool>,
}

struct Pool {
    workers: Vec<(Arc<Worker>, Keeper)>,
    /// Those that no call is at, the last used last.
    free: Mutex<Vec<usize>>,
}

impl Workers {
    pub(crate) fn new(launched: &Launched, count: usize, rules: Rules) -> Self {
        let worker = || {
            let program = Arc::new(Worker::new(launched.clone()));
            let keeper = Keeper::new(program.clone(), rules);
            (program, keeper)
        };
        let workers: Vec<_> = (0..count).map(|_| worker()).collect();
        Self { pool: Arc::new(Pool { workers, free: Mutex::new((0..count).rev().collect()) }) }
    }
}

impl Executor for Workers {
    fn start(&self, call: Call) -> JoinHandle<Outcome> {
        tokio::spawn(work(Arc::clone(&self.pool), call).in_current_span())
    }

    fn prepare(&self, stage: Stage) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            let parts = Presence::of_each(&stage, self.pool.workers.len());
            // All at once: most of a start is waiting.
            let mut starts = tokio::task::JoinSet::new();
            for (number, presence) in parts.into_iter().enumerate() {
                let pool = Arc::clone(&self.pool);
                starts.spawn(async move { pool.workers[number].1.start(presence).await });
            }
            while let Some(started) = starts.join_next().await {
                started.unwrap_or_else(|error| Err(StartError::System(std::io::Error::other(error))))?;
            }
            Ok(())
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let mut ends = tokio::task::JoinSet::new();
            for number in 0..self.pool.workers.len() {
                let pool = Arc::clone(&self.pool);
                ends.spawn(async move { pool.workers[number].1.stop().await });
            }
            while ends.join_next().await.is_some() {}
        })
    }

    fn is_child(&self) -> bool {
        true
    }
}

impl Pool {
    fn free(&self) -> std::sync::MutexGuard<'_, Vec<usize>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker that no call is at; one that is ready, if there is one.
    fn take(self: &Arc<Self>) -> Option<Place> {
        let mut free = self.free();
        let ready = free.iter().rposition(|number| self.workers[*number].1.is_ready());
        let at = ready.or_else(|| free.len().checked_sub(1))?;
        let number = free.remove(at);
        drop(free);
        Some(Place { pool: Arc::clone(self), number })
    }
}

/// A worker's number, given back when this is dropped.
struct Place {
    pool: Arc<Pool>,
    number: usize,
}

impl Place {
    fn worker(&self) -> &(Arc<Worker>, Keeper) {
        &self.pool.workers[self.number]
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pool.free().push(self.number);
    }
}

async fn work(pool: Arc<Pool>, call: Call) -> Outcome {
    // There are as many slots as workers.
    let place = pool.take().ok_or_else(Failure::interrupted)?;
    let (worker, keeper) = place.worker();
    let (request, limit, execution_id) = (line::of(&call), call.output_limit, call.context.execution_id.clone());
    let mut kept: Option<Kept> = Some(Box::new(call));
    for _ in 0..TRIES {
        let mut lease = keeper.lease(&execution_id).await?;
        let connection = worker.connection().await;
        let unasked = connection.as_ref().map_or(Some(Unasked::Closed), Connection::unasked);
        match (connection, unasked) {
            (Some(mut connection), None) => {
                // What other calls wrote is not this one's business.
                lease.tail().clear();
                // Given up, it keeps its slot until the worker is gone.
                kept.take().into_iter().for_each(|kept| lease.keep(kept));
                match connection.exchange(&request, limit, lease.ended()).await {
                    // It was ending already, and has read nothing of the call.
                    Err(Broken::Closed) if connection.is_unread(request.len()) && has_ended(&lease).await => {
                        kept = lease.untaken();
                    }
                    Err(Broken::Closed) => return Err(ended(lease).await),
                    Err(Broken::TooLong) => {
                        lease.spoiled("the child's answer is longer than NANOFAAS_MAX_OUTPUT_BYTES");
                        return Err(Failure::output_too_large(limit));
                    }
                    Ok(written) => return answer(&written, place, lease, connection).await,
                }
            }
            // One that ends is replaced by itself, and the call goes to the next one.
            (_, Some(Unasked::Closed)) if has_ended(&lease).await => lease.done(false),
            // Whose answer that is, nobody knows.
            _ => lease.spoiled("the child wrote to fd 3 without a call, or closed it"),
        }
    }
    Err(Failure::interrupted())
}

/// The outcome of a call that was answered. Only a worker that said one thing is asked again.
async fn answer(written: &Bytes, place: Place, lease: Lease, connection: Connection) -> Outcome {
    let read = output::read(written, "fd 3");
    // What is no JSON may be the begin of something else; a wrong envelope is JSON all the same.
    let is_json = read.is_ok() || output::json(written, "fd 3").is_ok();
    let outcome = read.and_then(line::outcome);
    if !is_json {
        lease.spoiled("the child wrote something to fd 3 that is not one JSON value");
        return outcome;
    }
    match connection.unasked() {
        Some(Unasked::Wrote) => lease.spoiled("the child wrote more than one line to fd 3"),
        Some(Unasked::Closed) => done(lease, place, outcome.is_ok()).await,
        None => {
            place.worker().0.put_back(connection).await;
            done(lease, place, outcome.is_ok()).await;
        }
    }
    outcome
}

/// Gives the worker back once its lines are in the log: they belong to this call.
async fn done(lease: Lease, place: Place, is_success: bool) {
    let is_logged = lease.is_logged();
    let give_back = async move {
        lease.logged().await;
        lease.done(is_success);
        drop(place);
    };
    if is_logged {
        give_back.await;
    } else {
        // Its caller does not wait for the log.
        tokio::spawn(give_back);
    }
}

/// Whether a worker that hung up ends.
async fn has_ended(lease: &Lease) -> bool {
    tokio::time::timeout(connection::END, lease.ended()).await.is_ok()
}

/// The failure of a call whose worker went away.
async fn ended(lease: Lease) -> Failure {
    let status = tokio::time::timeout(connection::END, lease.ended()).await.ok().flatten();
    let what = match status {
        Some(status) => format!("the child {} during the call", describe(status)),
        None => "the child closed fd 3 during the call".to_owned(),
    };
    let mut message = lease.tail().after(&what);
    if status.is_some_and(|status| status.success()) && !lease.has_succeeded() {
        message.push_str(
            " (it has never written to fd 3: a handler's file is named in HANDLER_MODULE, without WATCHDOG_CMD)",
        );
    }
    lease.spoiled("the child closed fd 3");
    failure(message).logged_as(what)
}
