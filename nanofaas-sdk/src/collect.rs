//! Puts the parts of a body together, within a limit and with as few copies as possible.

use bytes::{Bytes, BytesMut};

/// The parts so far.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// Most bodies arrive in one part, which is taken as it is.
    first: Bytes,
    all: BytesMut,
}

impl Collected {
    /// Adds a part; false where they are more than `limit` bytes then. `declared` is how many the
    /// sender said there would be, or zero.
    pub(crate) fn push(&mut self, part: Bytes, declared: u64, limit: usize) -> bool {
        if self.first.len() + self.all.len() + part.len() > limit {
            return false;
        }
        if self.first.is_empty() && self.all.is_empty() {
            self.first = part;
            return true;
        }
        if self.all.is_empty() {
            let least = self.first.len() + part.len();
            self.all.reserve(usize::try_from(declared).unwrap_or(0).min(limit).max(least));
            let first = std::mem::take(&mut self.first);
            self.all.extend_from_slice(&first);
        }
        self.all.extend_from_slice(&part);
        true
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_put_together_as_far_as_the_limit() {
        let mut collected = Collected::default();
        assert!(collected.push(Bytes::from_static(b"ab"), 6, 5));
        assert!(collected.push(Bytes::from_static(b"cd"), 6, 5));
        assert!(!collected.push(Bytes::from_static(b"ef"), 6, 5));
        assert!(collected.push(Bytes::from_static(b"e"), 6, 5));
        assert_eq!(collected.into_bytes(), "abcde");
    }
}
