//! What a child answered: JSON text, or an envelope around it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::invocation::{Head, Outcome, Output};
use crate::protocol::{Code, Failure, check_json};

/// The key that marks an answer with a status and headers of its own.
const MARKER: &str = "__nanofaas_envelope__";
/// How much of an answer that is not JSON is quoted.
const QUOTED: usize = 200;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "__nanofaas_envelope__")]
    is_marked: Value,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(rename = "statusCode")]
    status: Option<u16>,
    headers: Option<BTreeMap<String, Value>>,
    encoding: Option<String>,
}

/// Takes what a child wrote to `place` as its output, with the envelope where there is one.
pub(crate) fn read(written: &Bytes, place: &str) -> Outcome {
    let json = json(written, place)?;
    if json.starts_with(b"{") && contains(&json, MARKER) {
        let envelope = serde_json::from_slice::<Envelope<'_>>(&json);
        match envelope {
            Ok(envelope) if envelope.is_marked == Value::Bool(true) => return open(&json, envelope),
            Err(error) if has_marker(&json) => {
                return Err(failure(format!("the child's envelope cannot be read: {error}")));
            }
            // A value that only looks like one.
            _ => {}
        }
    }
    Ok(Output::new(json, None))
}

/// Where the first JSON value of a text ends that is still being written; `None` before that.
pub(crate) fn first_value(text: &[u8]) -> Option<usize> {
    let start = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let closes = match start.trim_ascii_start().first()? {
        b'{' => b'}',
        b'[' => b']',
        b'"' => b'"',
        _ => b' ',
    };
    // Most pieces can be told to be none without reading the value.
    let last = text.trim_ascii_end().last()?;
    let is_scalar = closes == b' ';
    if !is_scalar && *last != closes && !start.contains(&b'\n') {
        return None;
    }
    let mut values = serde_json::Deserializer::from_slice(start).into_iter::<serde::de::IgnoredAny>();
    values.next()?.ok()?;
    let end = values.byte_offset();
    // A number may go on.
    let is_over = !is_scalar || !start[end - 1].is_ascii_digit() || end < start.len();
    is_over.then(|| text.len() - start.len() + end)
}

/// The one JSON value in what a child wrote, without what surrounds it.
pub(crate) fn json(written: &Bytes, place: &str) -> Result<Bytes, Failure> {
    let bytes = written.strip_prefix(b"\xef\xbb\xbf").unwrap_or(written);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        failure(format!("the child's {place} is not UTF-8: the byte at offset {at} is not valid"))
    })?;
    let text = text.trim();
    if text.is_empty() {
        return Err(failure(format!("the child's {place} is empty: expected one JSON value, such as null")));
    }
    check_json(text.as_bytes()).map_err(|error| {
        let quoted: String = text.chars().take(QUOTED).collect();
        let more = if quoted.len() < text.len() { "…" } else { "" };
        let what = format!("the child's {place} is not one JSON value ({error})");
        failure(format!("{what}: {quoted}{more}")).logged_as(what)
    })?;
    Ok(written.slice_ref(text.as_bytes()))
}

fn open(json: &Bytes, envelope: Envelope<'_>) -> Outcome {
    let output = envelope.output.map_or(Bytes::from_static(b"null"), |raw| json.slice_ref(raw.get().as_bytes()));
    let mut headers = Vec::new();
    for (name, value) in envelope.headers.unwrap_or_default() {
        match value {
            Value::String(value) => headers.push((name, value)),
            Value::Number(value) => headers.push((name, value.to_string())),
            Value::Null => {}
            _ => {
                return Err(failure(format!("the child's envelope cannot be read: the header {name} is not a string")));
            }
        }
    }
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let mut head = Head::new(envelope.status.unwrap_or(200), headers).map_err(failure)?;
    head.encoding = envelope.encoding;
    Ok(Output::new(output, Some(head)))
}

/// Whether the marker is the object's own key and true, whatever else is wrong with the object.
fn has_marker(json: &[u8]) -> bool {
    serde_json::from_slice::<BTreeMap<String, Value>>(json).is_ok_and(|map| map.get(MARKER) == Some(&Value::Bool(true)))
}

fn contains(text: &[u8], part: &str) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.contains(part))
}

/// The child did not do what it should.
pub(crate) fn failure(message: impl Into<String>) -> Failure {
    Failure::new(Code::Function, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(written: &'static [u8]) -> Outcome {
        read(&Bytes::from_static(written), "stdout")
    }

    #[test]
    fn one_json_value_is_taken_as_it_stands() {
        for (written, json) in [
            (&b"{\"a\": 1.50}\r\n"[..], &b"{\"a\": 1.50}"[..]),
            (b"\xef\xbb\xbf \"x\" \n", b"\"x\""),
            (b"null", b"null"),
            (b"{\"text\":\"__nanofaas_envelope__\"}", b"{\"text\":\"__nanofaas_envelope__\"}"),
            (b"{\"__nanofaas_envelope__\":false}", b"{\"__nanofaas_envelope__\":false}"),
        ] {
            let output = outcome(written).unwrap();
            assert_eq!(&output.json()[..], json);
            assert!(output.head().is_none());
        }
    }

    #[test]
    fn what_is_not_one_json_value_is_quoted() {
        for (written, part) in [
            (&b""[..], "is empty"),
            (b"hello", "is not one JSON value (expected value at line 1 column 1): hello"),
            (b"{} {}", "trailing characters"),
            (b"\"a\xff\"", "not UTF-8: the byte at offset 2"),
            (b"\"a\0\"", "control character"),
            (b"Infinity", "Infinity"),
        ] {
            let failure = outcome(written).unwrap_err();
            assert_eq!((&*failure.code, failure.status), ("FUNCTION_ERROR", 500));
            assert!(failure.message.contains(part), "{}", failure.message);
        }
    }

    #[test]
    fn the_first_value_is_told_as_soon_as_it_is_whole() {
        for (text, end) in [
            (&b"{\"a\":1}"[..], Some(7)),
            (b" {\"a\":{}}\nmore", Some(9)),
            (b"{\"a\":{}", None),
            (b"\xef\xbb\xbf[1]", Some(6)),
            (b"\"a\\\"", None),
            (b"\"a\"", Some(3)),
            (b"12", None),
            (b"12\n", Some(2)),
            (b"null", Some(4)),
            (b"nul", None),
            (b"", None),
            (b"hello", None),
        ] {
            assert_eq!(first_value(text), end, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn an_envelope_sets_status_and_headers() {
        let output = outcome(
            br#"{"__nanofaas_envelope__":true,"output":[1.0],"statusCode":201,"headers":{"Location":"/7","Host":"x"},"encoding":"base64"}"#,
        )
        .unwrap();
        let head = output.head().unwrap();
        assert_eq!((&output.json()[..], head.status.as_u16()), (&b"[1.0]"[..], 201));
        assert_eq!((head.headers.len(), head.headers["location"].to_str().unwrap()), (1, "/7"));
        assert_eq!(head.encoding.as_deref(), Some("base64"));
        for wrong in [
            &br#"{"__nanofaas_envelope__":true,"statusCode":99}"#[..],
            br#"{"__nanofaas_envelope__":true,"statusCode":"201"}"#,
            br#"{"__nanofaas_envelope__":true,"headers":{"vary":[1]}}"#,
        ] {
            assert_eq!(read(&Bytes::copy_from_slice(wrong), "stdout").unwrap_err().code, "FUNCTION_ERROR");
        }
    }
}
