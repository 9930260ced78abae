//! What can go wrong, as the caller and the control plane see it.

use std::borrow::Cow;

use http::HeaderValue;

/// The codes of the contract, with the status each is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Unauthorized,
    ExecutionIdRequired,
    InvalidRequest,
    InvalidInput,
    InvalidCallbackUrl,
    BodyReadTimeout,
    InputTooLarge,
    ExecutionActive,
    HandlerSaturated,
    CallbackSaturated,
    SpoolUnavailable,
    HandlerError,
    HandlerPanic,
    OutputTooLarge,
    OutputSerialization,
    Stopping,
    NotReady,
    Timeout,
    Cancelled,
    Startup,
    Spawn,
    Function,
}

impl Code {
    /// Every code, in the order of the contract's table.
    pub(crate) const ALL: [Self; 22] = [
        Self::Unauthorized,
        Self::ExecutionIdRequired,
        Self::InvalidRequest,
        Self::InvalidInput,
        Self::InvalidCallbackUrl,
        Self::BodyReadTimeout,
        Self::InputTooLarge,
        Self::ExecutionActive,
        Self::HandlerSaturated,
        Self::CallbackSaturated,
        Self::SpoolUnavailable,
        Self::HandlerError,
        Self::HandlerPanic,
        Self::OutputTooLarge,
        Self::OutputSerialization,
        Self::Stopping,
        Self::NotReady,
        Self::Timeout,
        Self::Cancelled,
        Self::Startup,
        Self::Spawn,
        Self::Function,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        self.row().0
    }

    pub(crate) const fn status(self) -> u16 {
        self.row().1
    }

    /// Whether the same request may succeed in a moment: such answers carry `Retry-After`.
    pub(crate) const fn is_retryable(self) -> bool {
        matches!(self.status(), 429 | 503)
    }

    const fn row(self) -> (&'static str, u16) {
        match self {
            Self::Unauthorized => ("UNAUTHORIZED", 401),
            Self::ExecutionIdRequired => ("EXECUTION_ID_REQUIRED", 400),
            Self::InvalidRequest => ("INVALID_REQUEST", 400),
            Self::InvalidInput => ("INVALID_INPUT", 400),
            Self::InvalidCallbackUrl => ("INVALID_CALLBACK_URL", 400),
            Self::BodyReadTimeout => ("RUNTIME_BODY_READ_TIMEOUT", 408),
            Self::InputTooLarge => ("RUNTIME_INPUT_TOO_LARGE", 413),
            Self::ExecutionActive => ("EXECUTION_ACTIVE", 429),
            Self::HandlerSaturated => ("RUNTIME_HANDLER_SATURATED", 429),
            Self::CallbackSaturated => ("RUNTIME_CALLBACK_SATURATED", 429),
            Self::SpoolUnavailable => ("RUNTIME_SPOOL_UNAVAILABLE", 503),
            Self::HandlerError => ("HANDLER_ERROR", 500),
            Self::HandlerPanic => ("HANDLER_PANIC", 500),
            Self::OutputTooLarge => ("RUNTIME_OUTPUT_TOO_LARGE", 500),
            Self::OutputSerialization => ("OUTPUT_SERIALIZATION_ERROR", 500),
            Self::Stopping => ("RUNTIME_STOPPING", 503),
            Self::NotReady => ("RUNTIME_NOT_READY", 503),
            Self::Timeout => ("TIMEOUT", 504),
            Self::Cancelled => ("INVOCATION_CANCELLED", 503),
            Self::Startup => ("STARTUP_ERROR", 500),
            Self::Spawn => ("SPAWN_ERROR", 500),
            Self::Function => ("FUNCTION_ERROR", 500),
        }
    }
}

/// An invocation that was refused or did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: Cow<'static, str>,
    pub(crate) status: u16,
    /// What the caller and the control plane read.
    pub(crate) message: String,
    /// What the log says instead of the message: the whole source chain, or less where the message
    /// quotes the payload.
    pub(crate) log: Option<String>,
    pub(crate) retryable: bool,
    /// `Retry-After` of a child's own answer; without it a retryable failure asks for a second.
    pub(crate) retry_after: Option<HeaderValue>,
    /// The rest of the request is not read: the connection cannot be used again.
    pub(crate) closes: bool,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code.as_str()),
            status: code.status(),
            message: message.into(),
            log: None,
            retryable: code.is_retryable(),
            retry_after: None,
            closes: false,
        }
    }

    /// Too late: the process takes no new work.
    pub(crate) fn stopping() -> Self {
        Self::new(Code::Stopping, "the function is stopping and takes no new work")
    }

    /// Too early: a child is missing at the moment.
    pub(crate) fn interrupted() -> Self {
        Self::new(Code::NotReady, "the function's process has ended and is being replaced")
    }

    /// An output beyond `NANOFAAS_MAX_OUTPUT_BYTES`.
    pub(crate) fn output_too_large(limit: usize) -> Self {
        Self::new(Code::OutputTooLarge, format!("the output is larger than {limit} bytes (NANOFAAS_MAX_OUTPUT_BYTES)"))
    }

    /// Logs `text` in the message's place.
    pub(crate) fn logged_as(mut self, text: impl Into<String>) -> Self {
        self.log = Some(text.into());
        self
    }

    /// Answers with this status in the code's place.
    #[cfg(feature = "watchdog")]
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self.retryable = matches!(status, 429 | 503);
        self
    }

    /// Ends the connection after the answer.
    pub(crate) fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    pub(crate) fn log_text(&self) -> &str {
        self.log.as_deref().unwrap_or(&self.message)
    }

    /// The JSON body of the answer.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        #[derive(serde::Serialize)]
        struct Body<'a> {
            error: &'a str,
            code: &'a str,
        }
        json_bytes(&Body { error: &self.message, code: &self.code })
    }
}

/// Serialises what cannot fail: our own structs of strings, numbers and raw JSON.
pub(super) fn json_bytes(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn a_failure_is_two_strings_on_the_wire() {
        let failure = Failure::new(Code::Timeout, "late").logged_as("secret");
        assert_eq!(failure.to_json(), br#"{"error":"late","code":"TIMEOUT"}"#);
    }
}
