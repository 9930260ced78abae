//! `POST /v1/functions/{name}:invoke` and `:enqueue`: calls of a function.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::json as object;
use serde_json::value::RawValue;

use super::{Refusal, json, no_such_path};
use crate::console::Event;
use crate::dispatch::{self, Request};
use crate::executions::{Execution, Opened};
use crate::functions::Function;
use crate::platform::Platform;

/// The body of a call.
#[derive(Deserialize)]
struct Call {
    input: Option<Box<RawValue>>,
    metadata: Option<BTreeMap<String, String>>,
}

pub(super) async fn call(
    State(platform): State<Arc<Platform>>,
    Path(call): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let (name, waits) = match call.rsplit_once(':') {
        Some((name, "invoke")) => (name, true),
        Some((name, "enqueue")) => (name, false),
        _ => return Err(no_such_path().await),
    };
    let function = platform
        .functions
        .get(name)
        .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "FUNCTION_NOT_FOUND", platform.functions.unknown(name)))?;
    let limit = limit(&headers)?;
    let request = read(&body?, &headers)?;
    let execution = begin(&platform, &function, &headers, request, waits)?;
    if waits {
        wait(&platform, &execution, limit).await;
        return Ok(answer(StatusCode::OK, &execution, &execution.record().summary));
    }
    let status = execution.record().summary.status;
    Ok(answer(StatusCode::ACCEPTED, &execution, &object!({ "executionId": execution.id, "status": status })))
}

fn read(body: &[u8], headers: &HeaderMap) -> Result<Request, Refusal> {
    let call: Call = serde_json::from_slice(body).map_err(|error| {
        Refusal::invalid(format!("the body is not {{\"input\": .., \"metadata\": {{\"name\": \"text\"}}}}: {error}"))
    })?;
    let input = call.input.ok_or_else(|| Refusal::invalid("`input` is missing or null"))?;
    Request::new(&input, call.metadata.as_ref(), headers).map_err(|error| Refusal::invalid(error.to_string()))
}

/// `X-Timeout-Ms`: how long the caller waits.
fn limit(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    let Some(value) = headers.get("x-timeout-ms") else { return Ok(None) };
    let text = String::from_utf8_lossy(value.as_bytes());
    match text.trim().parse() {
        Ok(ms @ 1..) => Ok(Some(Duration::from_millis(ms))),
        _ => Err(Refusal::invalid(format!("`X-Timeout-Ms: {text}` is not a number of milliseconds above 0"))),
    }
}

/// Begins an execution that its caller `waits` for or not, or finds the one of the same idempotency key.
fn begin(
    platform: &Arc<Platform>,
    function: &Arc<Function>,
    headers: &HeaderMap,
    request: Request,
    waits: bool,
) -> Result<Arc<Execution>, Refusal> {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::trim);
    match platform.executions.open(function, key.filter(|key| !key.is_empty())) {
        Opened::Known(execution) => Ok(execution),
        Opened::New(execution) => {
            if !waits {
                platform.console.show(function.name(), &Event::Queued { id: &execution.id });
            }
            tokio::spawn(dispatch::run(Arc::clone(platform), Arc::clone(&execution), request));
            Ok(execution)
        }
        Opened::QueueFull => {
            let (running, waiting) = (function.spec.concurrency, function.spec.queue_size);
            let reason = format!("the queue of `{}` is full: {running} run and {waiting} wait", function.name());
            platform.console.show(function.name(), &Event::Refused { reason: &reason });
            Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "QUEUE_FULL", reason))
        }
    }
}

/// Waits for the end, or makes it one where the caller does not wait so long.
async fn wait(platform: &Platform, execution: &Execution, limit: Option<Duration>) {
    let Some(limit) = limit else { return execution.ended().await };
    if tokio::time::timeout(limit, execution.ended()).await.is_err() && execution.give_up(limit.as_millis()) {
        let event = Event::CallerTimedOut { id: &execution.id, after: limit };
        platform.console.show(execution.function.name(), &event);
    }
}

fn answer(status: StatusCode, execution: &Execution, body: &impl serde::Serialize) -> Response {
    let mut response = json(status, body);
    if let Ok(id) = HeaderValue::from_str(&execution.id) {
        response.headers_mut().insert("x-execution-id", id);
    }
    response
}
