//! `KERNEL_API=flowfile`: the nodes of data flows, which hand tables and objects to each other.
//!
//! Each flow is a session of its own. Its objects live in the interpreter; what is known of them is
//! repeated here after each execution, so that questions never wait for code.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::displays::Displays;
use super::fields::{self, Fields};
use super::{Asked, Refusal, Told, interrupted, last_event, memory, ok, query};
use crate::executor::BoxFuture;
use crate::server::{Platform, Server};
use crate::watchdog::kernel::output::{Output, Report, Stream, Truncated};
use crate::watchdog::kernel::session::Session;
use crate::watchdog::kernel::sessions::Sessions;
use crate::watchdog::kernel::task::{Flow, Key, Task};

/// Which of several forms of one object is shown, the best one first.
const BEST: [&str; 7] =
    ["image/png", "image/jpeg", "image/svg+xml", "text/html", "text/markdown", "application/json", "text/plain"];

pub(super) struct Flowfile {
    sessions: Arc<Sessions>,
    displays: Arc<Displays>,
}

impl Platform for Flowfile {
    fn answer<'a>(&'a self, server: &'a Server, request: Request) -> BoxFuture<'a, Response> {
        Box::pin(async move { self.route(server, request).await.unwrap_or_else(IntoResponse::into_response) })
    }
}

impl Flowfile {
    pub(super) fn new(sessions: Arc<Sessions>) -> Self {
        Self { sessions, displays: Arc::default() }
    }

    async fn route(&self, server: &Server, request: Request) -> Result<Response, Refusal> {
        let asked = Asked::read(server, request).await?;
        let path = asked.parts.uri.path().trim_start_matches('/');
        let node = path.strip_prefix("artifacts/node/").filter(|node| !node.is_empty() && !node.contains('/'));
        asked.check(match path {
            "health" | "ready" | "artifacts" | "display_outputs" | "memory" => Some(Method::GET),
            "execute" | "clear" | "clear_namespace" | "clear_node_artifacts" | "interrupt" => Some(Method::POST),
            _ => node.map(|_| Method::GET),
        })?;
        Ok(match path {
            "health" => self.health(),
            "ready" => super::ready(server.runtime.check_open().err().map(|failure| failure.message)),
            "execute" => self.execute(&asked).await?,
            "artifacts" => ok(&self.sessions.artifacts(flow(&asked.parts)?)),
            "display_outputs" => self.display_outputs(&asked.parts)?,
            "memory" => ok(&memory::read()),
            "clear" => self.clear(flow(&asked.parts)?).await?,
            "clear_namespace" => self.clear_namespace(flow_needed(&asked.parts)?).await?,
            "clear_node_artifacts" => self.clear_node_artifacts(&asked.body).await?,
            "interrupt" => self.interrupt(flow(&asked.parts)?),
            _ => self.artifacts_of_node(node.unwrap_or_default(), flow(&asked.parts)?),
        })
    }

    fn health(&self) -> Response {
        let count: usize = self.sessions.all().iter().map(|(_, session)| session.artifacts().len()).sum();
        ok(&json!({"status": "healthy", "version": env!("CARGO_PKG_VERSION"), "artifact_count": count}))
    }

    async fn execute(&self, asked: &Asked<'_>) -> Result<Response, Refusal> {
        let mut fields = Fields::parse(&asked.body)?;
        let node_id = fields.node("node_id");
        let code = fields.string("code", None);
        let input_paths = fields.paths("input_paths");
        let output_dir = fields.string("output_dir", Some(""));
        let flow_id = fields.integer("flow_id", Some(0), false).unwrap_or_default();
        let interactive = fields.boolean("interactive", false);
        let log_callback_url = fields.string("log_callback_url", Some(""));
        fields.finish(())?;
        let mut task = Task::new(Key::Flow(flow_id), code, self.sessions.settings.limit);
        task.auto_display = interactive;
        task.flow = Some(Flow { node_id: node_id.clone(), flow_id, input_paths, output_dir, log_callback_url });
        let displays = Arc::clone(&self.displays);
        let tell = move |report| {
            let answer = Answer::of(report);
            displays.put(flow_id, &node_id, answer.display_outputs.clone());
            answer
        };
        asked.execute(task, tell).await
    }

    fn artifacts_of_node(&self, node: &str, flow: Option<i64>) -> Response {
        let node = percent_decoded(node);
        let node = fields::node(&node.into()).unwrap_or_default();
        let mut artifacts = self.sessions.artifacts(flow);
        artifacts.retain(|_, artifact| fields::node(&artifact["node_id"]).as_ref() == Some(&node));
        ok(&artifacts)
    }

    /// Ends flows: their interpreters go, and with them all memory.
    async fn clear(&self, flow: Option<i64>) -> Result<Response, Refusal> {
        self.displays.clear(flow);
        for (key, session) in self.flows(flow) {
            if session.is_idle() {
                self.sessions.end(&key).await;
                continue;
            }
            // What runs is let to its end.
            for op in ["clear_artifacts", "clear_namespace"] {
                session.ask(json!({ "op": op })).await.map_err(unavailable)?;
            }
        }
        Ok(ok(&json!({"status": "cleared"})))
    }

    /// The sessions of this flow, or of all.
    fn flows(&self, flow: Option<i64>) -> Vec<(Key, Arc<Session>)> {
        let mut all = self.sessions.all();
        all.retain(|(key, _)| matches!(key, Key::Flow(id) if flow.is_none_or(|flow| flow == *id)));
        all
    }

