//! The contracts of two other services, as platforms of kernel mode.
//!
//! Both run code as an invocation of the core, with its limits, metrics and log; what differs is how
//! a request and its answer look. Their errors are those of `FastAPI`, which both services are made with.

mod displays;
mod events;
mod executor;
mod fields;
mod flowfile;
mod memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::request::Parts;
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::output::{Report, Truncated};
use super::sessions::Sessions;
use super::settings::Api;
use super::task::Task;
use crate::executor::BoxFuture;
use crate::invocation::{Answer, Invocation};
use crate::protocol::{Code, Failure, RequestBody};
use crate::server::{Platform, Server};
use events::{Events, Form};

/// These services set no limit beside the one for code: ten years.
const NO_LIMIT: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// The platform that the settings ask for; `None` where it is the standard one.
pub(super) fn platform(sessions: &Arc<Sessions>) -> Option<Arc<dyn Platform>> {
    let sessions = Arc::clone(sessions);
    match sessions.settings.api {
        Api::Executor => Some(Arc::new(executor::Executor { sessions })),
        Api::Flowfile => Some(Arc::new(flowfile::Flowfile::new(sessions))),
        Api::None => None,
    }
}

/// A request to a contract, read.
struct Asked<'a> {
    server: &'a Server,
    parts: Parts,
    body: Bytes,
}

/// An answer that is none of the expected ones: its status, and what `detail` says.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    detail: Value,
    /// The method that the path takes.
    allowed: Option<Method>,
}

impl Refusal {
    fn wrong_method(allowed: &Method) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            detail: "Method Not Allowed".into(),
            allowed: Some(allowed.clone()),
        }
    }

    fn not_found(what: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, detail: what.into(), allowed: None }
    }

    /// The request is not as it should be.
    fn unprocessable(mistakes: Vec<Value>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, detail: mistakes.into(), allowed: None }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, detail: failure.message.into(), allowed: None }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = answer(self.status, &json!({ "detail": self.detail }));
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(allowed) = self.allowed.and_then(|method| HeaderValue::from_str(method.as_str()).ok()) {
            response.headers_mut().insert(ALLOW, allowed);
        }
        response
    }
}

fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn ok(body: &impl Serialize) -> Response {
    answer(StatusCode::OK, body)
}

impl<'a> Asked<'a> {
    /// Reads a request within its limits.
    async fn read(server: &'a Server, request: Request) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let body = server.read_body(&parts.headers, body).await?;
        Ok(Self { server, parts, body })
    }

    /// Whether the path is there, and takes this method.
    fn check(&self, allowed: Option<Method>) -> Result<(), Refusal> {
        let allowed = allowed.ok_or_else(|| Refusal::not_found("Not Found"))?;
        let method = if self.parts.method == Method::HEAD { &Method::GET } else { &self.parts.method };
        if *method == allowed { Ok(()) } else { Err(Refusal::wrong_method(&allowed)) }
    }

    /// Executes code as an invocation.
    fn run(&self, task: &Arc<Task>) -> BoxFuture<'static, Result<Report, Failure>> {
        let caller = self.server.caller(&self.parts.headers);
        let (runtime, task) = (Arc::clone(&self.server.runtime), Arc::clone(task));
        Box::pin(async move {
            let mut caller = caller?;
            caller.execution_id.get_or_insert_with(execution_id);
            let mut invocation = Invocation::new(caller, RequestBody::default(), None);
            invocation.timeout = Some(NO_LIMIT);
            invocation.brought = Some(task.clone());
            // As during a restart: whoever comes early waits.
            runtime.lifecycle.started().await;
            match runtime.invoke(invocation).await {
                Answer::Refused(failure) | Answer::Ended { outcome: Err(failure), .. } => Err(failure),
                Answer::Ended { outcome: Ok(_), .. } => {
                    task.take_report().ok_or_else(|| Failure::new(Code::Function, "the execution has left no report"))
                }
            }
        })
    }

    /// Executes code and answers once it has ended, or as it happens where that is asked for.
    async fn execute<A: Told>(
        &self,
        mut task: Task,
        tell: impl FnOnce(Report) -> A + Send + 'static,
    ) -> Result<Response, Refusal> {
        let Some(form) = Form::asked_for(&self.parts) else {
            let report = self.run(&Arc::new(task)).await?;
            return Ok(ok(&tell(report)));
        };
        let (listener, mut outputs) = mpsc::unbounded_channel();
        task.listener = Some(listener);
        let mut run = self.run(&Arc::new(task));
        let (ended, first) = tokio::select! {
            ended = &mut run => (Some(ended?), None),
            // It has its place in the queue: from here on it is not refused.
            first = outputs.recv() => (None, first),
        };
        let end = async move {
            let ended = match ended {
                Some(report) => Ok(report),
                None => run.await,
            };
            match ended {
                Ok(report) => tell(report).end(),
                Err(failure) => json!({"type": "end", "success": false, "detail": failure.message}),
            }
        };
        Ok(Events::new(form, first, outputs, end).into_response())
    }
}

/// What a contract tells of an execution.
trait Told: Serialize {
    /// The last event of a stream.
    fn end(&self) -> Value;
}

/// The last event of a stream, with what was left out before it.
fn last_event(is_success: bool, truncated: Truncated) -> Value {
    let mut end = json!({"type": "end", "success": is_success});
    if let (Value::Object(end), Ok(Value::Object(marks))) = (&mut end, serde_json::to_value(truncated)) {
        end.extend(marks);
    }
    end
}

/// Whether calls are taken; the reason why not.
fn ready(reason: Option<String>) -> Response {
    match reason {
        None => ok(&json!({"ready": true})),
        Some(reason) => answer(StatusCode::SERVICE_UNAVAILABLE, &json!({"ready": false, "reason": reason})),
    }
}

fn interrupted(was_running: bool) -> Value {
    json!({"status": if was_running { "interrupted" } else { "no_execution_running" }})
}

/// An id for code that nobody has named.
fn execution_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("kernel-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Whether a request accepts this kind of answer by name.
fn accepts(parts: &Parts, kind: &str) -> bool {
    parts.headers.get_all(ACCEPT).iter().any(|value| value.to_str().is_ok_and(|value| value.contains(kind)))
}

/// What a query says of `name`, the last one.
fn query(parts: &Parts, name: &str) -> Option<String> {
    let query = parts.uri.query().unwrap_or_default();
    let pairs = form_urlencoded::parse(query.as_bytes());
    pairs.filter(|(key, _)| key == name).last().map(|(_, value)| value.into_owned())
}
