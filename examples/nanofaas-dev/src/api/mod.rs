//! The control plane's HTTP API.

mod callbacks;
mod executions;
mod functions;
mod invoke;
mod refusal;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{StatusCode, header};
use serde::Serialize;

use crate::platform::Platform;
use refusal::Refusal;

/// A larger body is refused.
const LARGEST: usize = 16 * 1024 * 1024;
/// What there is, for those who looked elsewhere.
const PATHS: &str = "POST and GET /v1/functions, POST /v1/functions/{name}:invoke and :enqueue, \
                     GET /v1/executions/{id}, POST /v1/internal/executions/{id}:complete";

/// All paths. The last segment of three of them holds a name and a verb, which their handlers take apart.
pub(crate) fn router(platform: Arc<Platform>) -> Router {
    Router::new()
        .route("/v1/functions", get(functions::list).post(functions::register))
        .route("/v1/functions/{call}", post(invoke::call))
        .route("/v1/executions/{id}", get(executions::show))
        .route("/v1/internal/executions/{call}", post(callbacks::complete))
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(platform)
}

async fn no_such_path() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "NOT_FOUND", format!("there is no such path; there are: {PATHS}"))
}

async fn wrong_method() -> Refusal {
    let message = format!("the path has no such method; there are: {PATHS}");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
}

/// An answer in JSON.
fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
