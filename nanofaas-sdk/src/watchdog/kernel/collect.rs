//! Gathers what an execution brings forth, as it happens and within its limits.

use std::sync::Arc;

use super::output::{Output, Stream, Truncated};
use super::task::{Heard, Task};

/// The outputs of one execution.
pub(super) struct Collector {
    outputs: Vec<Output>,
    /// Whose listener learns of them at once. What it has to hold is limited as the outputs are.
    task: Option<Arc<Task>>,
    limit: usize,
    stdout: Text,
    stderr: Text,
    rich: usize,
    truncated: Truncated,
}

/// Text that arrives in pieces.
#[derive(Default)]
struct Text {
    length: usize,
    /// The begin of a letter whose rest has not arrived.
    begun: Vec<u8>,
}

impl Collector {
    pub(super) fn new(limit: usize, task: Option<Arc<Task>>) -> Self {
        Self {
            outputs: Vec::new(),
            task,
            limit,
            stdout: Text::default(),
            stderr: Text::default(),
            rich: 0,
            truncated: Truncated::default(),
        }
    }

    pub(super) fn write(&mut self, name: Stream, bytes: &[u8]) {
        let (text, truncated) = match name {
            Stream::Stdout => (&mut self.stdout, &mut self.truncated.stdout),
            Stream::Stderr => (&mut self.stderr, &mut self.truncated.stderr),
        };
        let room = self.limit - text.length;
        *truncated |= bytes.len() > room;
        let bytes = &bytes[..bytes.len().min(room)];
        text.length += bytes.len();
        let piece = text.decode(bytes);
        self.text(name, piece);
    }

    fn text(&mut self, name: Stream, text: String) {
        if text.is_empty() {
            return;
        }
        self.tell(|| Output::Stream { name, text: text.clone() });
        match self.outputs.last_mut() {
            Some(Output::Stream { name: last, text: before }) if *last == name => before.push_str(&text),
            _ => self.outputs.push(Output::Stream { name, text }),
        }
    }

    /// Adds something that is not text; `length` is what it takes of the limit.
    pub(super) fn push(&mut self, output: Output, length: usize) {
        self.flush();
        if length > self.limit - self.rich {
            self.truncated.rich = true;
            return;
        }
        self.rich += length;
        self.add(output);
    }

    fn add(&mut self, output: Output) {
        self.tell(|| output.clone());
        self.outputs.push(output);
    }

    fn tell(&self, output: impl FnOnce() -> Output) {
        if let Some(task) = self.task.as_ref().filter(|task| task.listener.is_some()) {
            task.tell(Heard::Output(output()));
        }
    }

    /// The error of an execution is never too long.
    pub(super) fn fail(&mut self, error: Output) {
        self.flush();
        self.add(error);
    }

    /// Takes what the interpreter left out by itself.
    pub(super) fn note(&mut self, truncated: Truncated) {
        self.truncated.stdout |= truncated.stdout;
        self.truncated.stderr |= truncated.stderr;
        self.truncated.rich |= truncated.rich;
    }

    /// Letters that are not finished will not be.
    fn flush(&mut self) {
        for (name, text) in [(Stream::Stdout, &mut self.stdout), (Stream::Stderr, &mut self.stderr)]
            .map(|(name, text)| (name, text.finish()))
        {
            self.text(name, text);
        }
    }

    pub(super) fn finish(mut self) -> (Vec<Output>, Truncated) {
        self.flush();
        (self.outputs, self.truncated)
    }
}

impl Text {
    /// The text as far as its last letter is whole; what is not UTF-8 is replaced.
    fn decode(&mut self, bytes: &[u8]) -> String {
        let joined;
        let mut bytes = bytes;
        if !self.begun.is_empty() {
            joined = [self.begun.as_slice(), bytes].concat();
            bytes = &joined;
        }
        let whole = whole(bytes);
        let text = String::from_utf8_lossy(&bytes[..whole]).into_owned();
        self.begun = bytes[whole..].to_vec();
        text
    }

    fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.begun)).into_owned()
    }
}

/// How many bytes there are before a last letter that is not finished.
fn whole(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let at = bytes.len() - back;
        let length = match bytes[at] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            0x80..=0xbf => continue,
            _ => return bytes.len(),
        };
        return if length > back { at } else { bytes.len() };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pieces: &[(Stream, &[u8])], limit: usize) -> (Vec<String>, Truncated) {
        let mut collector = Collector::new(limit, None);
        for (name, bytes) in pieces {
            collector.write(*name, bytes);
        }
        let (outputs, truncated) = collector.finish();
        (outputs.iter().map(|output| serde_json::to_string(output).unwrap()).collect(), truncated)
    }

    #[test]
    fn neighbours_of_one_stream_are_joined() {
        let (texts, _) =
            texts(&[(Stream::Stdout, b"a"), (Stream::Stdout, b"b"), (Stream::Stderr, b"c"), (Stream::Stdout, b"d")], 9);
        assert_eq!(
            texts,
            [
                r#"{"type":"stream","name":"stdout","text":"ab"}"#,
                r#"{"type":"stream","name":"stderr","text":"c"}"#,
                r#"{"type":"stream","name":"stdout","text":"d"}"#,
            ]
        );
    }

    #[test]
    fn a_letter_in_two_pieces_is_one_letter() {
        let euro = "€".as_bytes();
        let (texts, _) = texts(&[(Stream::Stdout, &euro[..1]), (Stream::Stdout, &euro[1..])], 9);
        assert_eq!(texts, [r#"{"type":"stream","name":"stdout","text":"€"}"#]);
    }

    #[test]
    fn what_is_not_utf8_is_replaced() {
        let (texts, _) = texts(&[(Stream::Stdout, b"a\xff\xe2"), (Stream::Stdout, b"b\xe2")], 9);
        assert_eq!(texts, ["{\"type\":\"stream\",\"name\":\"stdout\",\"text\":\"a\u{fffd}\u{fffd}b\u{fffd}\"}"]);
    }

    #[test]
    fn beyond_the_limit_it_is_discarded_and_said_so() {
        let (texts, truncated) =
            texts(&[(Stream::Stdout, b"abc"), (Stream::Stdout, b"def"), (Stream::Stderr, b"e")], 4);
        assert_eq!(texts.len(), 2);
        assert!(texts[0].contains("abcd\""), "{texts:?}");
        assert_eq!(truncated, Truncated { stdout: true, ..Truncated::default() });
    }
}
