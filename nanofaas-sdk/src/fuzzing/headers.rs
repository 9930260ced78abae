//! Who calls, as the headers of a request say it.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::callback::{Policy, Target};
use crate::config::Config;
use crate::context::Details;
use crate::invocation::Caller;
use crate::protocol::{CALLBACK_URL, DISPATCH_ATTEMPT, EXECUTION_ID, Failure, TRACE_ID, TRACEPARENT, passed_on};
use crate::server::head;

/// Lines of `name: value` become what they say or a refusal, and leave as they came.
pub fn headers(data: &[u8]) {
    let headers = read(data);
    let of = |name: &HeaderName| model(&headers, name);
    let known = [&EXECUTION_ID, &TRACE_ID, &TRACEPARENT, &DISPATCH_ATTEMPT].map(of);
    let config = Config::default();
    let mut caller = Caller::default();
    match head::read(&headers, &config, &mut caller) {
        Err(failure) => {
            assert!(known.contains(&Value::Refused), "{}", failure.message);
            check_refusal(&failure);
        }
        Ok(()) => {
            let read = [&caller.execution_id, &caller.trace_id, &caller.traceparent, &caller.dispatch_attempt];
            assert_eq!(read.map(|text| text.clone().map_or(Value::Absent, Value::Text)), known);
            check_passed_on(&caller);
        }
    }
    if let Some(id) = &caller.execution_id {
        let target = head::callback(&headers, &config, &caller, None);
        match (of(&CALLBACK_URL), target) {
            (Value::Absent, Ok(None)) => {}
            (Value::Text(url), target) => {
                assert_eq!(target, Target::new(&url, id, &Policy::default()).map(Some));
            }
            (Value::Refused, Err(failure)) => check_refusal(&failure),
            (value, target) => panic!("{value:?} became {target:?}"),
        }
    }
}

/// What a header may mean.
#[derive(Debug, PartialEq)]
enum Value {
    Absent,
    Refused,
    Text(String),
}

fn model(headers: &HeaderMap, name: &HeaderName) -> Value {
    let mut values: Vec<_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    values.dedup();
    match values[..] {
        [] => Value::Absent,
        [value] => match String::from_utf8(value.to_vec()) {
            Ok(text) if text.trim().is_empty() => Value::Absent,
            Ok(text) => Value::Text(text.trim().to_owned()),
            Err(_) => Value::Refused,
        },
        _ => Value::Refused,
    }
}

/// The headers that a server could have taken from these lines.
fn read(data: &[u8]) -> HeaderMap {
    let lines = data.split(|byte| *byte == b'\n').filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b':')?;
        let value = line[at + 1..].trim_ascii();
        Some((HeaderName::from_bytes(&line[..at]).ok()?, HeaderValue::from_bytes(value).ok()?))
    });
    let mut headers = HeaderMap::new();
    lines.take(100).for_each(|(name, value)| {
        headers.append(name, value);
    });
    headers
}

fn check_passed_on(caller: &Caller) {
    let details = Details {
        trace_id: caller.trace_id.clone(),
        traceparent: caller.traceparent.clone(),
        dispatch_attempt: caller.dispatch_attempt.clone(),
        ..Details::default()
    };
    let passed = passed_on(&details);
    let mut count = 0;
    for (name, text) in [
        (&TRACE_ID, &caller.trace_id),
        (&TRACEPARENT, &caller.traceparent),
        (&DISPATCH_ATTEMPT, &caller.dispatch_attempt),
    ] {
        assert_eq!(passed.get(name).map(HeaderValue::as_bytes), text.as_deref().map(str::as_bytes), "{name}");
        count += usize::from(text.is_some());
    }
    assert_eq!(passed.len(), count);
}

fn check_refusal(failure: &Failure) {
    assert_eq!((&*failure.code, failure.status), ("INVALID_REQUEST", 400));
}
