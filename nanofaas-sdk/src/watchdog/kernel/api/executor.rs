//! `KERNEL_API=executor`: `{"code": ..}` and its outputs, in sessions that are always there.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::fields::{self, Fields};
use super::{Contract, Refusal, Told, answer, interrupted, last_event, ok, with_fallbacks};
use crate::server::{Platform, Server};
use crate::watchdog::kernel::output::{Output, Report, Truncated};
use crate::watchdog::kernel::session::Session;
use crate::watchdog::kernel::sessions::Sessions;
use crate::watchdog::kernel::task::{Key, Task};

pub(super) struct Executor {
    pub(super) sessions: Arc<Sessions>,
}

type Shared = State<Contract<Arc<Sessions>>>;

impl Platform for Executor {
    fn router(&self, server: &Server) -> Router {
        let of_a_session = || {
            Router::new()
                .route("/health", get(health))
                .route("/ready", get(ready))
                .route("/execute", post(execute))
                .route("/restart", post(restart))
                .route("/restart-status", get(restart_status))
                .route("/interrupt", post(interrupt))
        };
        let router = Router::new()
            .merge(of_a_session())
            .nest("/session/{session}", of_a_session())
            .with_state(Contract { server: server.clone(), own: Arc::clone(&self.sessions) });
        with_fallbacks(router.merge(server.invocations()))
    }
}

/// Which session a path names; 0 where it names none.
struct Named(u32);

impl Contract<Arc<Sessions>> {
    fn session(&self, path: Option<Path<String>>) -> Result<Named, Refusal> {
        let Some(Path(text)) = path else { return Ok(Named(0)) };
        let number = fields::number("path", "session", Some(&text))?;
        let number = u32::try_from(number).ok().filter(|number| *number < self.own.settings.sessions);
        number.map(Named).ok_or_else(|| Refusal::not_found(&format!("Session {text} not found")))
    }

    /// The session itself; `None` before it has begun to start.
    fn find(&self, path: Option<Path<String>>) -> Result<Option<Arc<Session>>, Refusal> {
        let Named(number) = self.session(path)?;
        Ok(self.own.find(&Key::Number(number)))
    }
}

async fn health(State(contract): Shared, path: Option<Path<String>>) -> Result<Response, Refusal> {
    contract.session(path)?;
    Ok(ok(&json!({"status": "ok"})))
}

async fn ready(State(contract): Shared, path: Option<Path<String>>) -> Result<Response, Refusal> {
    let session = contract.find(path)?;
    let stopping = contract.server.runtime.check_open().err().filter(|failure| failure.code == "RUNTIME_STOPPING");
    let reason = match (session, stopping) {
        (_, Some(failure)) => Some(failure.message),
        (None, None) => Some("the kernel is starting".to_owned()),
        (Some(session), None) => session.why_not_ready(),
    };
    Ok(match reason {
        None => ok(&json!({"ready": true})),
        Some(reason) => answer(StatusCode::SERVICE_UNAVAILABLE, &json!({"ready": false, "reason": reason})),
    })
}

#[derive(Serialize)]
struct Answer {
    #[serde(skip)]
    is_success: bool,
    outputs: Vec<Output>,
    #[serde(flatten)]
    truncated: Truncated,
}

impl Told for Answer {
    fn end(&self) -> Value {
        last_event(self.is_success, self.truncated)
    }
}

async fn execute(State(contract): Shared, path: Option<Path<String>>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = contract.read(request).await?;
    let Named(number) = contract.session(path)?;
    let mut fields = Fields::parse(&body)?;
    let code = fields.string("code", None);
    let code = fields.finish(code)?;
    let task = Task::new(Key::Number(number), code, contract.own.settings.limit);
    let tell = |report: Report| Answer {
        is_success: report.is_success(),
        outputs: report.outputs,
        truncated: report.truncated,
    };
    contract.execute(&parts, task, tell).await
}

async fn restart(State(contract): Shared, path: Option<Path<String>>) -> Result<Response, Refusal> {
    let has_begun = contract.find(path)?.is_some_and(|session| session.restart());
    Ok(ok(&json!({"status": if has_begun { "restarting" } else { "already_restarting" }})))
}

async fn restart_status(State(contract): Shared, path: Option<Path<String>>) -> Result<Response, Refusal> {
    let is_restarting = contract.find(path)?.is_some_and(|session| session.is_restarting());
    Ok(ok(&json!({"restarting": is_restarting})))
}

async fn interrupt(State(contract): Shared, path: Option<Path<String>>) -> Result<Response, Refusal> {
    let was_running = contract.find(path)?.is_some_and(|session| session.interrupt());
    Ok(ok(&interrupted(was_running)))
}
