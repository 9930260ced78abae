//! The frames of an interpreter. The first byte says in which pieces they arrive, the second is the
//! execution's token.

use crate::watchdog::kernel::wire::{Frames, Reply};

/// Bytes of a frame's length, kind and token.
const HEAD: usize = 13;

/// However they arrive, frames are what their heads say, as far as one of them does not fit.
pub fn kernel_frames(data: &[u8]) {
    let [step, token, written @ ..] = data else { return };
    let token = u64::from(*token);
    let mut frames = Frames::default();
    let (mut read, mut is_forged) = (0, false);
    'pieces: for piece in written.chunks(usize::from(*step).max(1)) {
        frames.buffer.extend_from_slice(piece);
        loop {
            match frames.take(token) {
                Ok(Some(frame)) => read += check(&written[read..], token, &frame),
                Ok(None) => break,
                Err(_) => {
                    is_forged = true;
                    break 'pieces;
                }
            }
        }
    }
    let rest = &written[read..];
    if is_forged {
        assert!(!fits(rest, token), "a frame that fits is refused: {}", rest.escape_ascii());
    } else {
        assert_eq!(frames.buffer, rest);
        assert_eq!(frames.is_within_frame(), !rest.is_empty());
        assert!(rest.len() < HEAD || (fits(rest, token) && rest.len() < length(rest)), "a whole frame is left");
    }
}

fn length(bytes: &[u8]) -> usize {
    4 + u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize
}

/// Whether a head fits this execution.
fn fits(bytes: &[u8], token: u64) -> bool {
    let kind = bytes[4] & 0x7f;
    let least = if bytes[4] > 0x7f { HEAD + 8 } else { HEAD };
    let of = u64::from_be_bytes(bytes[5..HEAD].try_into().unwrap());
    let expected = if kind == b'l' { 0 } else { token };
    b"hroeldvxfap".contains(&kind) && of == expected && (least..=4 + (64 << 20)).contains(&length(bytes))
}

/// Compares a frame with the bytes that it was taken from; how many they are.
fn check(bytes: &[u8], token: u64, frame: &crate::watchdog::kernel::wire::Frame) -> usize {
    assert!(fits(bytes, token));
    assert_eq!(frame.reply == Reply::Log, bytes[4] & 0x7f == b'l');
    let whole = &bytes[..length(bytes)];
    let (counts, payload) = if bytes[4] > 0x7f { whole[HEAD..].split_at(8) } else { (&[][..], &whole[HEAD..]) };
    assert_eq!(frame.payload, payload);
    let told: Vec<_> =
        frame.after.iter().flatten().flat_map(|count| u32::try_from(*count).unwrap().to_be_bytes()).collect();
    assert_eq!(told, counts);
    whole.len()
}
