//! What a child writes for people: line by line into our own log, however long the lines are.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

/// A longer line is cut: container engines split there, too.
const LONGEST: usize = 16 * 1024;
/// How much of the end is remembered for an error's message.
const REMEMBERED: usize = 2048;
/// Lines that are logged before others get their turn.
const TURN: usize = 16;
/// What a cut line ends with.
const CUT: &str = " … [truncated]";

/// The last lines that a child wrote.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    fn push(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut end = line.len().min(REMEMBERED);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        lines.push_back(line[..end].to_owned());
        while lines.len() > 1 && lines.iter().map(String::len).sum::<usize>() > REMEMBERED {
            lines.pop_front();
        }
    }

    /// Forgets what was written before.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The lines, one below the other; empty where there are none.
    pub(crate) fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    /// `what`, and what the child wrote at last.
    pub(crate) fn after(&self, what: &str) -> String {
        let text = self.text();
        if text.is_empty() { what.to_owned() } else { format!("{what}: {text}") }
    }
}

/// Where the lines of a stream go.
pub(crate) struct LineLog<F> {
    /// `stdout` or `stderr`.
    stream: &'static str,
    tail: Option<Tail>,
    /// The execution that the child works for at the moment.
    execution_id: F,
    line: Line,
}

impl<F: Fn() -> Option<String>> LineLog<F> {
    pub(crate) fn new(stream: &'static str, tail: Option<Tail>, execution_id: F) -> Self {
        Self { stream, tail, execution_id, line: Line::default() }
    }

    /// Reads until nobody can write any more. Never waits for the log's own reader.
    pub(crate) async fn follow(mut self, mut stream: impl AsyncRead + Unpin) {
        let mut part = vec![0; 8 * 1024];
        while let Ok(length @ 1..) = stream.read(&mut part).await {
            self.push(&part[..length]).await;
        }
        self.end();
    }

    /// Takes the next bytes of the stream.
    pub(crate) async fn push(&mut self, bytes: &[u8]) {
        for (number, piece) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if number % TURN == TURN - 1 {
                // A flood of short lines must not keep others from their work.
                tokio::task::yield_now().await;
            }
            if self.line.push(piece) {
                self.write();
            }
            if piece.ends_with(b"\n") {
                self.end();
            }
        }
    }

    /// Ends the line. One that was cut has been written when it was.
    pub(crate) fn end(&mut self) {
        if !self.line.is_cut {
            self.write();
        }
        self.line.clear();
    }

    fn write(&self) {
        let Some(text) = self.line.text() else { return };
        if let Some(tail) = &self.tail {
            tail.push(&text);
        }
        let execution_id = (self.execution_id)();
        tracing::info!(target: "child", stream = self.stream, execution_id = execution_id.as_deref(), "{text}");
    }
}

/// A line that is being read.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    /// There was more than the longest line; it is left out.
    is_cut: bool,
}

impl Line {
    /// Adds a piece; true where the line is cut by it.
    fn push(&mut self, piece: &[u8]) -> bool {
        if self.is_cut {
            return false;
        }
        let piece = piece.strip_suffix(b"\n").unwrap_or(piece);
        let room = LONGEST - self.bytes.len();
        // A carriage return belongs to the line's end.
        self.is_cut = piece.len() > room && piece[room..] != *b"\r";
        self.bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        self.is_cut
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.is_cut = false;
    }

    /// The text without its end; `None` for a blank line.
    fn text(&self) -> Option<String> {
        let mut bytes = self.bytes.as_slice();
        if let Err(error) = std::str::from_utf8(bytes)
            && error.error_len().is_none()
            && self.is_cut
        {
            // Not within a letter.
            bytes = &bytes[..error.valid_up_to()];
        }
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end();
        if text.is_empty() {
            return None;
        }
        Some(if self.is_cut { format!("{text}{CUT}") } else { text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(text: &[u8]) -> String {
        let tail = Tail::default();
        let log = LineLog::new("stderr", Some(tail.clone()), || None);
        log.follow(text).await;
        tail.text()
    }

    #[tokio::test]
    async fn lines_are_kept_whole_and_blank_ones_are_left_out() {
        assert_eq!(lines(b"one\r\n\n  \ntwo\xff\nthree").await, "one\ntwo\u{fffd}\nthree");
    }

    #[tokio::test]
    async fn an_endless_line_is_cut_with_a_mark() {
        let mut text = vec![b'x'; 3 * LONGEST];
        text.extend_from_slice(b"\nlast");
        let mut line = Line::default();
        assert!(line.push(&text[..3 * LONGEST]));
        assert_eq!(line.text().unwrap().len(), LONGEST + CUT.len());
        assert_eq!(lines(&text).await, "last");
    }

    #[tokio::test]
    async fn a_flood_of_lines_leaves_others_their_turn() {
        let lines = 100 * TURN;
        let text = b"\n".repeat(lines);
        let turns = std::cell::Cell::new(0);
        let other = async {
            loop {
                turns.set(turns.get() + 1);
                tokio::task::yield_now().await;
            }
        };
        let log = LineLog::new("stderr", None, || None);
        tokio::select! {
            () = log.follow(text.as_slice()) => {}
            () = other => {}
        }
        assert!(turns.get() >= 99, "{} turns", turns.get());
    }
}
