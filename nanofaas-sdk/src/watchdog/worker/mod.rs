//! Persistent children that take one line per call, as the launchers of `OpenWhisk`'s `ActionLoop` do.
//!
//! A line of JSON on stdin is a request, a line of JSON on fd 3 its answer; stdout and stderr are log.
//! <https://github.com/apache/openwhisk-runtime-go/blob/master/docs/ACTION.md>

mod connection;
mod launcher;
mod line;
mod program;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use super::detached::detached;
use super::output::{self, failure};
use super::process::describe;
use super::warm::{Keeper, Lease, Presence, Rules};
use crate::executor::{BoxFuture, Executor, Stage};
use crate::invocation::{Call, Outcome};
use crate::protocol::Failure;
use crate::start_error::StartError;
use connection::{Broken, Connection};
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
        let context = call.context.clone();
        detached(context, work(Arc::clone(&self.pool), call))
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
    let mut connected = None;
    for _ in 0..TRIES {
        let lease = keeper.lease(&call.context.execution_id).await?;
        match worker.connection().await {
            Some(connection) if connection.is_quiet() => {
                connected = Some((lease, connection));
                break;
            }
            // It said something that nobody asked for: whose answer that is, nobody knows.
            _ => lease.spoiled(),
        }
    }
    let (mut lease, mut connection) = connected.ok_or_else(Failure::interrupted)?;
    let request = line::of(&call);
    let limit = call.output_limit;
    // What other calls wrote is not this one's business.
    lease.tail().clear();
    // Given up, it keeps its slot until the worker is gone.
    lease.keep(call);
    let answered = connection.exchange(&request, limit, lease.ended()).await;
    match answered {
        Ok(written) => {
            let answer = output::read(&written, "fd 3");
            // What is no JSON may be the begin of something else.
            let is_sound = answer.is_ok() && connection.is_quiet();
            let outcome = answer.and_then(line::outcome);
            if is_sound {
                worker.put_back(connection).await;
                lease.done(outcome.is_ok());
            } else {
                lease.spoiled();
            }
            outcome
        }
        Err(Broken::TooLong) => {
            lease.spoiled();
            Err(Failure::output_too_large(limit))
        }
        Err(Broken::Closed) => Err(ended(lease).await),
    }
}

/// The failure of a call whose worker went away.
async fn ended(lease: Lease) -> Failure {
    let status = tokio::time::timeout(connection::END, lease.ended()).await;
    let what = match status {
        Ok(Some(status)) => format!("the child {} during the call", describe(status)),
        _ => "the child closed fd 3 during the call".to_owned(),
    };
    let message = lease.tail().after(&what);
    lease.spoiled();
    failure(message).logged_as(what)
}

impl Connection {
    fn is_quiet(&self) -> bool {
        !self.has_stray()
    }
}
