//! One callback as a file: what it is called and what stands in it.
//!
//! ```text
//! {"version":1,"created":1795205704123,"execution_id":"e-1","url":"http://..","headers":{..},"body_bytes":61}
//! {"success":true,"output":{"result":"HELLO"},"error":null}
//! ```
//!
//! The first line says where the second one is posted to, byte for byte. A dead letter has a third
//! line: why it is one.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use crate::callback::delivery::Delivery;
use crate::callback::policy::Policy;
use crate::protocol::PASSED_ON;

/// What a file of ours ends in.
const SUFFIX: &str = ".callback";

/// The form of the files.
const VERSION: u32 = 1;

/// The name of an entry. Names are ordered by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EntryName {
    /// Milliseconds since 1970.
    pub(crate) created: u64,
    pub(crate) sequence: u64,
    /// The lane that it was written in.
    pub(crate) lane: u64,
}

impl EntryName {
    /// `None` for every other file.
    pub(crate) fn parse(file: &str) -> Option<Self> {
        let mut parts = file.strip_suffix(SUFFIX)?.split('-');
        let (created, sequence, lane) = (parts.next()?, parts.next()?, parts.next()?);
        let name = Self {
            created: created.parse().ok()?,
            sequence: sequence.parse().ok()?,
            lane: u64::from_str_radix(lane, 16).ok()?,
        };
        // There is one spelling only.
        (name.to_string() == file).then_some(name)
    }

    /// How long ago it was written, by the clock on the wall.
    pub(super) fn age(self) -> Duration {
        Duration::from_millis(now().saturating_sub(self.created))
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:013}-{:06}-{:016x}{SUFFIX}", self.created, self.sequence, self.lane)
    }
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The first line of an entry.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) execution_id: String,
    pub(crate) url: String,
    headers: HeaderMap,
    body_bytes: usize,
}

/// The third line of a dead letter.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) reason: String,
    attempts: u32,
}

impl Verdict {
    pub(crate) fn new(reason: String, attempts: u32) -> Self {
        Self { reason, attempts }
    }

    /// As of now.
    pub(super) fn write(&self) -> Vec<u8> {
        line(&json!({ "reason": self.reason, "died": now(), "attempts": self.attempts }))
    }

    fn read(line: &[u8]) -> Option<Self> {
        let line: Value = serde_json::from_slice(line).ok()?;
        let attempts = line["attempts"].as_u64().and_then(|attempts| u32::try_from(attempts).ok());
        Some(Self { reason: line["reason"].as_str()?.to_owned(), attempts: attempts.unwrap_or_default() })
    }
}

/// A file that could be read.
#[derive(Debug)]
pub(crate) struct Entry {
    head_bytes: usize,
    pub(crate) head: Head,
    pub(crate) body: Bytes,
    pub(crate) verdict: Option<Verdict>,
}

/// The file of a delivery.
pub(super) fn write(delivery: &Delivery, created: u64) -> Vec<u8> {
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.to_string(), Value::from(String::from_utf8_lossy(value.as_bytes())))
    };
    let headers: Map<String, Value> = delivery.headers.iter().map(header).collect();
    let mut file = line(&json!({
        "version": VERSION,
        "created": created,
        "execution_id": delivery.execution_id,
        "url": delivery.url.as_str(),
        "headers": headers,
        "body_bytes": delivery.body.len(),
    }));
    file.extend_from_slice(&delivery.body);
    file.push(b'\n');
    file
}

fn line(value: &Value) -> Vec<u8> {
    let mut line = value.to_string();
    line.push('\n');
    line.into_bytes()
}

impl Head {
    /// Reads the first line; the error says what is wrong with the file.
    fn read(line: &[u8]) -> Result<Self, String> {
        let line: Value =
            serde_json::from_slice(line).map_err(|error| format!("its first line is not JSON: {error}"))?;
        if line["version"] != VERSION {
            return Err(format!("its version is {}, and {VERSION} is known here", line["version"]));
        }
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        let read = || {
            Some(Self {
                execution_id: text("execution_id")?,
                url: text("url")?,
                headers: line["headers"].as_object()?.iter().filter_map(header).collect(),
                body_bytes: usize::try_from(line["body_bytes"].as_u64()?).ok()?,
            })
        };
        read().ok_or_else(|| "its first line lacks something".to_owned())
    }
}

