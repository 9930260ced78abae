//! A function under test.

use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request};
use http_body_util::BodyExt;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::{Map, Value, json};

use crate::runtime::Runtime;
use crate::service::Service;

/// A started function; see [`Platform::start`](super::Platform::start).
#[derive(Clone)]
pub struct Function {
    router: Router,
    runtime: std::sync::Arc<Runtime>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Function").finish_non_exhaustive()
    }
}

impl Function {
    pub(super) fn new(service: Service) -> Self {
        let runtime = service.runtime().clone();
        Self { router: service.into_router(), runtime }
    }

    /// Prepares an invocation with this input; `.await` sends it. The execution id is `test` and
    /// there is no other header, unless they are set.
    pub fn invoke(&self, input: Value) -> Invoke {
        let headers =
            HeaderMap::from_iter([(HeaderName::from_static("x-execution-id"), HeaderValue::from_static("test"))]);
        Invoke { router: self.router.clone(), headers, input, metadata: None }
    }

    /// `GET`s a path such as `/health`.
    pub async fn get(&self, path: &str) -> Reply {
        send(self.router.clone(), Method::GET, path, HeaderMap::new(), Body::empty()).await
    }

    /// Stops taking work and waits for what runs and for its callbacks; whether all of it ended
    /// in time.
    pub async fn drain(&self, grace: Duration) -> bool {
        self.runtime.drain(grace).await.is_clean()
    }
}

/// An invocation that is about to be sent.
#[derive(Debug)]
#[must_use = "an invocation is sent by `.await`"]
pub struct Invoke {
    router: Router,
    headers: HeaderMap,
    input: Value,
    metadata: Option<Map<String, Value>>,
}

impl Invoke {
    /// Sets `X-Execution-Id`.
    pub fn execution_id(self, id: &str) -> Self {
        self.header("x-execution-id", id)
    }

    /// Sets `X-Trace-Id`.
    pub fn trace_id(self, id: &str) -> Self {
        self.header("x-trace-id", id)
    }

    /// Sets `X-Dispatch-Attempt`.
    pub fn dispatch_attempt(self, attempt: &str) -> Self {
        self.header("x-dispatch-attempt", attempt)
    }

    /// Sets `X-Callback-Url`; without it the function calls the platform back.
    pub fn callback_url(self, url: &str) -> Self {
        self.header("x-callback-url", url)
    }

    /// Sets `Authorization: Bearer <token>`, for a function with an
    /// [`invoke_token`](crate::Config::invoke_token).
    ///
    /// # Panics
    ///
    /// Where HTTP does not allow the token.
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sets the request's metadata.
    pub fn metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Sets any header.
    ///
    /// # Panics
    ///
    /// Where HTTP does not allow the name or the value.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a header's name");
        self.headers.insert(name, HeaderValue::try_from(value).expect("a header's value"));
        self
    }
}

impl IntoFuture for Invoke {
    type Output = Reply;
    type IntoFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let body = json!({ "input": self.input, "metadata": self.metadata });
        Box::pin(send(self.router, Method::POST, "/invoke", self.headers, Body::from(body.to_string())))
    }
}

async fn send(router: Router, method: Method, path: &str, headers: HeaderMap, body: Body) -> Reply {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().expect("a path");
    *request.headers_mut() = headers;
    let Ok(response) = TowerToHyperService::new(router).call(request).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        json: serde_json::from_slice(&body).unwrap_or_default(),
        body: body.to_vec(),
    }
}

/// The function's answer.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: HeaderMap,
    json: Value,
    body: Vec<u8>,
}

impl Reply {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; `null` where it is none.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of an error answer.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.json["code"].as_str()
    }

    /// The message of an error answer.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.json["error"].as_str()
    }
}
