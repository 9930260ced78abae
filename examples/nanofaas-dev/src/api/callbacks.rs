//! `POST /v1/internal/executions/{id}:complete`: how an execution ended, as its function tells it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode};

use super::{Refusal, no_such_path};
use crate::console::{Event, Verdict};
use crate::dispatch::attempt::show_retry;
use crate::executions::{Callback, Execution, Outcome};
use crate::platform::Platform;

/// Always 204: whatever a callback is worth, its sender has done its part.
pub(super) async fn complete(
    State(platform): State<Arc<Platform>>,
    Path(call): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Refusal> {
    let Some(id) = call.strip_suffix(":complete") else { return Err(no_such_path().await) };
    let attempt = headers.get("x-dispatch-attempt").map(|value| String::from_utf8_lossy(value.as_bytes()));
    let attempt = attempt.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let execution = platform.executions.get(id);
    let (what, verdict) = match read(body) {
        Err(reason) => (reason, Verdict::Unreadable),
        Ok(outcome) => (describe(&outcome), apply(execution.as_deref(), attempt, outcome)),
    };
    let function = execution.as_ref().map_or("?", |execution| execution.function.name());
    platform.console.show(function, &Event::CalledBack { id, attempt, what: &what, verdict });
    if let Some(execution) = execution {
        show_retry(&platform, &execution, verdict);
    }
    Ok(StatusCode::NO_CONTENT)
}

fn read(body: Result<Bytes, BytesRejection>) -> Result<Outcome, String> {
    let body = body.map_err(|rejection| rejection.body_text())?;
    serde_json::from_slice::<Callback>(&body).map(Outcome::from).map_err(|error| error.to_string())
}

/// Without an attempt it counts for the current one.
fn apply(execution: Option<&Execution>, attempt: Option<&str>, outcome: Outcome) -> Verdict {
    let Some(execution) = execution else { return Verdict::Unknown };
    match attempt.map(str::parse).transpose() {
        Ok(attempt) => execution.settle(attempt, outcome),
        Err(_) => Verdict::Unreadable,
    }
}

fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Success(_) => "success".to_owned(),
        Outcome::Failure(failure) => format!("{} {}", failure.code, failure.message),
        Outcome::TimedOut(_) => "timeout".to_owned(),
    }
}
