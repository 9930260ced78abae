//! What a function is sent.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Serialize;
use serde_json::value::RawValue;

/// Headers that are about the caller's connection to us.
const NOT_PASSED: [HeaderName; 8] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
];

/// An invocation, the same for every attempt.
pub(crate) struct Request {
    body: Bytes,
    trace_id: Option<HeaderValue>,
    idempotency_key: Option<HeaderValue>,
}

#[derive(Serialize)]
struct Body<'a> {
    input: &'a RawValue,
    /// Null where there is none, as the real one sends it.
    metadata: Option<&'a BTreeMap<String, String>>,
    headers: BTreeMap<&'a str, &'a str>,
}

impl Request {
    /// An invocation by a caller with these headers.
    pub(crate) fn new(
        input: &RawValue,
        metadata: Option<&BTreeMap<String, String>>,
        caller: &HeaderMap,
    ) -> serde_json::Result<Self> {
        let headers = caller.iter().filter(|(name, _)| !NOT_PASSED.contains(name));
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
        let body = serde_json::to_vec(&Body { input, metadata, headers })?.into();
        let given = |name: &str| caller.get(name).filter(|value| !value.as_bytes().trim_ascii().is_empty()).cloned();
        Ok(Self { body, trace_id: given("x-trace-id"), idempotency_key: given("idempotency-key") })
    }

    pub(super) fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// The headers of one attempt. There is never an `X-Callback-Url`: functions have `CALLBACK_URL`.
    pub(super) fn headers(&self, execution_id: &str, attempt: u32) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(id) = HeaderValue::from_str(execution_id) {
            headers.insert("x-execution-id", id);
        }
        headers.insert("x-dispatch-attempt", HeaderValue::from(attempt));
        if let Some(trace_id) = &self.trace_id {
            headers.insert("x-trace-id", trace_id.clone());
        }
        if let Some(key) = self.idempotency_key.as_ref().filter(|_| attempt == 1) {
            headers.insert("idempotency-key", key.clone());
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_null_where_there_is_none() {
        let input = RawValue::from_string("[1.0]".into()).unwrap();
        let mut caller = HeaderMap::new();
        caller.insert("host", HeaderValue::from_static("localhost"));
        caller.insert("accept", HeaderValue::from_static("*/*"));
        let request = Request::new(&input, None, &caller).unwrap();
        assert_eq!(request.body(), r#"{"input":[1.0],"metadata":null,"headers":{"accept":"*/*"}}"#);
    }

    #[test]
    fn the_idempotency_key_goes_with_the_first_attempt_only() {
        let input = RawValue::from_string("1".into()).unwrap();
        let mut caller = HeaderMap::new();
        caller.insert("idempotency-key", HeaderValue::from_static("k-1"));
        caller.insert("x-trace-id", HeaderValue::from_static("t-1"));
        let request = Request::new(&input, None, &caller).unwrap();
        let (first, second) = (request.headers("e-1", 1), request.headers("e-1", 2));
        assert_eq!(first["idempotency-key"], "k-1");
        assert!(!second.contains_key("idempotency-key"));
        assert_eq!(
            (&second["x-trace-id"], &second["x-dispatch-attempt"]),
            (&"t-1".parse().unwrap(), &"2".parse().unwrap())
        );
    }
}
