//! A callback as a control plane got it, byte for byte.

use std::io::BufRead;

use serde_json::Value;

/// One callback as it arrived.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The path, still percent-encoded.
    pub path: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: Vec<u8>,
    /// The status it was answered with; `None` where it got no answer, or has none yet.
    pub answered: Option<u16>,
}

impl Delivery {
    /// The last segment of the path without `:complete`.
    #[must_use]
    pub fn id(&self) -> &str {
        let segment = self.path.rsplit('/').next().unwrap_or_default();
        segment.strip_suffix(":complete").unwrap_or(segment)
    }

    /// A header's value, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether this is the same request once more. The order of headers says nothing.
    #[must_use]
    pub fn repeats(&self, other: &Self) -> bool {
        let sorted = |delivery: &Self| {
            let mut headers = delivery.headers.clone();
            headers.sort();
            headers
        };
        self.path == other.path && self.body == other.body && sorted(self) == sorted(other)
    }

    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether it was answered with 2xx.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.answered.is_some_and(|status| (200..300).contains(&status))
    }

    /// Reads a request; `None` where it does not come to its end.
    pub(crate) fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let path = line.split(' ').nth(1)?.to_owned();
        let mut headers = Vec::new();
        loop {
            line.clear();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut delivery = Self { path, headers, body: Vec::new(), answered: None };
        let length = delivery.header("content-length")?.parse().ok()?;
        delivery.body.resize(length, 0);
        reader.read_exact(&mut delivery.body).ok()?;
        Some(delivery)
    }
}
