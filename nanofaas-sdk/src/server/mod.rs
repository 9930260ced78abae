//! The HTTP platform: turns requests into invocations and outcomes into answers. It holds no policy.

mod activity;
mod authentication;
mod body;
mod connection;
mod connections;
mod descriptors;
pub(crate) mod head;
mod health;
mod invoke;
mod listener;
pub(crate) mod respond;
mod service;
mod stream;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::Method;
#[cfg(feature = "kernel")]
use {axum::body::Body, bytes::Bytes, http::HeaderMap};

use crate::config::Config;
use crate::executor::BoxFuture;
#[cfg(feature = "kernel")]
use crate::invocation::Caller;
#[cfg(feature = "kernel")]
use crate::protocol::Failure;
use crate::runtime::Runtime;

pub(crate) use listener::{Limits, bind, serve};

/// A platform of an executor's own: it answers what is not `/invoke` or `/metrics`.
pub(crate) trait Platform: Send + Sync {
    #[cfg_attr(not(feature = "kernel"), expect(dead_code, reason = "only kernels have a platform of their own"))]
    fn answer<'a>(&'a self, server: &'a Server, request: Request) -> BoxFuture<'a, Response>;
}

/// What the routes share.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) config: Arc<Config>,
    /// How metrics call the function.
    pub(crate) function: Arc<str>,
    /// Who makes the routes, where that is not this module.
    #[cfg_attr(not(feature = "kernel"), expect(dead_code, reason = "only kernels have a platform of their own"))]
    pub(crate) platform: Option<Arc<dyn Platform>>,
}

impl Server {
    /// The routes of the process, behind its token. Made for nesting, too: paths are relative.
    pub(crate) fn router(&self) -> Router {
        match &self.config.invoke_token {
            None => self.routes(),
            Some(token) => authentication::required(self, token, self.routes()),
        }
    }

    fn routes(&self) -> Router {
        let every = Router::new().route("/invoke", post(invoke::invoke)).route("/metrics", get(health::metrics));
        #[cfg(feature = "kernel")]
        if self.platform.is_some() {
            return every.fallback(of_platform).method_not_allowed_fallback(wrong_method).with_state(self.clone());
        }
        let all = every.route("/health", get(health::health)).route("/ready", get(health::ready)).fallback(not_found);
        all.method_not_allowed_fallback(wrong_method).with_state(self.clone())
    }

    /// Reads a body within the limits of this process.
    #[cfg(feature = "kernel")]
    pub(crate) async fn read_body(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Failure> {
        body::read(headers, body, self.config.max_input_bytes, self.config.body_read_timeout).await
    }

    /// Who calls.
    #[cfg(feature = "kernel")]
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Failure> {
        let mut caller = Caller::default();
        head::read(headers, &self.config, &mut caller).map(|()| caller)
    }
}

#[cfg(feature = "kernel")]
async fn of_platform(State(server): State<Server>, request: Request) -> Response {
    match &server.platform {
        Some(platform) => platform.answer(&server, request).await,
        None => unreachable!("the route is only there with a platform"),
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
