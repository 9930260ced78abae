//! The envelope form of `POST /invoke`, which a watchdog takes beside the ordinary one:
//! `{"execution_id", "callback_url", "trace_id", "payload", "timeout_ms"}`.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::body::read_object;
use super::{Code, Failure, RequestBody, present};

/// The longest time-out that can be asked for: a year, far from what clocks cannot add.
const LONGEST_MS: u64 = 366 * 24 * 3600 * 1000;

/// A request in one of its two forms.
#[derive(Debug)]
pub(crate) enum Form {
    /// `{"input", "metadata", "headers"}`, with the ids in headers.
    Plain(RequestBody),
    /// The ids in the body. What is wrong with them is told in the same form.
    Envelope(Result<Envelope, Failure>),
}

/// A request whose ids stand in its body.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) execution_id: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) callback_url: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) body: RequestBody,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    execution_id: Option<&'a RawValue>,
    #[serde(borrow)]
    trace_id: Option<&'a RawValue>,
    #[serde(borrow)]
    callback_url: Option<&'a RawValue>,
    #[serde(borrow)]
    timeout_ms: Option<&'a RawValue>,
}

impl Envelope {
    /// Reads a body in either form. An envelope is an object with `execution_id` or `payload` and
    /// without `input`.
    pub(crate) fn parse(body: &Bytes) -> Result<Form, Failure> {
        let raw: Raw<'_> = read_object(body)?;
        if raw.input.is_some() || (raw.execution_id.is_none() && raw.payload.is_none()) {
            return RequestBody::of_parts(body, raw.input, raw.metadata, raw.headers).map(Form::Plain);
        }
        Ok(Form::Envelope(Self::of_raw(body, &raw)))
    }

    fn of_raw(body: &Bytes, raw: &Raw<'_>) -> Result<Self, Failure> {
        let payload = match raw.payload {
            Some(payload) => body.slice_ref(payload.get().as_bytes()),
            None => Bytes::from_static(b"null"),
        };
        Ok(Self {
            execution_id: text_of("execution_id", raw.execution_id)?,
            trace_id: text_of("trace_id", raw.trace_id)?,
            callback_url: text_of("callback_url", raw.callback_url)?,
            timeout: raw.timeout_ms.map(milliseconds).transpose()?,
            body: RequestBody::of_payload(payload),
        })
    }
}

/// A string that could be a header's value as well; blank is absent.
fn text_of(key: &str, raw: Option<&RawValue>) -> Result<Option<String>, Failure> {
    let Some(raw) = raw else { return Ok(None) };
    let wrong = |what: &str| Failure::new(Code::InvalidRequest, format!("`{key}` must be a string{what}"));
    let text: String = serde_json::from_str(raw.get()).map_err(|_| wrong(" or null"))?;
    if text.chars().any(char::is_control) {
        return Err(wrong(" without control characters"));
    }
    Ok(present(&text).map(str::to_owned))
}

fn milliseconds(raw: &RawValue) -> Result<Duration, Failure> {
    let given = serde_json::from_str(raw.get()).ok().filter(|ms| (1..=LONGEST_MS).contains(ms));
    given.map(Duration::from_millis).ok_or_else(|| {
        let message = format!("`timeout_ms` must be a whole number of milliseconds from 1 to {LONGEST_MS}");
        Failure::new(Code::InvalidRequest, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Option<Envelope>, Failure> {
        Ok(match Envelope::parse(&Bytes::copy_from_slice(body.as_bytes()))? {
            Form::Plain(_) => None,
            Form::Envelope(envelope) => Some(envelope?),
        })
    }

    #[test]
    fn an_envelope_is_known_by_its_keys() {
        for body in [
            r#"{"input":1}"#,
            r#"{"input":"\"payload\""}"#,
            r#"{"input":1,"execution_id":"e"}"#,
            r#"{"input":{"payload":1}}"#,
            "{}",
            r#"{"payload":null,"execution_id":null}"#,
        ] {
            assert!(parse(body).unwrap().is_none(), "{body}");
        }
        let envelope =
            parse(r#"{"execution_id":" e ","trace_id":"","payload":[1.50],"timeout_ms":7}"#).unwrap().unwrap();
        assert_eq!((envelope.execution_id.as_deref(), envelope.trace_id), (Some("e"), None));
        assert_eq!((&envelope.body.payload[..], envelope.timeout), (&b"[1.50]"[..], Some(Duration::from_millis(7))));
        assert_eq!(parse(r#"{"execution_id":"e"}"#).unwrap().unwrap().body.payload, "null");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (rest, part) in [
            (r#""execution_id":7"#, "`execution_id` must be a string"),
            (r#""execution_id":"a\u0000""#, "control characters"),
            (r#""payload":1,"timeout_ms":0"#, "`timeout_ms` must be"),
            (r#""payload":1,"timeout_ms":"1""#, "`timeout_ms` must be"),
            (r#""payload":1,"timeout_ms":1.5"#, "`timeout_ms` must be"),
            (r#""payload":1,"payload":2"#, "appears twice"),
        ] {
            let failure = parse(&format!("{{{rest}}}")).expect_err(rest);
            assert_eq!(failure.code, "INVALID_REQUEST");
            assert!(failure.message.contains(part), "{}", failure.message);
        }
    }
}
