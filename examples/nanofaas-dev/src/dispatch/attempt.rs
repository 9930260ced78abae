//! One attempt: a call of the function, and what becomes of it.

use std::sync::Arc;
use std::time::Instant;

use http::header::AUTHORIZATION;

use super::answer::{self, Answer};
use super::request::Request;
use crate::console::{Event, Verdict};
use crate::executions::{Execution, Failure, Outcome};
use crate::platform::Platform;
use crate::process::Program;

/// Runs one attempt. Dropping the call closes its connection, and that is all the function learns of a time-out.
pub(super) async fn run(platform: Arc<Platform>, execution: Arc<Execution>, request: Arc<Request>, attempt: u32) {
    let (function, id) = (&execution.function, execution.id.as_str());
    platform.console.show(function.name(), &Event::Dispatched { id, attempt });
    let (start, limit) = (Instant::now(), function.timeout());
    let result = tokio::select! {
        result = tokio::time::timeout(limit, call(&platform, &execution, &request, attempt)) => result,
        // Its caller has been answered already.
        () = execution.given_up() => return,
    };
    let verdict = match result {
        Ok(Answer { outcome, cold_start, what }) => {
            if let Some(cold_start) = cold_start {
                execution.note_cold_start(cold_start.init_duration_ms);
            }
            let took = start.elapsed();
            let verdict = execution.settle(Some(attempt), outcome);
            let event = Event::Answered { id, attempt, what: &what, took, verdict };
            platform.console.show(function.name(), &event);
            verdict
        }
        Err(_) => {
            let verdict = execution.settle(Some(attempt), Outcome::TimedOut(limit.as_millis()));
            platform.console.show(function.name(), &Event::TimedOut { id, attempt, after: limit, verdict });
            verdict
        }
    };
    show_retry(&platform, &execution, verdict);
}

/// Shows that a failure began another attempt.
pub(crate) fn show_retry(platform: &Platform, execution: &Execution, verdict: Verdict) {
    if let Verdict::Retry(attempt) = verdict {
        let most = execution.function.spec.max_retries;
        platform.console.show(execution.function.name(), &Event::Retried { id: &execution.id, attempt, most });
    }
}

async fn call(platform: &Platform, execution: &Execution, request: &Request, attempt: u32) -> Answer {
    let function = &execution.function;
    if let Err(reason) = function.started().await {
        return unreachable(reason);
    }
    let mut headers = request.headers(&execution.id, attempt);
    // Not for a function elsewhere: the token is one that we share with what we started.
    if let Some(authorization) = function.program.as_ref().and_then(Program::authorization) {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
    let call = platform.client.post(&function.spec.endpoint_url).body(request.body());
    match call.headers(headers).send().await {
        Ok(response) => answer::read(response).await.unwrap_or_else(unreachable),
        Err(error) => unreachable(format!("{}: {}", function.spec.endpoint_url, answer::causes(&error))),
    }
}

/// There was no answer.
fn unreachable(reason: String) -> Answer {
    let what = format!("nothing ({reason})");
    Answer { outcome: Outcome::Failure(Failure::new("FUNCTION_UNREACHABLE", reason)), cold_start: None, what }
}
