//! The events of a streamed answer, each as soon as it is there.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

use serde_json::Value;

use crate::{Answer, Connection};

/// A streamed answer: server-sent events or one JSON object per line.
#[derive(Debug)]
pub struct Events {
    /// The status and the headers.
    pub head: Answer,
    body: BufReader<Chunks>,
}

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    /// `stdout`, `stderr`, `display`, `result`, `error` or `end`.
    pub name: String,
    /// What belongs to it.
    pub data: Value,
}

impl Events {
    /// Reads the head of the answer that this connection waits for.
    ///
    /// # Panics
    ///
    /// Where there is no answer.
    #[must_use]
    pub fn of(mut connection: Connection) -> Self {
        let head = connection.answer_head().expect("an answer");
        let chunked = head.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked"));
        let body =
            Chunks { stream: connection.stream, left: if chunked { 0 } else { u64::MAX }, chunked, begun: false };
        Self { head, body: BufReader::new(body) }
    }

    /// The next event that is no keep-alive; `None` at the end of the answer.
    ///
    /// # Panics
    ///
    /// Where it is not as its content type says.
    #[expect(clippy::should_implement_trait, reason = "it is no iterator: each call waits")]
    pub fn next(&mut self) -> Option<Event> {
        let lines = self.head.header("content-type").is_some_and(|kind| kind.starts_with("application/x-ndjson"));
        if lines { self.next_line() } else { self.next_block() }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read = self.body.read_until(b'\n', &mut line).expect("the rest of a streamed answer");
        (read > 0).then(|| String::from_utf8(line).expect("UTF-8").trim_end_matches(['\r', '\n']).to_owned())
    }

    fn next_line(&mut self) -> Option<Event> {
        loop {
            let line = self.line()?;
            let data: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
            let key = if data["type"] == "stream" { "name" } else { "type" };
            match data[key].as_str().expect("a type") {
                "keep-alive" => {}
                name => return Some(Event { name: name.to_owned(), data }),
            }
        }
    }

    fn next_block(&mut self) -> Option<Event> {
        let (mut name, mut text) = (String::new(), String::new());
        loop {
            let line = self.line()?;
            if line.is_empty() && !text.is_empty() {
                let data = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
                return Some(Event { name, data });
            }
            // Without a name it is a comment, as a keep-alive is one.
            let (field, value) = line.split_once(':').unwrap_or_default();
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut name),
                "data" => text.push_str(value),
                _ => {}
            }
        }
    }

    /// Reads until a keep-alive comes.
    ///
    /// # Panics
    ///
    /// Where anything else comes before.
    pub fn wait_for_keep_alive(&mut self) {
        let line = std::iter::from_fn(|| self.line()).find(|line| !line.is_empty());
        let known = [": keep-alive", r#"{"type":"keep-alive"}"#];
        assert!(line.as_deref().is_some_and(|line| known.contains(&line)), "{line:?}");
    }

    /// Reads until stdout has brought this text.
    ///
    /// # Panics
    ///
    /// Where the answer ends before.
    pub fn wait_for_stdout(&mut self, text: &str) {
        let mut seen = String::new();
        while !seen.contains(text) {
            let event = self.next().unwrap_or_else(|| panic!("{text:?} is not in {seen:?}"));
            assert_ne!(event.name, "end", "{text:?} is not in {seen:?}");
            if event.name == "stdout" {
                seen.push_str(event.data["text"].as_str().expect("a text"));
            }
        }
    }

    /// All that is left, up to the end of the answer.
    #[must_use]
    pub fn rest(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.next()).collect()
    }
}

/// A body, without the framing of chunks where it has one (RFC 9112 section 7.1).
#[derive(Debug)]
struct Chunks {
    stream: BufReader<TcpStream>,
    left: u64,
    chunked: bool,
    begun: bool,
}

impl Chunks {
    fn next_length(&mut self) -> std::io::Result<u64> {
        let mut line = String::new();
        if std::mem::replace(&mut self.begun, true) {
            self.stream.read_line(&mut line)?;
            line.clear();
        }
        self.stream.read_line(&mut line)?;
        let length = line.split(';').next().unwrap_or_default().trim();
        u64::from_str_radix(length, 16).map_err(|_| std::io::Error::other(format!("no length of a chunk: {line:?}")))
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 && self.chunked {
            self.left = self.next_length()?;
            // The last chunk; nothing comes after it.
            self.chunked = self.left > 0;
        }
        let read = (&mut self.stream).take(self.left).read(buffer)?;
        self.left -= u64::try_from(read).unwrap_or_default();
        Ok(read)
    }
}
