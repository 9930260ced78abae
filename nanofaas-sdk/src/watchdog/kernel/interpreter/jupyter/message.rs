//! Messages of the Jupyter protocol (jupyter-client.readthedocs.io, "Messaging in Jupyter"): signed
//! frames of JSON.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::BytesMut;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::Sha256;

use super::text::mend;

/// What stands between who a message is for and the message itself.
pub(super) const DELIMITER: &[u8] = b"<IDS|MSG>";

/// What proves who wrote a message.
#[derive(Clone)]
pub(super) struct Key(Hmac<Sha256>);

impl Key {
    pub(super) fn new(secret: &str) -> Self {
        // A secret may have any length.
        Self(Hmac::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| unreachable!("it may have any length")))
    }

    /// What a signature is computed with.
    pub(super) fn mac(&self) -> Hmac<Sha256> {
        self.0.clone()
    }

    pub(super) fn sign(&self, parts: &[&[u8]]) -> String {
        let mut mac = self.mac();
        for part in parts {
            mac.update(part);
        }
        hex(&mac.finalize().into_bytes())
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The bytes that these digits stand for.
pub(super) fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.chunks(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// The frames of a new message, and its id, which all that comes of it carries.
pub(super) fn compose(key: &Key, session: &str, kind: &str, content: &Value) -> (Vec<u8>, String) {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let id = format!("{session}_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let header = json!({
        "msg_id": id,
        "msg_type": kind,
        "session": session,
        "username": "nanofaas",
        "date": date(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()),
        "version": "5.3",
    });
    let (header, content) = (header.to_string(), content.to_string());
    let parts = [header.as_bytes(), b"{}", b"{}", content.as_bytes()];
    let signature = key.sign(&parts);
    let [header, parent, metadata, content] = parts;
    (super::zmtp::message(&[DELIMITER, signature.as_bytes(), header, parent, metadata, content]), id)
}

/// Seconds since 1970 as ISO 8601 (Howard Hinnant's `civil_from_days`).
fn date(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Years that begin in March.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + next;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A message from a kernel, whose signature is right.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: String,
    /// The id of the message that it answers; empty where there is none.
    pub(super) parent: String,
    pub(super) content: BytesMut,
    /// The content was longer than anything that is kept.
    pub(super) is_cut: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Header {
    pub(super) msg_id: String,
    pub(super) msg_type: String,
}

impl Message {
    /// What it says; `None` where that cannot be read.
    pub(super) fn content<T: DeserializeOwned>(&self) -> Option<T> {
        let text = mend(&self.content);
        if self.is_cut {
            return serde_json::from_str(&mend(closed(&text).as_bytes())).ok();
        }
        serde_json::from_str(&text).ok()
    }

    pub(super) fn content_length(&self) -> usize {
        self.content.len()
    }
}

/// JSON that was cut off within a string of its object, with that string's begin.
fn closed(text: &str) -> String {
    // Not within an escape, which is two of six letters at most.
    let tail = text.len().saturating_sub(12);
    let escape = text.as_bytes()[tail..].iter().position(|byte| *byte == b'\\');
    let mut end = escape.map_or(text.len(), |at| tail + at);
    while text.as_bytes()[..end].ends_with(b"\\") || !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}\"}}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_protocol() {
        // hmac.new(b"key", b'{"a":1}{}{}{}', "sha256").hexdigest()
        let expected = "f1128388193e4dd1aa760827bd756a1b40b627676b5efe22c0e8297919bfa218";
        assert_eq!(Key::new("key").sign(&[b"{\"a\":1}", b"{}", b"{}", b"{}"]), expected);
    }

    #[test]
    fn cut_text_is_closed_outside_of_escapes() {
        for text in [r#"{"a":"b\ud83d\ude0"#, r#"{"a":"b\ud83d"#, r#"{"a":"b\u00"#, r#"{"a":"b\"#, r#"{"a":"b"#] {
            let closed: Value = serde_json::from_str(&closed(text)).unwrap();
            assert_eq!(closed["a"], "b", "{text}");
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(date(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(date(4_107_542_400), "2100-03-01T00:00:00Z");
    }
}
