//! A stream that its writer can always write to.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::unix::pipe;
use tokio::runtime::Handle;

/// How long those are listened to that hold a pipe whose process nobody attends to any more: a
/// daemon that never closes it would keep the descriptor for ever.
pub(crate) const LINGER: Duration = Duration::from_secs(10);

/// What a process writes. When nobody wants to know it any more, it is still read: a process that
/// cleans up after its signal must not die of a broken pipe.
pub(crate) struct Drained {
    pipe: Option<pipe::Receiver>,
}

impl Drained {
    pub(super) fn new(pipe: pipe::Receiver) -> Self {
        Self { pipe: Some(pipe) }
    }
}

impl Drained {
    /// Another handle of the pipe, to ask whether it is empty.
    pub(crate) fn handle(&self) -> Option<OwnedFd> {
        self.pipe.as_ref().and_then(|pipe| pipe.as_fd().try_clone_to_owned().ok())
    }
}

#[cfg(feature = "kernel")]
impl Drained {
    /// Bytes that nobody has read yet.
    pub(crate) fn unread(&self) -> usize {
        let unread = self.pipe.as_ref().and_then(|pipe| rustix::io::ioctl_fionread(pipe).ok());
        unread.and_then(|unread| usize::try_from(unread).ok()).unwrap_or(0)
    }

    /// Reads what is there at this moment, whatever the event loop knows of it; 0 where there is
    /// nothing.
    pub(crate) fn read_now(&mut self, buffer: &mut [u8]) -> usize {
        self.pipe.as_ref().map_or(0, |pipe| rustix::io::read(pipe, buffer).unwrap_or(0))
    }
}

impl AsyncRead for Drained {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let Some(pipe) = &mut self.pipe else { return Poll::Ready(Ok(())) };
        let read = std::task::ready!(Pin::new(pipe).poll_read(cx, buffer));
        if read.is_err() || buffer.filled().len() == before {
            // Its end.
            self.pipe = None;
        }
        Poll::Ready(read)
    }
}

impl Drop for Drained {
    fn drop(&mut self) {
        let (Some(mut pipe), Ok(handle)) = (self.pipe.take(), Handle::try_current()) else { return };
        handle.spawn(tokio::time::timeout(LINGER, async move {
            let mut nowhere = [0; 4096];
            while pipe.read(&mut nowhere).await.is_ok_and(|read| read > 0) {}
        }));
    }
}