/// A header that callbacks have.
fn header((name, value): (&String, &Value)) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::try_from(name).ok().filter(|name| name == CONTENT_TYPE || PASSED_ON.contains(&name))?;
    Some((name, HeaderValue::from_bytes(value.as_str()?.as_bytes()).ok()?))
}

impl Entry {
    /// Reads a whole file; the error says what is wrong with it.
    pub(super) fn read(file: &Bytes) -> Result<Self, String> {
        let end = file.iter().position(|byte| *byte == b'\n').ok_or("its first line does not end")?;
        let head = Head::read(&file[..end])?;
        let begin = end + 1;
        let body = begin..begin.saturating_add(head.body_bytes);
        if file.get(body.end) != Some(&b'\n') {
            return Err("it does not end where it should".to_owned());
        }
        let verdict = Verdict::read(&file[body.end + 1..]);
        Ok(Self { head_bytes: end, head, body: file.slice(body), verdict })
    }

    /// Bytes of the file without a verdict.
    pub(super) fn length(&self) -> usize {
        self.head_bytes + self.body.len() + 2
    }

    /// What is posted, if it may be posted there today; else why not.
    pub(super) fn into_delivery(self, policy: &Policy) -> Result<Delivery, String> {
        let url = policy.check(&self.head.url)?;
        Ok(Delivery::stored(self.head.execution_id, url, self.head.headers, self.body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::Target;
    use crate::context::Context;

    fn delivery() -> Delivery {
        let target = Target::new("http://cp:8080/x?t=1", "e-1", &Policy::default()).unwrap();
        let context = Context::new("e-1").trace_id("t é").dispatch_attempt("2");
        Delivery::new(&target, &context, Bytes::from_static(b"{\"success\":true}"))
    }

    #[test]
    fn names_are_ordered_by_age_and_have_one_spelling() {
        let name = |created, sequence| EntryName { created, sequence, lane: 0xab };
        assert!(name(1, 9) < name(2, 0) && name(2, 0) < name(2, 1));
        let text = name(1_795_205_704_123, 7).to_string();
        assert_eq!(text, "1795205704123-000007-00000000000000ab.callback");
        assert_eq!(EntryName::parse(&text), Some(name(1_795_205_704_123, 7)));
        assert_eq!(EntryName::parse(&name(1, 12_345_678).to_string()), Some(name(1, 12_345_678)));
        for other in ["1-7-ab.callback", "lock", "x.callback", &text.to_uppercase(), &text[1..], "a.part"] {
            assert_eq!(EntryName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn what_was_written_is_posted() {
        let written = delivery();
        let file = Bytes::from(write(&written, 5));
        let entry = Entry::read(&file).unwrap();
        assert!(entry.verdict.is_none());
        let read = entry.into_delivery(&Policy::default()).unwrap();
        assert_eq!((&read.execution_id, &read.url, &read.body), (&written.execution_id, &written.url, &written.body));
        assert_eq!(read.headers, written.headers);
    }

    #[test]
    fn a_dead_letter_says_why() {
        let mut file = write(&delivery(), 5);
        file.extend(Verdict::new("404".into(), 1).write());
        assert_eq!(Entry::read(&file.into()).unwrap().verdict.unwrap().reason, "404");
    }

    #[test]
    fn a_torn_file_is_none() {
        let file = write(&delivery(), 5);
        for length in 0..file.len() {
            assert!(Entry::read(&Bytes::copy_from_slice(&file[..length])).is_err(), "{length}");
        }
        assert!(Entry::read(&vec![0; file.len()].into()).is_err());
    }

    #[test]
    fn a_host_that_is_refused_today_is_not_called() {
        let entry = Entry::read(&write(&delivery(), 5).into()).unwrap();
        let reason = entry.into_delivery(&Policy::parse("other").unwrap()).unwrap_err();
        assert!(reason.contains("NANOFAAS_CALLBACK_ALLOW"), "{reason}");
    }
}
