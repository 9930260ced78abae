//! `KERNEL_API=executor`: `{"code": ..}` and its outputs, in sessions that are always there.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::fields::{self, Fields};
use super::{Asked, Refusal, Told, interrupted, last_event, ok};
use crate::executor::BoxFuture;
use crate::protocol::Code;
use crate::server::{Platform, Server};
use crate::watchdog::kernel::output::{Output, Report, Truncated};
use crate::watchdog::kernel::session::Session;
use crate::watchdog::kernel::sessions::Sessions;
use crate::watchdog::kernel::task::{Key, Task};

pub(super) struct Executor {
    pub(super) sessions: Arc<Sessions>,
}

impl Platform for Executor {
    fn answer<'a>(&'a self, server: &'a Server, request: Request) -> BoxFuture<'a, Response> {
        Box::pin(async move { self.route(server, request).await.unwrap_or_else(IntoResponse::into_response) })
    }
}

/// The answer of `POST /execute`.
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

impl Executor {
    async fn route(&self, server: &Server, request: Request) -> Result<Response, Refusal> {
        let asked = Asked::read(server, request).await?;
        let path = asked.parts.uri.path();
        let (session, action) = match path.strip_prefix("/session/").and_then(|rest| rest.split_once('/')) {
            Some((session, action)) => (session, action),
            None => ("0", path.trim_start_matches('/')),
        };
        asked.check(match action {
            "health" | "ready" | "restart-status" => Some(Method::GET),
            "execute" | "restart" | "interrupt" => Some(Method::POST),
            _ => None,
        })?;
        let number = fields::number("path", "session", Some(session))?;
        let number = u32::try_from(number).ok().filter(|number| *number < self.sessions.settings.sessions);
        let key = Key::Number(number.ok_or_else(|| Refusal::not_found(&format!("Session {session} not found")))?);
        // There is none before it has begun to start.
        let session = self.sessions.find(&key);
        let session = session.as_deref();
        Ok(match action {
            "health" => ok(&json!({"status": "ok"})),
            "ready" => ready(server, session),
            "execute" => self.execute(&asked, key).await?,
            "restart" => {
                let has_begun = session.is_some_and(Session::restart);
                ok(&json!({"status": if has_begun { "restarting" } else { "already_restarting" }}))
            }
            "restart-status" => ok(&json!({"restarting": session.is_some_and(Session::is_restarting)})),
            _ => ok(&interrupted(session.is_some_and(Session::interrupt))),
        })
    }

    async fn execute(&self, asked: &Asked<'_>, key: Key) -> Result<Response, Refusal> {
        let mut fields = Fields::parse(&asked.body)?;
        let code = fields.string("code", None);
        let code = fields.finish(code)?;
        let tell = |report: Report| Answer {
            is_success: report.is_success(),
            outputs: report.outputs,
            truncated: report.truncated,
        };
        asked.execute(Task::new(key, code, self.sessions.settings.limit), tell).await
    }
}

fn ready(server: &Server, session: Option<&Session>) -> Response {
    let stopping = server.runtime.check_open().err().filter(|failure| failure.code == Code::Stopping.as_str());
    let reason = match (session, stopping) {
        (_, Some(failure)) => Some(failure.message),
        (None, None) => Some("the kernel is starting".to_owned()),
        (Some(session), None) => session.why_not_ready(),
    };
    super::ready(reason)
}
