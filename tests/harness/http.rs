//! An HTTP/1.1 client that sends exactly the bytes it is given.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long an answer may take; generous, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a function.
#[derive(Debug)]
pub struct Connection {
    pub(crate) stream: BufReader<TcpStream>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body, without the framing of chunks.
    pub body: Vec<u8>,
}

impl Connection {
    /// Opens a connection.
    ///
    /// # Panics
    ///
    /// Where nothing listens.
    #[must_use]
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the function listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream: BufReader::new(stream) }
    }

    /// Sends a request and reads its answer; `content-length` is added.
    ///
    /// # Panics
    ///
    /// Where the connection breaks.
    pub fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send(head(method, path, headers, body).as_bytes());
        self.send(body);
        self.answer().expect("an answer")
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    ///
    /// Where the connection breaks.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("the function reads");
    }

    /// Sends bytes; false where the function has closed the connection.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.get_mut().write_all(bytes).is_ok()
    }

    /// Reads an answer; `None` where the function closes the connection without one.
    ///
    /// # Panics
    ///
    /// Where it is not HTTP, or does not come within 30 s.
    pub fn answer(&mut self) -> Option<Answer> {
        let mut answer = self.answer_head()?;
        // These two have no body, whatever their headers say (RFC 9110 section 6.4.1).
        let bare = [204, 304].contains(&answer.status);
        if let Some(length) = answer.header("content-length").filter(|_| !bare) {
            answer.body = vec![0; length.parse().expect("a length")];
            self.stream.read_exact(&mut answer.body).expect("a body");
        }
        Some(answer)
    }

    /// Reads an answer up to its body; `None` where the function closes the connection without one.
    ///
    /// # Panics
    ///
    /// Where it is not HTTP, or does not come within 30 s.
    pub fn answer_head(&mut self) -> Option<Answer> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        let status: u16 = line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("a header");
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if status == 100 {
            return self.answer_head();
        }
        Some(Answer { status, headers, body: Vec::new() })
    }

    /// Another way to the same connection.
    ///
    /// # Panics
    ///
    /// Where there is no descriptor for it.
    #[must_use]
    pub fn sender(&self) -> TcpStream {
        self.stream.get_ref().try_clone().expect("a descriptor")
    }

    /// Reads at most so many bytes of what has come; zero at the end.
    ///
    /// # Panics
    ///
    /// Where nothing comes within 30 s.
    pub fn read_part(&mut self, most: usize) -> usize {
        self.stream.read(&mut vec![0; most]).expect("a part of an answer")
    }

    /// Says that nothing more will be sent, and still reads.
    ///
    /// # Panics
    ///
    /// Where the connection is broken already.
    pub fn finish_sending(&mut self) {
        self.stream.get_mut().shutdown(std::net::Shutdown::Write).expect("an open connection");
    }

    /// `POST /invoke` with this input, without waiting for the answer.
    pub fn begin(&mut self, headers: &[(&str, &str)], body: &str) {
        self.begin_at("/invoke", headers, body);
    }

    /// `POST` with this body, without waiting for the answer.
    pub fn begin_at(&mut self, path: &str, headers: &[(&str, &str)], body: &str) {
        let head = head("POST", path, headers, body.as_bytes());
        self.send(&[head.as_bytes(), body.as_bytes()].concat());
    }

    /// Waits until the function closes the connection; whether it did so without an answer.
    ///
    /// # Panics
    ///
    /// Where it does not within 30 s.
    pub fn closed_silently(&mut self) -> bool {
        let mut rest = Vec::new();
        let read = self.stream.read_to_end(&mut rest);
        assert!(!read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "the connection stays open");
        rest.is_empty()
    }
}

fn head(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: function\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        // Writing to a String cannot fail.
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head + "\r\n"
}

impl Answer {
    /// A header's value, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// Where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The status and the code of an error answer, which is exactly `{"error": string, "code"}` in
    /// JSON, and has `Retry-After: 1` where its status is 429 or 503.
    ///
    /// # Panics
    ///
    /// Where it is anything else.
    #[must_use]
    pub fn refusal(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        let body = self.json();
        let keys: Vec<_> = body.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["code", "error"], "{body}");
        assert!(body["error"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        let again = [429, 503].contains(&self.status).then_some("1");
        assert_eq!(self.header("retry-after"), again, "{self:?}");
        self.failure()
    }

    /// The status and the code of an error answer.
    #[must_use]
    pub fn failure(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}
