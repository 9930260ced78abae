//! The frames between the watchdog and an interpreter, on a socket of their own.
//!
//! A frame is the length of what follows (4 bytes, big-endian), its kind (1 byte), the token of the
//! execution that it belongs to (8 bytes, big-endian; 0 for none), and its payload. With the highest bit of the kind,
//! two numbers (4 bytes each) come before the payload: how many bytes stood unread in the pipes of fd 1 and 2.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes of a frame's length, kind and token.
const HEAD: usize = 4 + 1 + 8;

/// Bytes of the two numbers before some payloads.
const COUNTS: usize = 4 + 4;

/// What follows the length at least.
const LEAST: usize = HEAD - 4;

/// The longest frame that is read. Interpreters split streams into far smaller ones; what is shown is
/// limited before that.
const LONGEST: usize = 64 * 1024 * 1024;

/// In a kind: there were unread bytes on fd 1 or 2 when the frame was sent.
const PIPES_FIRST: u8 = 0x80;

/// What the watchdog asks of an interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Modules,
    Init,
    Execute,
    Ask,
    Ping,
}

impl Request {
    const fn byte(self) -> u8 {
        match self {
            Self::Modules => b'B',
            Self::Init => b'I',
            Self::Execute => b'X',
            Self::Ask => b'A',
            Self::Ping => b'P',
        }
    }

    /// The frame of this request.
    pub(crate) fn frame(self, token: u64, payload: &[u8]) -> Bytes {
        let mut frame = BytesMut::with_capacity(HEAD + payload.len());
        // What is sent is limited by the size of a request body.
        frame.put_u32(u32::try_from(LEAST + payload.len()).unwrap_or(u32::MAX));
        frame.put_u8(self.byte());
        frame.put_u64(token);
        frame.put_slice(payload);
        frame.freeze()
    }
}

/// What an interpreter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Hello,
    Ready,
    Stdout,
    Stderr,
    Log,
    Display,
    Result,
    Error,
    Finished,
    Answer,
    Pong,
}

impl Reply {
    const fn of(byte: u8) -> Option<Self> {
        Some(match byte & !PIPES_FIRST {
            b'h' => Self::Hello,
            b'r' => Self::Ready,
            b'o' => Self::Stdout,
            b'e' => Self::Stderr,
            b'l' => Self::Log,
            b'd' => Self::Display,
            b'v' => Self::Result,
            b'x' => Self::Error,
            b'f' => Self::Finished,
            b'a' => Self::Answer,
            b'p' => Self::Pong,
            _ => return None,
        })
    }
}

/// A frame from an interpreter.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) reply: Reply,
    pub(crate) payload: Bytes,
    /// So many bytes that stood in the pipes of fd 1 and 2 came before it.
    pub(crate) after: Option<[usize; 2]>,
}

/// Takes frames out of the bytes that arrived. Code that runs in the interpreter can write there, too:
/// nothing is believed that does not fit.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    pub(crate) buffer: BytesMut,
}

/// Why what arrived is no frame.
pub(crate) type Forged = &'static str;

impl Frames {
    /// The next whole frame, if it has arrived. `token` is the execution's that is under way.
    pub(crate) fn take(&mut self, token: u64) -> Result<Option<Frame>, Forged> {
        let Some(mut head) = self.buffer.get(..HEAD) else { return Ok(None) };
        let (length, kind, of) = (head.get_u32() as usize, head.get_u8(), head.get_u64());
        // Looked at before the rest has arrived: a forged length must not swallow what follows.
        let reply = Reply::of(kind).ok_or("a frame of no known kind")?;
        if !(LEAST..=LONGEST).contains(&length) {
            return Err("a frame of an impossible length");
        }
        if of != if reply == Reply::Log { 0 } else { token } {
            return Err("a frame that belongs to another execution");
        }
        let is_after = kind & PIPES_FIRST != 0;
        if is_after && length < LEAST + COUNTS {
            return Err("a frame of an impossible length");
        }
        if self.buffer.len() < 4 + length {
            return Ok(None);
        }
        self.buffer.advance(HEAD);
        let mut payload = self.buffer.split_to(length - LEAST).freeze();
        let after = is_after.then(|| [payload.get_u32() as usize, payload.get_u32() as usize]);
        Ok(Some(Frame { reply, payload, after }))
    }

    /// Whether a frame has begun that is not whole.
    pub(crate) fn is_within_frame(&self) -> bool {
        !self.buffer.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(bytes: &[u8]) -> Frames {
        Frames { buffer: BytesMut::from(bytes) }
    }

    #[test]
    fn a_frame_is_taken_once_it_is_whole() {
        let sent = [0, 0, 0, 19, b'o' | PIPES_FIRST, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 1, 2, 0, 0, 0, 0, b'h', b'i'];
        for part in 0..sent.len() {
            assert!(frames(&sent[..part]).take(7).unwrap().is_none());
        }
        let mut frames = frames(&sent);
        let frame = frames.take(7).unwrap().unwrap();
        assert_eq!((frame.reply, &frame.payload[..], frame.after), (Reply::Stdout, &b"hi"[..], Some([258, 0])));
        assert!(!frames.is_within_frame());
    }

    #[test]
    fn a_forged_frame_is_refused_by_its_head_alone() {
        for (head, reason) in [
            ([0, 0, 0, 9, b'z', 0, 0, 0, 0, 0, 0, 0, 7], "kind"),
            ([255, 0, 0, 9, b'o', 0, 0, 0, 0, 0, 0, 0, 7], "length"),
            ([0, 0, 0, 8, b'o', 0, 0, 0, 0, 0, 0, 0, 7], "length"),
            ([0, 0, 0, 9, b'o' | PIPES_FIRST, 0, 0, 0, 0, 0, 0, 0, 7], "length"),
            ([0, 0, 9, 9, b'f', 0, 0, 0, 0, 0, 0, 0, 6], "another execution"),
            ([0, 0, 0, 9, b'l', 0, 0, 0, 0, 0, 0, 0, 7], "another execution"),
        ] {
            let refused = frames(&head).take(7).unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
    }

    #[test]
    fn a_request_tells_its_length_and_token() {
        let frame = Request::Execute.frame(258, b"{}");
        assert_eq!(&frame[..], &[0, 0, 0, 11, b'X', 0, 0, 0, 0, 0, 0, 1, 2, b'{', b'}']);
    }
}
