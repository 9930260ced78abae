//! The wire contract, without I/O: header names, request and answer bodies, codes.
//!
//! Everything that a control plane and a function agree on stands here and nowhere else, so that
//! the HTTP server, the one-shot run and every executor speak the same language.

mod body;
mod completion;
#[cfg(feature = "watchdog")]
mod envelope;
mod failure;
mod strict;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::context::Details;

pub(crate) use body::RequestBody;
pub(crate) use completion::completion_body;
#[cfg(feature = "watchdog")]
pub(crate) use envelope::{Envelope, Form};
pub(crate) use failure::{Code, Failure};
pub(crate) use strict::check_json;

/// Identity of an invocation; falls back to `EXECUTION_ID`.
pub(crate) static EXECUTION_ID: HeaderName = HeaderName::from_static("x-execution-id");
/// The caller's trace; falls back to `TRACE_ID`.
pub(crate) static TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
/// Where the end of the invocation is reported; falls back to `CALLBACK_URL`.
pub(crate) static CALLBACK_URL: HeaderName = HeaderName::from_static("x-callback-url");
/// Which try of the control plane this is; echoed on the callback.
pub(crate) static DISPATCH_ATTEMPT: HeaderName = HeaderName::from_static("x-dispatch-attempt");
/// W3C trace context, passed on to the callback.
pub(crate) static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// `true` on the first answer of a process.
pub(crate) static COLD_START: HeaderName = HeaderName::from_static("x-cold-start");
/// Milliseconds from start to readiness, beside [`COLD_START`].
pub(crate) static INIT_DURATION_MS: HeaderName = HeaderName::from_static("x-init-duration-ms");
/// `true` when status and headers are the function's own.
pub(crate) static FUNCTION_STATUS: HeaderName = HeaderName::from_static("x-nanofaas-function-status");

/// How the output stands in JSON, beside [`FUNCTION_STATUS`].
pub(crate) static ENCODING: HeaderName = HeaderName::from_static("x-nanofaas-encoding");

/// The headers a function may set on its answer; all others are dropped.
pub(crate) const FUNCTION_HEADERS: [&str; 8] = [
    "content-type",
    "location",
    "cache-control",
    "etag",
    "content-disposition",
    "content-language",
    "retry-after",
    "vary",
];

/// The headers of [`passed_on`].
pub(crate) static PASSED_ON: [&HeaderName; 3] = [&TRACE_ID, &TRACEPARENT, &DISPATCH_ATTEMPT];

/// What goes on with an invocation, to its child and to its callback: trace and attempt.
pub(crate) fn passed_on(details: &Details) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    let values = [&details.trace_id, &details.traceparent, &details.dispatch_attempt];
    for (name, value) in PASSED_ON.into_iter().zip(values) {
        // A value that came in a header can leave in one.
        if let Some(value) = value.as_deref().and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok()) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Trims a header's or a variable's value; blank is the same as absent.
pub(crate) fn present(value: &str) -> Option<&str> {
    let value = value.trim();
    (!value.is_empty()).then_some(value)
}
