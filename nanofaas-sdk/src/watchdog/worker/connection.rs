//! The pipes to one worker.

use std::future::Future;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;

use crate::watchdog::process::Stdin;

/// How long the end of a worker is waited for that hung up, and its last words when it has ended.
pub(super) const END: Duration = Duration::from_millis(250);

/// Bytes that are read at once.
const PIECE: usize = 8 * 1024;

/// Our ends of a worker's stdin and fd 3.
pub(super) struct Connection {
    requests: pipe::Sender,
    answers: pipe::Receiver,
    buffer: BytesMut,
}

/// Why a connection is of no use for another call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unasked {
    Wrote,
    /// As a worker does that ends.
    Closed,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The worker ended, or closed its end.
    Closed,
    /// The answer is longer than an output may be.
    TooLong,
}

impl Connection {
    /// Both pipes: our ends, and what the worker gets.
    pub(super) fn new() -> io::Result<(Self, Stdin)> {
        let (stdin, requests): (PipeReader, PipeWriter) = io::pipe()?;
        let (answers, third): (PipeReader, PipeWriter) = io::pipe()?;
        let connection = Self {
            requests: pipe::Sender::from_owned_fd(requests.into())?,
            answers: pipe::Receiver::from_owned_fd(answers.into())?,
            buffer: BytesMut::new(),
        };
        Ok((connection, Stdin::WithThird(OwnedFd::from(stdin), OwnedFd::from(third))))
    }

    /// What the worker did that no call asked for, if it did something.
    pub(super) fn unasked(&self) -> Option<Unasked> {
        let mut byte = [0];
        // What is read here is never used: the connection is not, either.
        match rustix::io::read(&self.answers, &mut byte) {
            _ if !self.buffer.is_empty() => Some(Unasked::Wrote),
            Ok(0) => Some(Unasked::Closed),
            Ok(_) => Some(Unasked::Wrote),
            Err(_) => None,
        }
    }

    /// Whether the worker has read nothing of a request of this length.
    pub(super) fn is_unread(&self, length: usize) -> bool {
        rustix::io::ioctl_fionread(&self.requests).is_ok_and(|unread| unread == length as u64)
    }

    /// Sends a request and waits for its answer, or for the worker's end.
    pub(super) async fn exchange(
        &mut self,
        request: &[u8],
        limit: usize,
        ended: impl Future<Output = Option<ExitStatus>>,
    ) -> Result<Bytes, Broken> {
        let Self { requests, answers, buffer } = self;
        let exchange = async {
            let sent = async {
                // A worker that does not read it all has its reasons, and still answers.
                let _ = requests.write_all(request).await;
            };
            let ((), answer) = tokio::join!(sent, line(answers, buffer, limit));
            answer
        };
        tokio::select! {
            biased;
            answer = exchange => return answer,
            _ = ended => {}
        }
        // It may have answered before its end; whoever else holds its fd 3 is not waited for.
        tokio::time::timeout(END, line(&mut self.answers, &mut self.buffer, limit)).await.unwrap_or(Err(Broken::Closed))
    }

    /// The next line.
    pub(super) async fn line(&mut self, limit: usize) -> Result<Bytes, Broken> {
        line(&mut self.answers, &mut self.buffer, limit).await
    }
}

/// Reads a line; nothing is lost where this is dropped early.
pub(crate) async fn line(
    answers: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    limit: usize,
) -> Result<Bytes, Broken> {
    let mut seen = 0;
    loop {
        if let Some(end) = buffer[seen..].iter().position(|byte| *byte == b'\n') {
            let line = buffer.split_to(seen + end).freeze();
            buffer.advance(1);
            return if line.len() > limit { Err(Broken::TooLong) } else { Ok(line) };
        }
        seen = buffer.len();
        if seen > limit {
            return Err(Broken::TooLong);
        }
        buffer.reserve(PIECE);
        match answers.read_buf(buffer).await {
            Ok(1..) => {}
            _ => return Err(Broken::Closed),
        }
    }
}
