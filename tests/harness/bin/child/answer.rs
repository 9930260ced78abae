//! An answer, and its way onto a pipe, into a file or through HTTP.

use std::io::{Result, Write};

use serde_json::{Map, Value};

pub(crate) struct Answer {
    status: u64,
    headers: Vec<(String, String)>,
    body: Body,
}

enum Body {
    Whole(Vec<u8>),
    /// Everything that goes over the connection, which is then closed unless it is kept.
    Raw {
        bytes: Vec<u8>,
        kept: bool,
    },
    /// The same bytes over and over.
    Repeated(Vec<u8>),
    Endless,
}

impl Answer {
    fn of(body: Body) -> Self {
        Self { status: 200, headers: vec![("content-type".to_owned(), "application/json".to_owned())], body }
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::of(Body::Whole(body.into()))
    }

    pub(crate) fn raw(bytes: &str, kept: bool) -> Self {
        Self::of(Body::Raw { bytes: bytes.into(), kept })
    }

    pub(crate) fn repeated(bytes: &str) -> Self {
        Self::of(Body::Repeated(bytes.repeat(1000).into()))
    }

    pub(crate) fn endless() -> Self {
        Self::of(Body::Endless)
    }

    pub(crate) fn status(status: u64) -> Self {
        Self { status, ..Self::ok("{}") }
    }

    /// `{"status", "headers", "body"}`; headers are none but those given, and a body that is not
    /// text is sent as JSON.
    pub(crate) fn asked(answer: &Map<String, Value>) -> Self {
        let headers = answer.get("headers").and_then(Value::as_object).into_iter().flatten();
        let body = match answer.get("body") {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        Self {
            status: answer.get("status").and_then(Value::as_u64).unwrap_or(200),
            headers: headers.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().into())).collect(),
            body: Body::Whole(body.into_bytes()),
        }
    }

    /// Only the body, as a process without HTTP gives it.
    pub(crate) fn write_body(&self, out: &mut impl Write) -> Result<()> {
        match &self.body {
            Body::Whole(bytes) | Body::Raw { bytes, .. } => out.write_all(bytes),
            Body::Repeated(bytes) => loop {
                out.write_all(bytes)?;
            },
            Body::Endless => {
                out.write_all(b"\"")?;
                let part = vec![b'x'; 65_536];
                loop {
                    out.write_all(&part)?;
                }
            }
        }
    }

    /// The body and the end of its line, at once where it has an end.
    pub(crate) fn write_line(&self, end: &[u8], out: &mut impl Write) -> Result<()> {
        match &self.body {
            Body::Whole(bytes) | Body::Raw { bytes, .. } => out.write_all(&[bytes, end].concat()),
            Body::Repeated(_) | Body::Endless => self.write_body(out),
        }
    }

    /// Through HTTP; whether the connection may be used again.
    pub(crate) fn write_http(&self, out: &mut impl Write) -> Result<bool> {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let head = format!("HTTP/1.1 {} Status\r\n{}", self.status, headers.collect::<String>());
        match &self.body {
            Body::Whole(bytes) => {
                // These two have no body (RFC 9110 section 6.4.1).
                let bytes = if [204, 304].contains(&self.status) { &[][..] } else { bytes };
                let head = format!("{head}content-length: {}\r\n\r\n", bytes.len());
                out.write_all(&[head.as_bytes(), bytes].concat())?;
                Ok(true)
            }
            Body::Raw { bytes, kept } => out.write_all(bytes).map(|()| *kept),
            Body::Repeated(_) => self.write_body(out).map(|()| false),
            Body::Endless => {
                out.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes())?;
                let chunk = format!("10000\r\n{}\r\n", "\"".repeat(65_536));
                loop {
                    out.write_all(chunk.as_bytes())?;
                }
            }
        }
    }
}