    async fn clear_namespace(&self, flow: i64) -> Result<Response, Refusal> {
        if let Some(session) = self.sessions.find(&Key::Flow(flow)) {
            session.ask(json!({"op": "clear_namespace"})).await.map_err(unavailable)?;
        }
        Ok(ok(&json!({"status": "cleared", "flow_id": flow})))
    }

    async fn clear_node_artifacts(&self, body: &[u8]) -> Result<Response, Refusal> {
        let mut fields = Fields::parse(body)?;
        let nodes = fields.nodes("node_ids");
        let flow = fields.integer("flow_id", None, true);
        fields.finish(())?;
        let mut removed = Vec::new();
        for (_, session) in self.flows(flow).into_iter().filter(|(_, session)| session.has_artifacts()) {
            let question = json!({"op": "clear_node_artifacts", "node_ids": nodes});
            let told = session.ask(question).await.map_err(unavailable)?;
            removed.extend(told["removed"].as_array().into_iter().flatten().cloned());
        }
        removed.sort_unstable_by(|one, other| one.as_str().cmp(&other.as_str()));
        Ok(ok(&json!({"status": "cleared", "removed": removed})))
    }

    fn display_outputs(&self, parts: &Parts) -> Result<Response, Refusal> {
        let flow = flow_needed(parts)?;
        let Some(node) = query(parts, "node_id") else { return Err(fields::missing("query", "node_id")) };
        let node = fields::node(&node.into()).unwrap_or_default();
        Ok(ok(&self.displays.get(flow, &node)))
    }

    /// Interrupts what runs: in one flow, or in all.
    fn interrupt(&self, flow: Option<i64>) -> Response {
        // Each of them, not the first alone.
        let interrupted_now = self.flows(flow).iter().filter(|(_, session)| session.interrupt()).count();
        ok(&interrupted(interrupted_now > 0))
    }
}

/// The flow that a query names.
fn flow(parts: &Parts) -> Result<Option<i64>, Refusal> {
    query(parts, "flow_id").map(|text| fields::number("query", "flow_id", Some(&text))).transpose()
}

/// The flow that a query has to name.
fn flow_needed(parts: &Parts) -> Result<i64, Refusal> {
    fields::number("query", "flow_id", query(parts, "flow_id").as_deref())
}

fn unavailable(reason: String) -> Refusal {
    Refusal { status: StatusCode::SERVICE_UNAVAILABLE, detail: reason.into(), allowed: None }
}

/// A part of a path in its own letters.
fn percent_decoded(text: &str) -> String {
    // A path has no `+` for spaces.
    let pairs = text.replace('+', "%2B");
    form_urlencoded::parse(pairs.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

/// The answer of `POST /execute`: all keys, always.
#[derive(Serialize)]
struct Answer {
    success: bool,
    output_paths: Vec<String>,
    // The document calls them one way, the service the other.
    published_artifacts: Vec<String>,
    deleted_artifacts: Vec<String>,
    artifacts_published: Vec<String>,
    artifacts_deleted: Vec<String>,
    display_outputs: Vec<Value>,
    stdout: String,
    stderr: String,
    error: Option<String>,
    execution_time_ms: f64,
    #[serde(flatten)]
    truncated: Truncated,
}

impl Told for Answer {
    fn end(&self) -> Value {
        let mut end = last_event(self.success, self.truncated);
        end["answer"] = serde_json::to_value(self).unwrap_or_default();
        end
    }
}

/// What the interpreter says of the flow.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Left {
    output_paths: Vec<String>,
    published: Vec<String>,
    deleted: Vec<String>,
}

impl Answer {
    fn of(report: Report) -> Self {
        let error = report.error().map(|(name, value, traceback)| {
            let value =
                if name == "KeyboardInterrupt" && value.is_empty() { "Execution interrupted by user" } else { value };
            (format!("{name}: {value}"), traceback.join("\n"))
        });
        let left: Left = report.flow.and_then(|flow| serde_json::from_str(flow.get()).ok()).unwrap_or_default();
        let (mut stdout, mut stderr, mut display_outputs) = (String::new(), String::new(), Vec::new());
        for output in report.outputs {
            match output {
                Output::Stream { name: Stream::Stdout, text } => stdout.push_str(&text),
                Output::Stream { name: Stream::Stderr, text } => stderr.push_str(&text),
                Output::Display { data, title } => display_outputs.extend(best(&data, &title)),
                Output::Result { data } => display_outputs.extend(best(&data, "")),
                Output::Error { .. } => {}
            }
        }
        let (error, traceback) = error.unzip();
        stderr.push_str(&traceback.unwrap_or_default());
        Self {
            success: error.is_none(),
            output_paths: left.output_paths,
            published_artifacts: left.published.clone(),
            deleted_artifacts: left.deleted.clone(),
            artifacts_published: left.published,
            artifacts_deleted: left.deleted,
            display_outputs,
            stdout,
            stderr,
            error,
            execution_time_ms: (report.duration.as_secs_f64() * 1e6).round() / 1e3,
            truncated: report.truncated,
        }
    }
}

/// The best form of an object, as this contract shows it.
fn best(data: &RawValue, title: &str) -> Option<Value> {
    let mut data: Map<String, Value> = serde_json::from_str(data.get()).ok()?;
    let known = BEST.iter().find_map(|kind| data.remove_entry(*kind));
    let (kind, value) = known.or_else(|| data.into_iter().next())?;
    let text = match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Some(json!({"mime_type": kind, "data": text, "title": title}))
}
