//! `KERNEL_API=flowfile`: the nodes of data flows, which hand tables and objects to each other.
//!
//! Each flow is a session of its own. Its objects live in the interpreter; what is known of them is
//! repeated here after each execution, so that questions never wait for code.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::displays::Displays;
use super::fields::{self, Fields};
use super::{Contract, Refusal, Told, interrupted, last_event, memory, ok, query, with_fallbacks};
use crate::server::{Platform, Server};
use crate::watchdog::kernel::output::{Output, Report, Stream, Truncated};
use crate::watchdog::kernel::sessions::Sessions;
use crate::watchdog::kernel::task::{Flow, Key, Task};

/// Which of several forms of one object is shown, the best one first.
const BEST: [&str; 7] =
    ["image/png", "image/jpeg", "image/svg+xml", "text/html", "text/markdown", "application/json", "text/plain"];

pub(super) struct Flowfile {
    own: Arc<Own>,
}

struct Own {
    sessions: Arc<Sessions>,
    displays: Displays,
}

type Shared = State<Contract<Arc<Own>>>;

impl Flowfile {
    pub(super) fn new(sessions: Arc<Sessions>) -> Self {
        Self { own: Arc::new(Own { sessions, displays: Displays::default() }) }
    }
}

impl Platform for Flowfile {
    fn router(&self, server: &Server) -> Router {
        let router = Router::new()
            .route("/health", get(health))
            .route("/execute", post(execute))
            .route("/artifacts", get(artifacts))
            .route("/artifacts/node/{node}", get(artifacts_of_node))
            .route("/clear", post(clear))
            .route("/clear_namespace", post(clear_namespace))
            .route("/clear_node_artifacts", post(clear_node_artifacts))
            .route("/display_outputs", get(display_outputs))
            .route("/interrupt", post(interrupt))
            .route("/memory", get(read_memory))
            .with_state(Contract { server: server.clone(), own: Arc::clone(&self.own) });
        with_fallbacks(router.merge(server.invocations()))
    }
}

async fn health(State(contract): Shared) -> Response {
    let count: usize = contract.own.sessions.all().iter().map(|(_, session)| session.artifacts().len()).sum();
    ok(&json!({"status": "healthy", "version": env!("CARGO_PKG_VERSION"), "artifact_count": count}))
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

async fn execute(State(contract): Shared, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = contract.read(request).await?;
    let mut fields = Fields::parse(&body)?;
    let node_id = fields.node("node_id");
    let code = fields.string("code", None);
    let input_paths = fields.paths("input_paths");
    let output_dir = fields.string("output_dir", Some(""));
    let flow_id = fields.integer("flow_id", Some(0), false).unwrap_or_default();
    let interactive = fields.boolean("interactive", false);
    let log_callback_url = fields.string("log_callback_url", Some(""));
    fields.finish(())?;
    let mut task = Task::new(Key::Flow(flow_id), code, contract.own.sessions.settings.limit);
    task.auto_display = interactive;
    task.flow = Some(Flow { node_id: node_id.clone(), flow_id, input_paths, output_dir, log_callback_url });
    let own = Arc::clone(&contract.own);
    let tell = move |report| {
        let answer = Answer::of(report);
        own.displays.put(flow_id, &node_id, answer.display_outputs.clone());
        answer
    };
    contract.execute(&parts, task, tell).await
}

/// The flow that a query names.
fn flow(parts: &Parts) -> Result<Option<i64>, Refusal> {
    query(parts, "flow_id").map(|text| fields::number("query", "flow_id", Some(&text))).transpose()
}

/// The flow that a query has to name.
fn flow_needed(parts: &Parts) -> Result<i64, Refusal> {
    fields::number("query", "flow_id", query(parts, "flow_id").as_deref())
}

async fn artifacts(State(contract): Shared, parts: Parts) -> Result<Response, Refusal> {
    Ok(ok(&contract.own.sessions.artifacts(flow(&parts)?)))
}

async fn artifacts_of_node(
    State(contract): Shared,
    Path(node): Path<String>,
    parts: Parts,
) -> Result<Response, Refusal> {
    let node = fields::node(&node.into()).unwrap_or_default();
    let mut artifacts = contract.own.sessions.artifacts(flow(&parts)?);
    artifacts.retain(|_, artifact| fields::node(&artifact["node_id"]).as_ref() == Some(&node));
    Ok(ok(&artifacts))
}

/// Ends flows: their interpreters go, and with them all memory.
async fn clear(State(contract): Shared, parts: Parts) -> Result<Response, Refusal> {
    let flow = flow(&parts)?;
    contract.own.displays.clear(flow);
    for (key, session) in contract.own.sessions.all() {
        if matches!((&key, flow), (Key::Flow(id), Some(flow)) if *id != flow) || !matches!(key, Key::Flow(_)) {
            continue;
        }
        if session.is_idle() {
            contract.own.sessions.end(&key).await;
        } else {
            // What runs is let to its end.
            for op in ["clear_artifacts", "clear_namespace"] {
                session.ask(json!({ "op": op })).await.map_err(unavailable)?;
            }
        }
    }
    Ok(ok(&json!({"status": "cleared"})))
}

async fn clear_namespace(State(contract): Shared, parts: Parts) -> Result<Response, Refusal> {
    let flow = flow_needed(&parts)?;
    if let Some(session) = contract.own.sessions.find(&Key::Flow(flow)) {
        session.ask(json!({"op": "clear_namespace"})).await.map_err(unavailable)?;
    }
    Ok(ok(&json!({"status": "cleared", "flow_id": flow})))
}

async fn clear_node_artifacts(State(contract): Shared, request: Request) -> Result<Response, Refusal> {
    let (_, body) = contract.read(request).await?;
    let mut fields = Fields::parse(&body)?;
    let nodes = fields.nodes("node_ids");
    let flow = fields.integer("flow_id", None, true);
    fields.finish(())?;
    let mut removed = Vec::new();
    for (key, session) in contract.own.sessions.all() {
        let is_asked = matches!(key, Key::Flow(id) if flow.is_none_or(|flow| flow == id));
        if is_asked && session.has_artifacts() {
            let question = json!({"op": "clear_node_artifacts", "node_ids": nodes});
            let told = session.ask(question).await.map_err(unavailable)?;
            removed.extend(told["removed"].as_array().into_iter().flatten().cloned());
        }
    }
    removed.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
    Ok(ok(&json!({"status": "cleared", "removed": removed})))
}

fn unavailable(reason: String) -> Refusal {
    Refusal { status: http::StatusCode::SERVICE_UNAVAILABLE, detail: reason.into() }
}

async fn display_outputs(State(contract): Shared, parts: Parts) -> Result<Response, Refusal> {
    let flow = flow_needed(&parts)?;
    let Some(node) = query(&parts, "node_id") else {
        return Err(fields::number("query", "node_id", None).err().unwrap_or_else(|| Refusal::not_found("Not Found")));
    };
    let node = fields::node(&node.into()).unwrap_or_default();
    Ok(ok(&contract.own.displays.get(flow, &node)))
}

/// Interrupts what runs: in one flow, or in all.
async fn interrupt(State(contract): Shared, parts: Parts) -> Result<Response, Refusal> {
    let was_running = match flow(&parts)? {
        Some(flow) => contract.own.sessions.find(&Key::Flow(flow)).is_some_and(|session| session.interrupt()),
        None => contract.own.sessions.interrupt(),
    };
    Ok(ok(&interrupted(was_running)))
}

async fn read_memory() -> Response {
    ok(&memory::read())
}
