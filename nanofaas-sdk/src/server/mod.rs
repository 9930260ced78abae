//! The HTTP platform: turns requests into invocations and outcomes into answers. It holds no policy.

mod body;
mod connection;
mod head;
mod header_clock;
mod health;
mod invoke;
mod listener;
mod respond;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::Method;

use crate::config::Config;
use crate::runtime::Runtime;

pub(crate) use listener::{bind, serve};

/// What the routes share.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) config: Arc<Config>,
    /// How metrics call the function.
    pub(crate) function: Arc<str>,
}

impl Server {
    /// The routes of the contract. Made for nesting, too: paths are relative.
    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/invoke", post(invoke::invoke))
            .route("/health", get(health::health))
            .route("/ready", get(health::ready))
            .route("/metrics", get(health::metrics))
            .method_not_allowed_fallback(wrong_method)
            .fallback(not_found)
            .with_state(self.clone())
    }
}

async fn not_found(State(server): State<Server>, request: Request) -> Response {
    let message = format!("there is nothing at {}: invoke with POST /invoke", request.uri().path());
    body::skip(request.into_body(), server.config.body_read_timeout).await;
    respond::routing_error(404, "NOT_FOUND", &message)
}

async fn wrong_method(State(server): State<Server>, method: Method, request: Request) -> Response {
    let message = format!("{} does not take {method}", request.uri().path());
    body::skip(request.into_body(), server.config.body_read_timeout).await;
    respond::routing_error(405, "METHOD_NOT_ALLOWED", &message)
}
