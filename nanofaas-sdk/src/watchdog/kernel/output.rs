//! What came of an execution.

use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

/// One of the two streams of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// Something that code brought forth.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Output {
    /// What it wrote.
    Stream { name: Stream, text: String },
    /// What it showed, by MIME type.
    Display {
        data: Box<RawValue>,
        #[serde(skip)]
        title: String,
    },
    /// The value of its last expression, by MIME type.
    Result { data: Box<RawValue> },
    /// The exception that ended it.
    Error { name: String, value: String, traceback: Vec<String> },
}

impl Output {
    pub(super) fn error(name: &str, value: impl Into<String>) -> Self {
        Self::Error { name: name.to_owned(), value: value.into(), traceback: Vec::new() }
    }

    /// What a stream of events calls it.
    pub(crate) fn event(&self) -> &'static str {
        match self {
            Self::Stream { name: Stream::Stdout, .. } => "stdout",
            Self::Stream { name: Stream::Stderr, .. } => "stderr",
            Self::Display { .. } => "display",
            Self::Result { .. } => "result",
            Self::Error { .. } => "error",
        }
    }
}

/// Which of the outputs are incomplete, since they were longer than `KERNEL_OUTPUT_LIMIT_BYTES`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Truncated {
    #[serde(rename = "stdout_truncated", skip_serializing_if = "is_whole")]
    pub(crate) stdout: bool,
    #[serde(rename = "stderr_truncated", skip_serializing_if = "is_whole")]
    pub(crate) stderr: bool,
    #[serde(rename = "rich_truncated", skip_serializing_if = "is_whole")]
    pub(crate) rich: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_whole(is_truncated: &bool) -> bool {
    !is_truncated
}

/// How an execution ended.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) outputs: Vec<Output>,
    pub(crate) truncated: Truncated,
    /// What the interpreter says beyond that: the data of a flow.
    pub(crate) flow: Option<Box<RawValue>>,
    pub(crate) duration: Duration,
}

impl Report {
    /// The error that ended it; `None` after success.
    pub(crate) fn error(&self) -> Option<(&str, &str, &[String])> {
        self.outputs.iter().find_map(|output| match output {
            Output::Error { name, value, traceback } => Some((name.as_str(), value.as_str(), traceback.as_slice())),
            _ => None,
        })
    }

    pub(crate) fn is_success(&self) -> bool {
        self.error().is_none()
    }
}
