//! JSON as `serde_json` alone sees it.

use serde_json::Value;

/// The value of a text that means one thing only: without a key that stands twice in one object.
pub(super) fn value(text: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(text).ok()?;
    let value = serde_json::from_str(text).ok()?;
    // Outside of strings there is a colon for every key, and of two that are the same one is kept.
    (colons(text) == keys(&value)).then_some(value)
}

/// The same for a text that has to be JSON.
pub(super) fn valid(text: &[u8]) -> Value {
    value(text).unwrap_or_else(|| panic!("not one JSON value: {}", text.escape_ascii()))
}

fn colons(text: &str) -> usize {
    let (mut count, mut is_string, mut is_escaped) = (0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_string,
            b'"' => is_string = !is_string,
            b':' if !is_string => count += 1,
            _ => {}
        }
    }
    count
}

fn keys(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.iter().map(keys).sum(),
        Value::Object(map) => map.values().map(|value| 1 + keys(value)).sum(),
        _ => 0,
    }
}
