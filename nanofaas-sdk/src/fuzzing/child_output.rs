//! What a child answers: on a pipe, or through HTTP after a head of its own.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::de::IgnoredAny;

use super::model;
use crate::invocation::{Answer, Outcome};
use crate::protocol::{ENCODING, FUNCTION_HEADERS, FUNCTION_STATUS, completion_body};
use crate::server::respond;
use crate::watchdog::http::answer;
use crate::watchdog::output;

/// Bytes that an output may have.
const LIMIT: usize = 4096;

/// Whatever a child says becomes its JSON or a failure, and an answer with no headers but those allowed.
pub fn child_output(data: &[u8]) {
    let written = Bytes::copy_from_slice(data);
    check_outcome(output::read(&written, "stdout"), &written);
    check_first_value(data);
    if let Some(answer) = read(data) {
        let body = answer.body.clone().unwrap_or_default();
        let body = if body.is_empty() { Bytes::from_static(b"null") } else { body };
        check_outcome(answer.into_outcome(LIMIT), &body);
    }
}

/// An answer of a server: a line with the status, its headers, an empty line, the body.
fn read(data: &[u8]) -> Option<answer::Answer> {
    let at = data.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let (head, body) = (&data[..at], &data[at + 4..]);
    let mut lines = head.split(|byte| *byte == b'\n');
    let status = StatusCode::from_bytes(lines.next()?.trim_ascii()).ok()?;
    let mut headers = HeaderMap::new();
    for line in lines.take(100) {
        let at = line.iter().position(|byte| *byte == b':')?;
        let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?;
        headers.append(HeaderName::from_bytes(&line[..at]).ok()?, value);
    }
    let body = (body.len() <= LIMIT).then(|| Bytes::copy_from_slice(body));
    Some(answer::Answer { status, headers, body })
}

fn check_outcome(outcome: Outcome, written: &[u8]) {
    let callback = model::valid(&completion_body(&outcome));
    let text = written.strip_prefix(b"\xef\xbb\xbf").unwrap_or(written);
    let said = std::str::from_utf8(text).ok().and_then(|text| model::value(text.trim().as_bytes()));
    match &outcome {
        Ok(output) => {
            let (said, json) = (said.unwrap(), model::valid(output.json()));
            let is_wrapped = said["__nanofaas_envelope__"] == true && json == said["output"];
            assert!(json == said || is_wrapped, "{json} is not of {said}");
            assert_eq!(callback["output"], json);
            assert_eq!(callback["statusCode"].is_null(), output.head().is_none());
        }
        Err(failure) => {
            assert!(["FUNCTION_ERROR", "RUNTIME_OUTPUT_TOO_LARGE"].contains(&&*failure.code));
            assert_eq!(callback["error"]["message"], failure.message);
            assert!(failure.message.len() <= written.len() * 3 + 200, "more is quoted than was said");
        }
    }
    check_answer(outcome);
}

fn check_answer(outcome: Outcome) {
    let is_own = outcome.as_ref().is_ok_and(|output| output.head().is_some());
    let response = respond::answer(Answer::Ended { outcome, cold_start: None });
    assert!((200..600).contains(&response.status().as_u16()));
    let headers = response.headers();
    assert_eq!(headers.contains_key(&FUNCTION_STATUS), is_own);
    for (name, value) in headers {
        let is_known = if is_own {
            FUNCTION_HEADERS.contains(&name.as_str()) || [&FUNCTION_STATUS, &ENCODING].contains(&name)
        } else {
            [CONTENT_TYPE, RETRY_AFTER].contains(name)
        };
        assert!(is_known && ![CONNECTION, CONTENT_LENGTH].contains(name), "{name}");
        assert!(value.as_bytes().iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f)), "{value:?}");
    }
}

/// The first value ends where it can be read by itself, and stays when more is written.
fn check_first_value(data: &[u8]) {
    let data = &data[..data.len().min(256)];
    let is_value = |text: &[u8]| {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        serde_json::from_slice::<IgnoredAny>(text).is_ok()
    };
    let mut known = None;
    for length in 0..=data.len() {
        let found = output::first_value(&data[..length]);
        match (known, found) {
            (None, Some(end)) => {
                assert!(end <= length && is_value(&data[..end]), "{end} of {length}");
                known = Some(end);
            }
            (Some(known), Some(end)) => assert_eq!(end, known, "another value after {length} bytes"),
            _ => {}
        }
    }
    let closes = data.trim_ascii_end().last().is_some_and(|last| b"}]\"".contains(last));
    if closes && is_value(data) {
        assert_eq!(known, Some(data.trim_ascii_end().len()), "a whole value is not seen");
    }
}
