//! The one client for a child: pooled connections that are kept alive.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::answer::Answer;
use crate::collect::Collected;

/// How long a connection that nobody uses is kept. Servers close theirs after some seconds, and a
/// call must not meet that moment; a new connection on one machine costs next to nothing.
const IDLE: Duration = Duration::from_secs(1);

/// How much is read before others have their turn: interim answers (RFC 9110 section 15.2) may go on for ever.
const AT_ONCE: usize = 64 * 1024;

/// How long the body of an answer that nobody reads may take.
const ASIDE: Duration = Duration::from_secs(1);

/// A client for one child. Clones share their connections.
#[derive(Clone, Debug)]
pub(super) struct Client(legacy::Client<HttpConnector, Full<Bytes>>);

impl Client {
    pub(super) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).http1_max_buf_size(AT_ONCE);
        Self(builder.build(connector))
    }

    /// Posts JSON and reads the answer as far as `limit` bytes; the error says how the connection
    /// broke.
    pub(super) async fn post(
        &self,
        uri: Uri,
        headers: HeaderMap,
        payload: Bytes,
        limit: usize,
    ) -> Result<Answer, String> {
        let mut request = Request::new(Full::new(payload));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let response = self.0.request(request).await.map_err(|error| innermost(&error))?;
        let (head, mut body) = response.into_parts();
        let declared = body.size_hint().lower();
        let mut parts = Collected::default();
        while let Some(frame) = body.frame().await {
            let Ok(part) = frame.map_err(|error| innermost(&error))?.into_data() else { continue };
            if !parts.push(part, declared, limit) {
                // The rest is not read, and its connection not used again.
                return Ok(Answer { status: head.status, headers: head.headers, body: None });
            }
        }
        Ok(Answer { status: head.status, headers: head.headers, body: Some(parts.into_bytes()) })
    }

    /// The status that a `GET` is answered with.
    pub(super) async fn get(&self, uri: Uri) -> Result<StatusCode, String> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = uri;
        let response = self.0.request(request).await.map_err(|error| innermost(&error))?;
        let status = response.status();
        // The status decides. A short body is read aside, so that the connection can be used again.
        let rest = http_body_util::Limited::new(response.into_body(), 64 * 1024).collect();
        tokio::spawn(async move { tokio::time::timeout(ASIDE, rest).await.is_ok() });
        Ok(status)
    }
}

/// The innermost cause says what happened.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
