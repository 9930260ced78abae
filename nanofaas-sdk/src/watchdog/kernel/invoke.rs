//! `/invoke`: `{"input": {"code", "session"?, "timeout_ms"?}}` and `{"outputs": [..], "success": bool}`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::output::{Output as Shown, Truncated};
use super::settings::{Api, Settings};
use super::task::{Key, Task};
use crate::invocation::{Call, Outcome, Output};
use crate::protocol::{Code, Failure, RequestBody};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "an object with `code`, and if need be `session` and `timeout_ms`")]
struct Input {
    code: String,
    session: Option<String>,
    timeout_ms: Option<u64>,
}

#[derive(Serialize)]
struct Answer<'a> {
    outputs: &'a [Shown],
    success: bool,
    #[serde(flatten)]
    truncated: Truncated,
}

/// What an invocation asks for. An envelope's payload is a request, or the input itself.
pub(super) fn read(call: &Call, settings: &Settings) -> Result<Task, Failure> {
    let within = || RequestBody::parse(&call.payload).ok().map(|body| body.input).filter(|input| **input != *b"null");
    let input = match &call.input {
        input if input.is_empty() => within().unwrap_or_else(|| call.payload.clone()),
        input => input.clone(),
    };
    let mut deserializer = serde_json::Deserializer::from_slice(&input);
    let Input { code, session, timeout_ms } = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let what = if path == "." { error.inner().to_string() } else { format!("{path}: {}", error.inner()) };
        Failure::new(Code::InvalidInput, format!("the input does not fit: {what}"))
    })?;
    let session = match (session, settings.api) {
        (Some(name), _) if !name.is_empty() => Key::Name(name),
        (_, Api::Executor) => Key::Number(0),
        (_, Api::Flowfile) => Key::Flow(0),
        (_, Api::None) => Key::Name("default".to_owned()),
    };
    let limit = timeout_ms.map(Duration::from_millis).or(settings.limit);
    Ok(Task::new(session, code, limit))
}

/// The output of an invocation whose code has been executed.
pub(super) fn answer(task: &Task, limit: usize) -> Outcome {
    let report = task.take_report().unwrap_or_default();
    let answer = Answer { outputs: &report.outputs, success: report.is_success(), truncated: report.truncated };
    let json = serde_json::to_vec(&answer)
        .map_err(|error| Failure::new(Code::OutputSerialization, format!("the outputs are no JSON: {error}")))?;
    if json.len() > limit {
        return Err(Failure::output_too_large(limit));
    }
    Ok(Output::new(json.into(), None))
}
