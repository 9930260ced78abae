//! Brings an execution to its end: waits for its turn, then one attempt after the other.

mod answer;
pub(crate) mod attempt;
mod request;

use std::sync::Arc;

pub(crate) use request::Request;

use crate::executions::Execution;
use crate::platform::Platform;

/// Runs an execution to its end, and remembers it.
pub(crate) async fn run(platform: Arc<Platform>, execution: Arc<Execution>, request: Request) {
    tokio::select! {
        () = turn(&execution) => {}
        () = execution.ended() => {}
    }
    attempts(&platform, &execution, &Arc::new(request)).await;
    platform.executions.retire(&execution);
}

/// Waits for one of the function's slots, and for a program that is being started.
async fn turn(execution: &Execution) {
    let slots = Arc::clone(&execution.function.slots);
    // It is never closed.
    if let Ok(slot) = slots.acquire_owned().await {
        // One that does not start fails its attempts, as everywhere.
        let _ = execution.function.started().await;
        execution.start(slot);
    }
}

/// Begins each attempt as soon as the one before has failed, by an answer or by a callback.
async fn attempts(platform: &Arc<Platform>, execution: &Arc<Execution>, request: &Arc<Request>) {
    let mut state = execution.subscribe();
    let mut dispatched = 0;
    loop {
        let (is_over, current) = {
            let record = state.borrow_and_update();
            (record.is_terminal(), record.attempt)
        };
        if is_over {
            return;
        }
        if current > dispatched {
            dispatched = current;
            tokio::spawn(attempt::run(Arc::clone(platform), Arc::clone(execution), Arc::clone(request), current));
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}
