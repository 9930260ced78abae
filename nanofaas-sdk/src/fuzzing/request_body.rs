//! The body of a request, in both of its forms.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::model;
use crate::invocation::Output;
#[cfg(feature = "watchdog")]
use crate::protocol::{Envelope, Form};
use crate::protocol::{Failure, RequestBody, completion_body};

/// A body is read where `serde_json` reads it and it means one thing, and says the same then.
pub fn request_body(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    let value = model::value(data).filter(Value::is_object);
    let is_plain = value
        .as_ref()
        .is_some_and(|value| ["metadata", "headers"].iter().all(|key| value[key].is_object() || value[key].is_null()));
    let parsed = RequestBody::parse(&body);
    assert_eq!(parsed.is_ok(), is_plain, "{parsed:?}");
    match (&parsed, &value) {
        (Ok(parsed), Some(value)) => check_plain(parsed, value, &body),
        (Err(failure), _) => check_failure(failure),
        _ => {}
    }
    #[cfg(feature = "watchdog")]
    check_forms(&body, value.as_ref(), is_plain);
}

fn check_plain(parsed: &RequestBody, value: &Value, body: &Bytes) {
    assert_eq!(model::valid(&parsed.input), value["input"]);
    assert_eq!(parsed.payload, body);
    let map = |key: &str| value[key].as_object().cloned().unwrap_or_else(Map::new);
    assert_eq!((&parsed.metadata, &parsed.headers), (&map("metadata"), &map("headers")));
    // A callback quotes an output as it stands.
    let callback = model::valid(&completion_body(&Ok(Output::new(parsed.input.clone(), None))));
    assert_eq!(callback["output"], value["input"]);
}

fn check_failure(failure: &Failure) {
    assert_eq!((&*failure.code, failure.status), ("INVALID_REQUEST", 400));
    let answer = model::valid(&failure.to_json());
    assert_eq!(answer["error"], failure.message);
    let callback = model::valid(&completion_body(&Err(failure.clone())));
    assert_eq!(callback["error"]["message"], failure.message);
}

#[cfg(feature = "watchdog")]
fn check_forms(body: &Bytes, value: Option<&Value>, is_plain: bool) {
    let has = |key: &str| value.is_some_and(|value| !value[key].is_null());
    let is_envelope = !has("input") && (has("execution_id") || has("payload"));
    match (Envelope::parse(body), value) {
        (Ok(Form::Plain(parsed)), Some(value)) => {
            assert!(is_plain && !is_envelope);
            check_plain(&parsed, value, body);
        }
        (Ok(Form::Envelope(read)), Some(value)) => {
            assert!(is_envelope);
            match read {
                Ok(envelope) => check_envelope(&envelope, value),
                Err(failure) => check_failure(&failure),
            }
        }
        (Ok(_), None) => panic!("a form of no object"),
        (Err(failure), _) => {
            assert!(value.is_none() || (!is_plain && !is_envelope));
            check_failure(&failure);
        }
    }
}

#[cfg(feature = "watchdog")]
fn check_envelope(envelope: &Envelope, value: &Value) {
    assert_eq!(model::valid(&envelope.body.payload), value["payload"]);
    for (key, text) in [
        ("execution_id", &envelope.execution_id),
        ("trace_id", &envelope.trace_id),
        ("callback_url", &envelope.callback_url),
    ] {
        let given = value[key].as_str().map(str::trim).filter(|text| !text.is_empty());
        assert_eq!(text.as_deref(), given, "{key}");
        // What came in a body can leave in a header.
        assert!(given.is_none_or(|text| http::HeaderValue::from_str(text).is_ok()), "{key}");
    }
    let timeout = envelope.timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap());
    assert_eq!(timeout, value["timeout_ms"].as_u64());
}
