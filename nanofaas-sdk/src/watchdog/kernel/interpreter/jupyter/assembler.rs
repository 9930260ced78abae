//! Puts messages together from the frames that arrive.

use bytes::{Bytes, BytesMut};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::message::{DELIMITER, Header, Key, Message, unhex};
use super::text::mend;

/// How much of a message is kept. What is shown is limited before that.
const LONGEST: usize = 32 * 1024 * 1024;

/// How much is kept of what stands before the delimiter, and of a signature.
const LONGEST_HEAD: usize = 1024;

/// Puts messages together, checks their signatures as they arrive, and keeps no more than fits.
pub(super) struct Assembler {
    key: Key,
    /// The frames since the delimiter, the signature first; before it none.
    frames: Vec<BytesMut>,
    is_delimited: bool,
    frame: BytesMut,
    mac: Hmac<Sha256>,
    /// How much of the message may still be kept.
    room: usize,
    is_cut: bool,
}

impl Assembler {
    pub(super) fn new(key: Key) -> Self {
        let mac = key.mac();
        let (frames, frame) = (Vec::new(), BytesMut::new());
        Self { key, frames, is_delimited: false, frame, mac, room: LONGEST, is_cut: false }
    }

    /// Takes the next bytes; a message where they end one that can be believed.
    pub(super) fn push(&mut self, bytes: &Bytes, ends_frame: bool, ends_message: bool) -> Option<Message> {
        // Signature, header, parent, metadata, content; behind them raw buffers, which nobody here reads.
        let (number, is_delimited) = (self.frames.len(), self.is_delimited);
        if is_delimited && (1..5).contains(&number) {
            self.mac.update(bytes);
        }
        let most = match (is_delimited, number) {
            (true, 1..5) => self.room,
            (true, 5..) => 0,
            _ => LONGEST_HEAD.saturating_sub(self.frame.len()),
        };
        let kept = bytes.len().min(most);
        self.is_cut |= is_delimited && number < 5 && kept < bytes.len();
        if is_delimited && number > 0 {
            self.room -= kept;
        }
        self.frame.extend_from_slice(&bytes[..kept]);
        if ends_frame {
            let frame = self.frame.split();
            if is_delimited {
                if number < 5 {
                    self.frames.push(frame);
                }
            } else {
                self.is_delimited = frame == DELIMITER;
            }
        }
        ends_message.then(|| self.finish()).flatten()
    }

    fn finish(&mut self) -> Option<Message> {
        let Self { frames, mac, is_cut, .. } = std::mem::replace(self, Self::new(self.key.clone()));
        let mut frames = frames.into_iter();
        let (signature, header, parent) = (frames.next()?, frames.next()?, frames.next()?);
        let content = frames.nth(1)?;
        if unhex(&signature).is_none_or(|signature| mac.verify_slice(&signature).is_err()) {
            tracing::debug!(target: "nanofaas", "a message with a wrong signature is dropped");
            return None;
        }
        let header: Header = serde_json::from_str(&mend(&header)).ok()?;
        let parent: Header = serde_json::from_str(&mend(&parent)).unwrap_or_default();
        Some(Message { kind: header.msg_type, parent: parent.msg_id, content, is_cut })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::message::compose;
    use super::super::zmtp::{Decoder, Piece, greeting, message as frames};
    use super::*;

    fn read(key: &Key, sent: &[u8]) -> Option<Message> {
        read_within(LONGEST, key, sent)
    }

    fn read_within(room: usize, key: &Key, sent: &[u8]) -> Option<Message> {
        let mut decoder = Decoder::default();
        decoder.buffer.extend_from_slice(&[&greeting()[..], sent].concat());
        let mut assembler = Assembler { room, ..Assembler::new(key.clone()) };
        let mut last = None;
        while let Some(piece) = decoder.take().unwrap() {
            if let Piece::Data { bytes, ends_frame, ends_message } = piece {
                last = assembler.push(&bytes, ends_frame, ends_message);
            }
        }
        last
    }

    /// What a kernel sends, with a topic before the delimiter and a buffer at the end.
    fn sent(key: &Key, content: &[u8]) -> Vec<u8> {
        let parts = [br#"{"msg_type":"stream","msg_id":"k"}"#, &br#"{"msg_id":"s_1"}"#[..], b"{}", content];
        let signature = key.sign(&parts);
        let [header, parent, metadata, content] = parts;
        frames(&[b"topic", DELIMITER, signature.as_bytes(), header, parent, metadata, content, b"\0buffer"])
    }

    #[test]
    fn a_message_is_read_with_its_parent_and_content() {
        let key = Key::new("secret");
        let message = read(&key, &sent(&key, br#"{"text":"a\ud800"}"#)).unwrap();
        assert_eq!((message.kind.as_str(), message.parent.as_str()), ("stream", "s_1"));
        assert_eq!(message.content::<Value>().unwrap()["text"], "a\u{fffd}");
        let (composed, id) = compose(&key, "s", "execute_request", &json!({"code": "1"}));
        let message = read(&key, &composed).unwrap();
        assert_eq!((message.kind.as_str(), message.parent.as_str()), ("execute_request", ""));
        assert!(id.starts_with("s_"), "{id}");
    }

    #[test]
    fn what_was_written_by_somebody_else_is_dropped() {
        let key = Key::new("secret");
        assert!(read(&key, &sent(&Key::new("other"), b"{}")).is_none());
        assert!(read(&key, &frames(&[b"a", b"b"])).is_none());
        assert!(read(&key, &frames(&[DELIMITER, b"b"])).is_none());
    }

    #[test]
    fn of_a_message_that_is_too_long_its_begin_is_kept() {
        let key = Key::new("secret");
        let text = "é\\n".repeat(1000);
        let message =
            read_within(1000, &key, &sent(&key, format!("{{\"name\":\"stdout\",\"text\":\"{text}\"}}").as_bytes()))
                .unwrap();
        assert!(message.is_cut && message.content_length() <= 1000);
        let content = message.content::<Value>().unwrap();
        let text = content["text"].as_str().unwrap();
        assert!(text.len() > 500 && text.starts_with("é\né\n"));
    }
}
