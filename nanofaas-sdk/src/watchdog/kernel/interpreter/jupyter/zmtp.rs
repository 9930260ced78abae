//! ZMTP 3.0 with the NULL mechanism (`ZeroMQ` RFC 23), as far as a client of kernels needs it.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes of a greeting, of either side.
const GREETED: usize = 64;

/// The longest command that is read; a peer's properties are far shorter.
const LONGEST_COMMAND: u64 = 4096;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// What a client says first: a signature, version 3.0, the mechanism.
pub(super) fn greeting() -> [u8; GREETED] {
    let mut greeting = [0; GREETED];
    (greeting[0], greeting[9], greeting[10]) = (0xff, 0x7f, 3);
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

/// The command that ends the handshake: what kind of socket this is, and its name, by which answers
/// are routed.
pub(super) fn ready(socket_type: &str, identity: &str) -> Vec<u8> {
    let mut body = b"\x05READY".to_vec();
    for (name, value) in [("Socket-Type", socket_type), ("Identity", identity)] {
        body.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
        body.put_slice(name.as_bytes());
        body.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        body.put_slice(value.as_bytes());
    }
    let mut command = Vec::new();
    put(&mut command, COMMAND, &body);
    command
}

/// The answer to a PING, which repeats its context; `None` to any other command.
pub(super) fn pong(command: &[u8]) -> Option<Vec<u8>> {
    // A time to live of two bytes comes before the context.
    let context = command.strip_prefix(b"\x04PING")?.get(2..)?;
    let mut answer = Vec::new();
    put(&mut answer, COMMAND, &[b"\x04PONG", context].concat());
    Some(answer)
}

/// A message of these frames.
pub(super) fn message(frames: &[&[u8]]) -> Vec<u8> {
    let mut message = Vec::new();
    for (number, frame) in frames.iter().enumerate() {
        put(&mut message, if number + 1 < frames.len() { MORE } else { 0 }, frame);
    }
    message
}

fn put(into: &mut Vec<u8>, flags: u8, body: &[u8]) {
    if let Ok(length) = u8::try_from(body.len()) {
        into.put_slice(&[flags, length]);
    } else {
        into.put_u8(flags | LONG);
        into.put_u64(body.len() as u64);
    }
    into.put_slice(body);
}

/// Something that a peer sent, or a part of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Greeting,
    Command(Bytes),
    /// Bytes of a message's frame, which may be far too long to be kept.
    Data {
        bytes: Bytes,
        ends_frame: bool,
        ends_message: bool,
    },
}

/// Takes pieces out of the bytes that arrived.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    pub(super) buffer: BytesMut,
    is_greeted: bool,
    /// The frame under way: its flags, and how much of it is still to come.
    frame: Option<(u8, u64)>,
}

/// Why what arrived is not ZMTP.
pub(super) type Foreign = &'static str;

impl Decoder {
    pub(super) fn take(&mut self) -> Result<Option<Piece>, Foreign> {
        if !self.is_greeted {
            return self.greeting();
        }
        let (flags, left) = match self.frame {
            Some(frame) => frame,
            None => match self.head()? {
                Some(frame) => frame,
                None => return Ok(None),
            },
        };
        self.frame = Some((flags, left));
        let there = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let is_whole = there as u64 == left;
        if !is_whole && (there == 0 || flags & COMMAND != 0) {
            return Ok(None);
        }
        let bytes = self.buffer.split_to(there).freeze();
        self.frame = (!is_whole).then_some((flags, left - there as u64));
        Ok(Some(if flags & COMMAND != 0 {
            Piece::Command(bytes)
        } else {
            Piece::Data { bytes, ends_frame: is_whole, ends_message: is_whole && flags & MORE == 0 }
        }))
    }

    fn greeting(&mut self) -> Result<Option<Piece>, Foreign> {
        if self.buffer.len() < GREETED {
            return Ok(None);
        }
        let greeting = self.buffer.split_to(GREETED);
        if greeting[0] != 0xff || greeting[9] != 0x7f || greeting[10] < 3 {
            return Err("a greeting of another protocol");
        }
        if &greeting[12..17] != b"NULL\0" {
            return Err("a wish for another mechanism than NULL");
        }
        self.is_greeted = true;
        Ok(Some(Piece::Greeting))
    }

