//! One of a kernel's sockets, as its client sees it.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::assembler::Assembler;
use super::message::{Key, Message};
use super::zmtp::{Decoder, Foreign, Piece, greeting, message, pong, ready};

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// What a connection is made of.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// What a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Requests and their answers.
    Dealer,
    /// What is told to everybody.
    Sub,
}

/// A connection. What has arrived in part is kept in it, so any wait can be given up.
pub(super) struct Channel {
    wire: Box<dyn Wire>,
    decoder: Decoder,
    assembler: Assembler,
    unsent: BytesMut,
    /// Bytes that have arrived, all in all.
    received: u64,
    /// Why nothing comes any more.
    over: Option<Foreign>,
}

impl Channel {
    /// Shakes hands; `identity` is by what the kernel tells its clients apart.
    pub(super) async fn open(wire: impl Wire + 'static, kind: Kind, identity: &str, key: Key) -> Result<Self, Foreign> {
        let mut channel = Self {
            wire: Box::new(wire),
            decoder: Decoder::default(),
            assembler: Assembler::new(key),
            unsent: greeting()[..].into(),
            received: 0,
            over: None,
        };
        loop {
            match channel.decoder.take()? {
                Some(Piece::Greeting) if kind == Kind::Dealer => channel.send(&ready("DEALER", identity)),
                Some(Piece::Greeting) => {
                    channel.send(&ready("SUB", ""));
                    // Subscribes to everything.
                    channel.send(&message(&[b"\x01"]));
                }
                Some(Piece::Command(command)) if command.starts_with(b"\x05READY") => return Ok(channel),
                Some(_) => return Err("something else than a handshake"),
                None => channel.exchange().await.map_err(|_| "an end of its connection")?,
            }
        }
    }

    /// Sends this while [`next`](Self::next) is waited for.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
    }

    /// The next message; never comes where the connection has ended.
    pub(super) async fn next(&mut self) -> Message {
        match self.next_or_end().await {
            Some(message) => message,
            None => std::future::pending().await,
        }
    }

    /// The next message of a kernel that has ended; `None` where there is none until then.
    pub(super) async fn last(&mut self, until: Instant) -> Option<Message> {
        timeout_at(until, self.next_or_end()).await.ok().flatten()
    }

    async fn next_or_end(&mut self) -> Option<Message> {
        while self.over.is_none() {
            match self.decoder.take() {
                Ok(Some(Piece::Data { bytes, ends_frame, ends_message })) => {
                    let message = self.assembler.push(&bytes, ends_frame, ends_message);
                    if message.is_some() {
                        return message;
                    }
                }
                Ok(Some(Piece::Command(command))) => self.send(&pong(&command).unwrap_or_default()),
                Ok(Some(Piece::Greeting)) => {}
                Err(foreign) => self.over = Some(foreign),
                Ok(None) => {
                    if self.exchange().await.is_err() {
                        self.over = Some("an end of its connection");
                    }
                }
            }
        }
        None
    }

    /// How much has arrived: more of a message may be on its way.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Why nothing comes any more; `None` where something may.
    pub(super) fn over(&self) -> Option<Foreign> {
        self.over
    }

    /// Writes what there is to write, and reads something.
    async fn exchange(&mut self) -> io::Result<()> {
        let Self { wire, decoder, unsent, received, .. } = self;
        poll_fn(|cx| {
            write(wire, unsent, cx)?;
            decoder.buffer.reserve(PIECE);
            match pin!(wire.read_buf(&mut decoder.buffer)).poll(cx)? {
                Poll::Ready(0) => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Poll::Ready(length) => {
                    *received += length as u64;
                    Poll::Ready(Ok(()))
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

fn write(wire: &mut Box<dyn Wire>, unsent: &mut BytesMut, cx: &mut Context<'_>) -> io::Result<()> {
    while !unsent.is_empty() {
        let Poll::Ready(written) = Pin::new(&mut *wire).poll_write(cx, unsent) else { break };
        unsent.advance(written?);
    }
    Ok(())
}
