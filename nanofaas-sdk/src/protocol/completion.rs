//! The body of a callback.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use super::Failure;
use super::failure::json_bytes;
use crate::invocation::{Head, Outcome, Output};

/// Writes an outcome as `{"success","output","error"}`, with `statusCode`, `headers` and `encoding`
/// where the function chose them: the body of a callback, and the answer to the envelope form.
pub(crate) fn completion_body(outcome: &Outcome) -> Bytes {
    match outcome {
        Ok(output) => success(output),
        Err(failure) => json_bytes(&Failed::of(failure)),
    }
    .into()
}

/// The output is JSON text already: it is quoted as it stands, not read again.
fn success(output: &Output) -> Vec<u8> {
    let mut body = Vec::with_capacity(output.json().len() + 64);
    body.extend_from_slice(br#"{"success":true,"output":"#);
    body.extend_from_slice(output.json());
    body.extend_from_slice(br#","error":null"#);
    if let Some(head) = output.head() {
        body.extend_from_slice(br#","statusCode":"#);
        body.extend_from_slice(head.status.as_str().as_bytes());
        body.extend_from_slice(br#","headers":"#);
        body.extend_from_slice(&json_bytes(&text_headers(head)));
        if let Some(encoding) = &head.encoding {
            body.extend_from_slice(br#","encoding":"#);
            body.extend_from_slice(&json_bytes(encoding));
        }
    }
    body.push(b'}');
    body
}

/// The first value of each name.
fn text_headers(head: &Head) -> BTreeMap<&str, &str> {
    head.headers.keys().filter_map(|name| Some((name.as_str(), head.headers.get(name)?.to_str().ok()?))).collect()
}

#[derive(Serialize)]
struct Failed<'a> {
    success: bool,
    output: (),
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    code: &'a str,
    message: &'a str,
}

impl<'a> Failed<'a> {
    fn of(failure: &'a Failure) -> Self {
        Self { success: false, output: (), error: Error { code: &failure.code, message: &failure.message } }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::protocol::Code;

    #[test]
    fn a_success_quotes_its_output() {
        let body = completion_body(&Ok(Output::new(Bytes::from_static(b"[1.50]"), None)));
        assert_eq!(&body[..], br#"{"success":true,"output":[1.50],"error":null}"#);
    }

    #[test]
    fn a_chosen_status_stands_beside_the_output() {
        let headers = HeaderMap::from_iter([(http::header::LOCATION, "/\"x\"".parse().unwrap())]);
        let head = Head { status: StatusCode::CREATED, headers, encoding: Some("base64".into()) };
        let body = completion_body(&Ok(Output::new(Bytes::from_static(b"1"), Some(head))));
        let expected = r#"{"success":true,"output":1,"error":null,"statusCode":201,"headers":{"location":"/\"x\""},"encoding":"base64"}"#;
        assert_eq!(&body[..], expected.as_bytes());
    }

    #[test]
    fn a_failure_has_no_output() {
        let body = completion_body(&Err(Failure::new(Code::Timeout, "late")));
        assert_eq!(&body[..], br#"{"success":false,"output":null,"error":{"code":"TIMEOUT","message":"late"}}"#);
    }
}
