//! How an attempt ended, whether an answer or a callback says so.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The end of an attempt.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Success(Output),
    Failure(Failure),
    /// No answer within this time, in ms.
    TimedOut(u128),
}

/// What a function returned.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    /// As the function wrote it; `None` is null.
    #[serde(rename = "output")]
    pub(crate) value: Option<Box<RawValue>>,
    /// The status that the function set itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status_code: Option<u16>,
    /// The headers that the function set itself.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encoding: Option<String>,
}

/// Why there is no output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

impl Output {
    /// What it takes to remember it, in bytes.
    pub(super) fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.value.as_ref().map_or(0, |value| value.get().len()) + headers
    }
}

/// The body of a callback.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Callback {
    success: bool,
    output: Option<Box<RawValue>>,
    error: Option<Failure>,
    status_code: Option<u16>,
    headers: Option<BTreeMap<String, String>>,
    encoding: Option<String>,
}

impl From<Callback> for Outcome {
    fn from(callback: Callback) -> Self {
        let Callback { success, output, error, status_code, headers, encoding } = callback;
        if success {
            return Self::Success(Output {
                value: output,
                status_code,
                headers: headers.unwrap_or_default(),
                encoding,
            });
        }
        Self::Failure(error.unwrap_or_else(|| Failure::new("FUNCTION_ERROR", "the callback does not say why")))
    }
}
