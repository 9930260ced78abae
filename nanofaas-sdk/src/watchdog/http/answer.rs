//! What a child's HTTP answer means.

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

use crate::invocation::{Head, Outcome, Output};
use crate::protocol::{ENCODING, FUNCTION_HEADERS, FUNCTION_STATUS, Failure};
use crate::watchdog::output::{failure, json};

/// How much of an error's body is passed on.
const QUOTED: usize = 4096;

/// A child's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// `None` where it was larger than an output may be.
    pub(crate) body: Option<Bytes>,
}

impl Answer {
    pub(crate) fn into_outcome(self, limit: usize) -> Outcome {
        let is_own = self.headers.get(&FUNCTION_STATUS).is_some_and(|value| value == "true");
        if !is_own && !self.status.is_success() {
            return self.into_failure();
        }
        let body = self.body.ok_or_else(|| Failure::output_too_large(limit))?;
        let output = if body.is_empty() { Bytes::from_static(b"null") } else { json(&body, "answer")? };
        if !is_own {
            return Ok(Output::new(output, None));
        }
        let headers = self.headers.iter().filter(|(name, _)| FUNCTION_HEADERS.contains(&name.as_str()));
        let mut head = Head::new(self.status.as_u16(), headers.map(|(name, value)| (name.as_str(), value.as_bytes())))
            .map_err(failure)?;
        head.encoding = self.headers.get(&ENCODING).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Output::new(output, Some(head)))
    }

    /// A status that is not the function's own choice: what it says is kept in the message.
    fn into_failure(self) -> Outcome {
        let body = self.body.unwrap_or_default();
        let text = String::from_utf8_lossy(&body[..body.len().min(QUOTED)]);
        let what = format!("the child answered {}", self.status);
        let message = match text.trim() {
            "" => what.clone(),
            text => format!("{what}: {text}"),
        };
        // Other statuses would mean something else to our own caller.
        let status = if (400..600).contains(&self.status.as_u16()) { self.status.as_u16() } else { 500 };
        let mut failure = failure(message).with_status(status).logged_as(what);
        failure.retry_after = self.headers.get(RETRY_AFTER).cloned();
        Err(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Outcome {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect::<HeaderMap>();
        let body = Some(Bytes::from_static(body.as_bytes()));
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, body }.into_outcome(100)
    }

    #[test]
    fn a_success_is_its_body() {
        assert_eq!(&answer(200, &[], " {\"a\":1} ").unwrap().json()[..], b"{\"a\":1}");
        let empty = answer(204, &[("content-type", "text/plain")], "").unwrap();
        assert_eq!((&empty.json()[..], empty.head().is_none()), (&b"null"[..], true));
        assert_eq!(answer(200, &[], "<html>").unwrap_err().code, "FUNCTION_ERROR");
    }

    #[test]
    fn a_marked_answer_keeps_its_status_and_headers() {
        let marked = [
            ("x-nanofaas-function-status", "true"),
            ("x-nanofaas-encoding", "base64"),
            ("location", "/7"),
            ("server", "x"),
        ];
        let output = answer(404, &marked, "{}").unwrap();
        let head = output.head().unwrap();
        assert_eq!((head.status.as_u16(), head.headers.len(), head.encoding.as_deref()), (404, 1, Some("base64")));
    }

    #[test]
    fn other_statuses_are_failures_that_keep_what_was_said() {
        let failure = answer(429, &[("retry-after", "7")], "{\"error\":\"busy\"}").unwrap_err();
        assert_eq!((&*failure.code, failure.status), ("FUNCTION_ERROR", 429));
        assert_eq!(failure.message, "the child answered 429 Too Many Requests: {\"error\":\"busy\"}");
        assert_eq!(failure.retry_after.unwrap(), "7");
        assert_eq!(answer(302, &[], "").unwrap_err().status, 500);
        assert_eq!(answer(600, &[], "").unwrap_err().status, 500);
    }

    #[test]
    fn a_body_beyond_the_limit_is_no_output() {
        let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: None };
        assert_eq!(answer.into_outcome(100).unwrap_err().code, "RUNTIME_OUTPUT_TOO_LARGE");
    }
}