    /// The flags and the length of the next frame, if both have arrived.
    fn head(&mut self) -> Result<Option<(u8, u64)>, Foreign> {
        let Some(flags) = self.buffer.first().copied() else { return Ok(None) };
        if flags & !(MORE | LONG | COMMAND) != 0 {
            return Err("a frame with unknown flags");
        }
        let is_long = flags & LONG != 0;
        if self.buffer.len() < if is_long { 9 } else { 2 } {
            return Ok(None);
        }
        self.buffer.advance(1);
        let length = if is_long { self.buffer.get_u64() } else { self.buffer.get_u8().into() };
        if flags & COMMAND != 0 && length > LONGEST_COMMAND {
            return Err("a command that is too long");
        }
        Ok(Some((flags, length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeted(bytes: &[u8]) -> Decoder {
        Decoder { buffer: bytes.into(), is_greeted: true, frame: None }
    }

    #[test]
    fn a_greeting_tells_the_protocol_and_the_mechanism() {
        let mut decoder = Decoder { buffer: greeting()[..].into(), ..Decoder::default() };
        assert_eq!(decoder.take(), Ok(Some(Piece::Greeting)));
        for (at, byte) in [(0, 0), (9, 0), (10, 1), (12, b'C')] {
            let mut foreign = greeting();
            foreign[at] = byte;
            let mut decoder = Decoder { buffer: foreign[..].into(), ..Decoder::default() };
            assert!(decoder.take().is_err(), "{at}");
        }
    }

    #[test]
    fn a_message_is_read_as_it_was_written_wherever_it_is_cut() {
        let long = vec![b'x'; 300];
        let sent = message(&[b"", b"ab", &long]);
        assert_eq!(sent[..5], [MORE, 0, MORE, 2, b'a']);
        for cut in 0..sent.len() {
            let mut decoder = greeted(&sent[..cut]);
            let (mut frames, mut ends) = (vec![Vec::new()], 0);
            for rest in [true, false] {
                while let Some(piece) = decoder.take().unwrap() {
                    let Piece::Data { bytes, ends_frame, ends_message } = piece else { panic!("{piece:?}") };
                    frames.last_mut().unwrap().extend_from_slice(&bytes);
                    if ends_frame && !ends_message {
                        frames.push(Vec::new());
                    }
                    ends += u32::from(ends_message);
                }
                if rest {
                    decoder.buffer.extend_from_slice(&sent[cut..]);
                }
            }
            assert_eq!((frames, ends), (vec![Vec::new(), b"ab".to_vec(), long.clone()], 1), "{cut}");
        }
    }

    #[test]
    fn the_begin_of_a_frame_is_told_before_its_end() {
        let mut decoder = greeted(&[LONG, 0, 0, 0, 1, 0, 0, 0, 0, b'a']);
        let begin = Piece::Data { bytes: Bytes::from_static(b"a"), ends_frame: false, ends_message: false };
        assert_eq!(decoder.take(), Ok(Some(begin)));
        assert_eq!(decoder.take().unwrap(), None);
    }

    #[test]
    fn commands_are_whole_and_pings_are_answered() {
        let mut decoder = greeted(&[COMMAND, 9, 4, b'P', b'I', b'N', b'G', 0, 1, b'c']);
        assert_eq!(decoder.take().unwrap(), None);
        decoder.buffer.put_u8(b'd');
        let Some(Piece::Command(command)) = decoder.take().unwrap() else { panic!("a command") };
        assert_eq!(pong(&command).unwrap(), b"\x04\x07\x04PONGcd");
        assert_eq!(pong(b"\x05ERROR"), None);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for (bytes, reason) in [(&[8, 0][..], "flags"), (&[6, 1, 0, 0, 0, 0, 0, 0, 0], "too long")] {
            let refused = greeted(bytes).take().unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
