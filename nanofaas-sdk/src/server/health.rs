//! `GET /health`, `/ready` and `/metrics`.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::{Server, respond};
use crate::runtime::Phase;

/// Whether the function lives: 503 until init is done and while a child is missing, else 200,
/// saturated or draining too. Control planes probe only this.
pub(super) async fn health(State(server): State<Server>) -> Response {
    let lifecycle = &server.runtime.lifecycle;
    if lifecycle.init_duration().is_some() && lifecycle.phase() != Phase::Interrupted {
        respond::json(StatusCode::OK, r#"{"status":"ok"}"#)
    } else {
        respond::json(StatusCode::SERVICE_UNAVAILABLE, STARTING)
    }
}

const STARTING: &str = r#"{"status":"starting"}"#;

/// Whether new work is taken.
pub(super) async fn ready(State(server): State<Server>) -> Response {
    match server.runtime.lifecycle.phase() {
        Phase::Ready => respond::json(StatusCode::OK, r#"{"status":"ready"}"#),
        Phase::Starting | Phase::Interrupted => respond::json(StatusCode::SERVICE_UNAVAILABLE, STARTING),
        Phase::Stopping => respond::json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"stopping"}"#),
    }
}

/// What was counted, as Prometheus text.
pub(super) async fn metrics(State(server): State<Server>) -> Response {
    let mut response = Response::new(server.runtime.metrics.render(&server.function).into());
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
