//! The pipes beside the frames.

use bytes::Bytes;
use tokio::io::AsyncReadExt;

use crate::watchdog::process::Drained;

/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;

/// One of the pipes that a process writes to beside its frames.
pub(super) struct Pipe {
    stream: Option<Drained>,
    piece: Vec<u8>,
    /// Bytes that were unread when they were counted.
    due: usize,
}

impl Pipe {
    pub(super) fn new(stream: Option<Drained>) -> Self {
        Self { stream, piece: vec![0; PIECE], due: 0 }
    }

    /// The next bytes; never ends where there are none to come.
    pub(super) async fn read(&mut self) -> Bytes {
        if let Some(stream) = &mut self.stream {
            if let Ok(length @ 1..) = stream.read(&mut self.piece).await {
                return Bytes::copy_from_slice(&self.piece[..length]);
            }
            self.stream = None;
        }
        std::future::pending().await
    }

    /// Counts what is there at this moment, up to `most`: whoever goes on writing is not waited for.
    pub(super) fn count(&mut self, most: usize) {
        self.due = self.stream.as_ref().map_or(0, Drained::unread).min(most);
    }

    /// The next of what was [counted](Self::count).
    pub(super) fn read_now(&mut self) -> Option<Bytes> {
        let most = self.due.min(self.piece.len());
        let length = self.stream.as_mut()?.read_now(&mut self.piece[..most]);
        self.due -= length;
        (length > 0).then(|| Bytes::copy_from_slice(&self.piece[..length]))
    }
}
