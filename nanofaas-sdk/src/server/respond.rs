//! Answers.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

use crate::invocation::{Answer, Outcome};
#[cfg(feature = "watchdog")]
use crate::protocol::completion_body;
use crate::protocol::{COLD_START, ENCODING, FUNCTION_STATUS, Failure, INIT_DURATION_MS};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// The answer to `POST /invoke`.
pub(crate) fn answer(answer: Answer) -> Response {
    match answer {
        Answer::Refused(refusal) => failure(&refusal),
        Answer::Ended { outcome, cold_start } => {
            let mut response = ended(outcome);
            if let Some(init) = cold_start {
                mark_cold(response.headers_mut(), init);
            }
            response
        }
    }
}

/// The answer to `POST /invoke` in its envelope form: the outcome as a callback tells it.
#[cfg(feature = "watchdog")]
pub(super) fn enveloped(answer: Answer) -> Response {
    let (outcome, cold_start) = match answer {
        Answer::Refused(failure) => (Err(failure), None),
        Answer::Ended { outcome, cold_start } => (outcome, cold_start),
    };
    let body = completion_body(&outcome);
    let mut response = match &outcome {
        Ok(_) => json(StatusCode::OK, body),
        Err(refusal) => failure_with(refusal, body),
    };
    if let Some(init) = cold_start {
        mark_cold(response.headers_mut(), init);
    }
    response
}

fn ended(outcome: Outcome) -> Response {
    let output = match outcome {
        Ok(output) => output,
        Err(refusal) => return failure(&refusal),
    };
    let (body, head) = output.into_parts();
    let Some(head) = head else { return json(StatusCode::OK, body) };
    // These have no body (RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5).
    let bodiless = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
    let mut response = if bodiless { Response::default() } else { json(head.status, body) };
    *response.status_mut() = head.status;
    let headers = response.headers_mut();
    // The first of a name replaces the standard one, and several of one name all stay.
    headers.extend(head.headers);
    headers.insert(&FUNCTION_STATUS, TRUE);
    if let Some(encoding) = head.encoding.and_then(|encoding| HeaderValue::try_from(encoding).ok()) {
        headers.insert(&ENCODING, encoding);
    }
    response
}

fn failure(failure: &Failure) -> Response {
    failure_with(failure, failure.to_json())
}

fn failure_with(failure: &Failure, body: impl Into<Body>) -> Response {
    let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, body);
    if failure.closes {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(after) = &failure.retry_after {
        response.headers_mut().insert(RETRY_AFTER, after.clone());
    } else if failure.retryable {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn mark_cold(headers: &mut HeaderMap, init: Duration) {
    headers.insert(&COLD_START, TRUE);
    headers.insert(&INIT_DURATION_MS, whole(init.as_millis()));
}

fn whole(number: u128) -> HeaderValue {
    HeaderValue::from(u64::try_from(number).unwrap_or(u64::MAX))
}

/// A request that is not one of the contract's.
pub(super) fn routing_error(status: u16, code: &'static str, message: &str) -> Response {
    failure(&Failure {
        code: code.into(),
        status,
        message: message.to_owned(),
        log: None,
        retryable: false,
        retry_after: None,
        closes: false,
    })
}

pub(super) fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}
