//! The body of `POST /invoke`: `{"input": any, "metadata": {..}|null, "headers": {..}|null}`.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::strict::Strict;
use super::{Code, Failure};

/// A request body whose input is still text: only the handler knows its type.
#[derive(Debug, Default)]
pub(crate) struct RequestBody {
    /// JSON text; `null` where the request has no input.
    pub(crate) input: Bytes,
    /// The whole body, as it was sent.
    pub(crate) payload: Bytes,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) headers: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `input`, `metadata` and `headers`, all of them optional")]
struct Envelope<'a> {
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
}

impl RequestBody {
    /// Reads the body without copying the input.
    pub(crate) fn parse(body: &Bytes) -> Result<Self, Failure> {
        let envelope: Envelope<'_> = read_object(body)?;
        Self::of_parts(body, envelope.input, envelope.metadata, envelope.headers)
    }

    pub(super) fn of_parts(
        body: &Bytes,
        input: Option<&RawValue>,
        metadata: Option<&RawValue>,
        headers: Option<&RawValue>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            input: match input {
                Some(raw) => body.slice_ref(raw.get().as_bytes()),
                None => Bytes::from_static(b"null"),
            },
            metadata: object("metadata", metadata)?,
            headers: object("headers", headers)?,
            payload: body.clone(),
        })
    }

    /// A body for this input alone.
    pub(crate) fn of_input(input: Bytes) -> Self {
        let payload = [br#"{"input":"#.as_slice(), &input, b"}"].concat().into();
        Self { input, payload, ..Self::default() }
    }

    /// A body that is any JSON value: only a child knows what it is.
    pub(crate) fn of_payload(payload: Bytes) -> Self {
        Self { payload, ..Self::default() }
    }
}

/// Reads a JSON object that means one thing only, and leaves its values as text.
pub(super) fn read_object<'a, T: Deserialize<'a>>(body: &'a Bytes) -> Result<T, Failure> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        Failure::new(Code::InvalidRequest, format!("the body is not UTF-8: the byte at offset {at} is not valid"))
    })?;
    if text.trim().is_empty() {
        let message = "the body is empty: send a JSON object such as {\"input\": \"hello\"}";
        return Err(Failure::new(Code::InvalidRequest, message));
    }
    serde_json::from_str::<Strict>(text).map_err(|error| refuse(&error))?;
    // Derived readers take an array by position, too.
    if !text.trim_start().starts_with('{') {
        let message = "the body is not a valid request: expected an object with `input`, `metadata` and `headers`";
        return Err(Failure::new(Code::InvalidRequest, message));
    }
    serde_json::from_str(text).map_err(|error| refuse(&error))
}

fn object(key: &str, raw: Option<&RawValue>) -> Result<Map<String, Value>, Failure> {
    let Some(raw) = raw else { return Ok(Map::new()) };
    serde_json::from_str(raw.get())
        .map_err(|_| Failure::new(Code::InvalidRequest, format!("`{key}` must be a JSON object or null")))
}

fn refuse(error: &serde_json::Error) -> Failure {
    let text = error.to_string();
    let message = if text.starts_with("recursion limit exceeded") {
        "the body is nested too deeply: at most 127 levels are read".to_owned()
    } else {
        format!("the body is not a valid request: {text}")
    };
    let at = format!("the body is not a valid request (line {}, column {})", error.line(), error.column());
    Failure::new(Code::InvalidRequest, message).logged_as(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<RequestBody, Failure> {
        RequestBody::parse(&Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn absent_and_null_are_the_same() {
        for body in ["{}", r#"{"input":null,"metadata":null,"headers":null}"#] {
            let parsed = parse(body).unwrap();
            assert_eq!((&parsed.input[..], parsed.metadata.len(), parsed.headers.len()), (&b"null"[..], 0, 0));
        }
    }

    #[test]
    fn unknown_keys_are_ignored_and_the_input_is_kept_as_text() {
        let parsed = parse(r#"{"later":[1],"input": {"a": 1.50} ,"metadata":{"k":"v"}}"#).unwrap();
        assert_eq!(&parsed.input[..], br#"{"a": 1.50}"#);
        assert_eq!(parsed.metadata["k"], "v");
    }

    #[test]
    fn what_readers_could_disagree_about_is_refused() {
        let deep = format!("{{\"input\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        for (body, part) in [
            ("", "empty"),
            ("[]", "expected an object"),
            (r#"["hello",{"k":1},null]"#, "expected an object"),
            ("\"text\"", "expected an object"),
            ("{\"input\":1", "EOF"),
            ("{\"input\":1} x", "trailing"),
            (r#"{"input":1,"input":2}"#, "`input` appears twice"),
            (r#"{"input":{"a":{"k":1,"\u006b":2}}}"#, "`k` appears twice"),
            (r#"{"input":1e999}"#, "number out of range"),
            (r#"{"input":"\ud800"}"#, "hex escape"),
            (r#"{"metadata":[]}"#, "`metadata` must be"),
            (r#"{"headers":"x"}"#, "`headers` must be"),
            (deep.as_str(), "nested too deeply"),
        ] {
            let failure = parse(body).expect_err(body);
            assert_eq!(failure.code, "INVALID_REQUEST");
            assert!(failure.message.contains(part), "{part}: {}", failure.message);
        }
    }

    #[test]
    fn many_keys_are_told_apart() {
        let keys: Vec<_> = (0..100).map(|n| format!("\"k{n}\":0")).collect();
        assert!(parse(&format!("{{\"input\":{{{}}}}}", keys.join(","))).is_ok());
        assert!(parse(&format!("{{\"input\":{{{},\"k99\":1}}}}", keys.join(","))).is_err());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_named_by_their_place() {
        let failure = RequestBody::parse(&Bytes::from_static(b"{\"input\":\"\xff\"}")).unwrap_err();
        assert!(failure.message.contains("offset 10"), "{}", failure.message);
    }
}
