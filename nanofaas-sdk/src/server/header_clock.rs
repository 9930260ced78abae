//! The time that a request's headers may take, counted from their first byte.
//!
//! hyper's own header timeout also runs while a kept connection is idle, and would close it under
//! a client that is about to use it again. So hyper gets a timer that knows when bytes arrived: it
//! only fires once a head was begun and not finished in time.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// When the first byte arrived since the clock was last set; shared by a connection and its timer.
#[derive(Clone, Debug, Default)]
pub(super) struct HeaderClock(Arc<Mutex<Option<Instant>>>);

impl HeaderClock {
    fn set(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn bytes_arrived(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    }

    fn first_byte(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// hyper sets it for each head that it waits for.
impl Timer for HeaderClock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.set();
        let limit = deadline.saturating_duration_since(Instant::now());
        Box::pin(HeadSleep { clock: self.clone(), limit, sleep: Box::pin(tokio::time::sleep(limit)) })
    }
}

/// Fires when a head that was begun takes longer than `limit`.
struct HeadSleep {
    clock: HeaderClock,
    limit: Duration,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            std::task::ready!(self.sleep.as_mut().poll(cx));
            // Idle so far, or begun a moment ago: look again when the head's own time is over.
            let begun = self.clock.first_byte();
            let end = begun.unwrap_or_else(Instant::now) + self.limit;
            if begun.is_some() && end <= Instant::now() {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(end.into());
        }
    }
}

/// A connection that tells its clock when bytes arrive.
#[derive(Debug)]
pub(super) struct Clocked<T> {
    pub(super) inner: T,
    pub(super) clock: HeaderClock,
}

impl<T: AsyncRead + Unpin> AsyncRead for Clocked<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.clock.bytes_arrived();
        }
        result
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Clocked<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bytes)
    }
}
