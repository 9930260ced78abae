//! The body of a callback.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::failure::json_bytes;
use crate::invocation::Outcome;

/// `{"success","output","error"}`, and `statusCode` and `headers` where the function chose them.
#[derive(Serialize)]
struct Completion<'a> {
    success: bool,
    output: Option<&'a RawValue>,
    error: Option<Error<'a>>,
    #[serde(rename = "statusCode", skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<&'a str, &'a str>>,
}

#[derive(Serialize)]
struct Error<'a> {
    code: &'a str,
    message: &'a str,
}

/// Writes the callback body for an outcome.
pub(crate) fn completion_body(outcome: &Outcome) -> Bytes {
    let completion = match outcome {
        Ok(output) => Completion {
            success: true,
            output: Some(output.json()),
            error: None,
            status_code: output.head().map(|head| head.status.as_u16()),
            headers: output.head().map(|head| {
                let text = head.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
                text.collect()
            }),
        },
        Err(failure) => Completion {
            success: false,
            output: None,
            error: Some(Error { code: &failure.code, message: &failure.message }),
            status_code: None,
            headers: None,
        },
    };
    json_bytes(&completion).into()
}
