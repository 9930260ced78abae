//! The lines of requests and answers.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::invocation::{Call, Outcome, Output};
use crate::watchdog::output::failure;

/// A request. All beside `value` are strings: launchers put them into their environment.
#[derive(Serialize)]
struct Request<'a> {
    value: &'a RawValue,
    execution_id: &'a str,
    /// The same, as OpenWhisk calls it.
    activation_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dispatch_attempt: Option<&'a str>,
    /// Milliseconds since 1970.
    deadline: String,
}

/// The line of a call.
pub(super) fn of(call: &Call) -> Vec<u8> {
    let context = &call.context;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let value = one_line(&call.payload);
    let request = Request {
        value: serde_json::from_slice(&value).unwrap_or(RawValue::NULL),
        execution_id: &context.execution_id,
        activation_id: &context.execution_id,
        trace_id: context.trace_id.as_deref(),
        traceparent: context.traceparent.as_deref(),
        dispatch_attempt: context.dispatch_attempt.as_deref(),
        deadline: now.saturating_add(context.remaining()).as_millis().to_string(),
    };
    let mut line = serde_json::to_vec(&request).unwrap_or_default();
    line.push(b'\n');
    line
}

/// JSON without line breaks. Within strings there are none: they would not be JSON.
fn one_line(json: &Bytes) -> Bytes {
    if json.contains(&b'\n') || json.contains(&b'\r') {
        json.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect()
    } else {
        json.clone()
    }
}

/// An answer that is a failure.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failed {
    error: Value,
}

/// What an answer means.
pub(crate) fn outcome(output: Output) -> Outcome {
    if output.head().is_none()
        && output.json().starts_with(b"{")
        && let Ok(Failed { error }) = serde_json::from_slice(output.json())
    {
        let message = match error {
            Value::String(text) => text,
            other => other.to_string(),
        };
        return Err(failure(message));
    }
    Ok(output)
}
