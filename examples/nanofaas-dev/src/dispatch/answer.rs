//! What a function's answer means.

use std::error::Error;

use http::{HeaderMap, StatusCode};
use reqwest::Response;
use serde_json::value::RawValue;

use crate::executions::{Failure, Outcome, Output};

/// A larger answer is a failure.
const LARGEST: usize = 16 * 1024 * 1024;
/// Marks an answer whose status and headers are the function's own.
const MARKER: &str = "x-nanofaas-function-status";
/// The headers that a function may set.
const PASSED: [&str; 8] = [
    "content-type",
    "location",
    "cache-control",
    "etag",
    "content-disposition",
    "content-language",
    "retry-after",
    "vary",
];

/// An answer, or what is known where there is none.
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    pub(super) cold_start: Option<ColdStart>,
    /// In words.
    pub(super) what: String,
}

/// What the first answer of a process says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ColdStart {
    /// How long its start took, where it says so.
    pub(super) init_duration_ms: Option<u64>,
}

/// Reads an answer to its end; the error says why that is not possible.
pub(super) async fn read(mut response: Response) -> Result<Answer, String> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| format!("it broke off: {}", causes(&error)))? {
        if body.len() + part.len() > LARGEST {
            return Err(format!("the answer is larger than {LARGEST} bytes"));
        }
        body.extend_from_slice(&part);
    }
    Ok(understand(status, &headers, body))
}

fn understand(status: StatusCode, headers: &HeaderMap, body: Vec<u8>) -> Answer {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let is_true = |name| text(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let cold_start = is_true("x-cold-start")
        .then(|| ColdStart { init_duration_ms: text("x-init-duration-ms").and_then(|ms| ms.parse().ok()) });
    let mut what = status.as_u16().to_string();
    let outcome = if is_true(MARKER) || status.is_success() {
        if body.is_empty() {
            what.push_str(", empty: older control planes hang here, answer `null`");
        }
        value(body).map(|value| {
            let mut output = Output { value, ..Output::default() };
            if is_true(MARKER) {
                what.push_str(" of its own");
                output.status_code = Some(status.as_u16());
                let passed = PASSED.iter().filter_map(|name| Some(((*name).to_owned(), text(name)?.to_owned())));
                output.headers = passed.collect();
                output.encoding = text("x-nanofaas-encoding").map(str::to_owned);
            }
            output
        })
    } else {
        let message = String::from_utf8_lossy(&body).trim().to_owned();
        let message = if message.is_empty() { format!("status {status} without a body") } else { message };
        Err(Failure::new("FUNCTION_ERROR", message))
    };
    let outcome = outcome.map_or_else(Outcome::Failure, Outcome::Success);
    if let Outcome::Failure(failure) = &outcome {
        what = format!("{what} {}", failure.message);
    }
    if let Some(ColdStart { init_duration_ms }) = cold_start {
        let init = init_duration_ms.map(|ms| format!(" of {ms} ms")).unwrap_or_default();
        what = format!("cold start{init}, {what}");
    }
    Answer { outcome, cold_start, what }
}

/// The JSON of a body; an empty one is null.
fn value(body: Vec<u8>) -> Result<Option<Box<RawValue>>, Failure> {
    if body.is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8(body).map_err(|_| not_json("it is not UTF-8"))?;
    serde_json::from_str(&text).map_err(|error| not_json(&error.to_string()))
}

fn not_json(reason: &str) -> Failure {
    Failure::new("FUNCTION_ERROR", format!("the answer is not JSON: {reason}"))
}

/// An error with all that caused it.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut source = Some(error);
    let mut last = String::new();
    while let Some(error) = source {
        last = error.to_string();
        source = error.source();
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        understand(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes().to_vec())
    }

    fn failure(answer: Answer) -> String {
        match answer.outcome {
            Outcome::Failure(failure) => failure.message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn everything_but_2xx_is_a_failure_with_the_body_as_its_text() {
        assert_eq!(failure(answer(500, &[], "{\"error\":\"x\"}\n")), "{\"error\":\"x\"}");
        assert_eq!(failure(answer(404, &[], "")), "status 404 Not Found without a body");
        assert!(failure(answer(200, &[], "hello")).starts_with("the answer is not JSON"));
    }

    #[test]
    fn a_status_of_its_own_is_no_failure() {
        let headers = [(MARKER, "true"), ("location", "/1"), ("set-cookie", "a=b"), ("x-nanofaas-encoding", "base64")];
        let Outcome::Success(output) = answer(409, &headers, "7").outcome else { panic!("a failure") };
        assert_eq!((output.status_code, output.encoding.as_deref()), (Some(409), Some("base64")));
        assert_eq!(output.headers.into_iter().collect::<Vec<_>>(), [("location".into(), "/1".into())]);
    }

    #[test]
    fn the_first_answer_of_a_process_says_so_whatever_it_is() {
        let headers = [("x-cold-start", "true"), ("x-init-duration-ms", "12")];
        assert_eq!(answer(500, &headers, "").cold_start, Some(ColdStart { init_duration_ms: Some(12) }));
        assert_eq!(answer(200, &headers[..1], "1").cold_start, Some(ColdStart { init_duration_ms: None }));
        assert_eq!(answer(200, &[], "1").cold_start, None);
    }
}
