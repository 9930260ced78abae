//! One callback as the control plane received it.

use http::HeaderMap;
use serde_json::Value;

/// A callback as it arrived.
#[derive(Clone, Debug)]
pub struct Completion {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) answered: Option<u16>,
}

/// What a failed invocation reports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompletionError {
    /// The code.
    pub code: String,
    /// The message.
    pub message: String,
}

impl Completion {
    /// The path, still percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The execution id in the path, decoded.
    #[must_use]
    pub fn execution_id(&self) -> String {
        let segment = self.path.rsplit('/').next().unwrap_or_default();
        decode(segment.strip_suffix(":complete").unwrap_or(segment))
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `X-Trace-Id`.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.header("x-trace-id")
    }

    /// `X-Dispatch-Attempt`.
    #[must_use]
    pub fn dispatch_attempt(&self) -> Option<&str> {
        self.header("x-dispatch-attempt")
    }

    /// The whole body.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// Whether the invocation succeeded.
    #[must_use]
    pub fn success(&self) -> bool {
        self.body["success"] == true
    }

    /// What it returned; `null` where it failed.
    #[must_use]
    pub fn output(&self) -> &Value {
        &self.body["output"]
    }

    /// Why it failed.
    #[must_use]
    pub fn error(&self) -> Option<CompletionError> {
        let text = |key: &str| self.body["error"][key].as_str().map(str::to_owned);
        Some(CompletionError { code: text("code")?, message: text("message")? })
    }

    /// The status it was answered with; `None` where it got no answer.
    #[must_use]
    pub fn answered(&self) -> Option<u16> {
        self.answered
    }

    pub(super) fn is_accepted(&self) -> bool {
        self.answered.is_some_and(|status| (200..300).contains(&status))
    }
}

fn decode(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match tail {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn an_encoded_segment_is_read_back() {
        assert_eq!(decode("..%2F..%2Fevil%20%C3%A9"), "../../evil é");
        assert_eq!(decode("100%"), "100%");
    }
}
