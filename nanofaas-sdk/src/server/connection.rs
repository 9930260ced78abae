//! One connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use hyper::server::conn::http1::{self, Connection, Parts};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use super::activity::{Activity, Patience};
use super::service::Noted;
use super::stream::Watched;

/// How much of a request's head is kept in memory before it is refused with 431.
const HEAD: usize = 64 * 1024;

/// A connection that may serve requests.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    pub(super) activity: Arc<Activity>,
    pub(super) patience: Patience,
    /// Becomes true when the process serves no more requests.
    pub(super) closing: watch::Receiver<bool>,
}

type Io = TokioIo<Watched<TcpStream>>;

/// Serves requests until the client or the end of the process closes the connection, or the patience with it ends.
pub(super) async fn serve(client: Client, router: Router) {
    let Client { stream, activity, patience, mut closing } = client;
    // Answers are small and written whole: waiting for more only delays them.
    let _ = stream.set_nodelay(true);
    let service = Noted::new(router, Arc::clone(&activity));
    let mut rest = Some((Watched::new(stream, Arc::clone(&activity)), service));
    let mut first = [0];
    while let Some((stream, service)) = rest {
        // A silent client costs a descriptor and no buffers. Asked of the system: a fresh socket passes for readable.
        tokio::select! {
            biased;
            _ = stream.inner.peek(&mut first) => {}
            _ = closing.wait_for(|closing| *closing) => return,
        }
        rest = Box::pin(talk(stream, service, &activity, patience, &mut closing)).await;
    }
}

/// Serves requests until the connection ends, or has been idle for a moment and is returned.
async fn talk(
    stream: Watched<TcpStream>,
    service: Noted,
    activity: &Activity,
    patience: Patience,
    closing: &mut watch::Receiver<bool>,
) -> Option<(Watched<TcpStream>, Noted)> {
    let mut connection = http1::Builder::new()
        // hyper's own time-out also runs while a connection is idle; ours is `Patience`.
        .header_read_timeout(None)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut closing = std::pin::pin!(async { drop(closing.wait_for(|closing| *closing).await) });
    let mut is_closing = false;
    let mut timer = std::pin::pin!(tokio::time::sleep_until(Instant::now()));
    let ended = std::future::poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut connection).poll(cx) {
                return Poll::Ready(Some(ended));
            }
            if is_closing || closing.as_mut().poll(cx).is_pending() {
                break;
            }
            is_closing = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        poll_due(timer.as_mut(), || activity.due(patience), cx).map(|()| None)
    });
    match ended.await {
        Some(Ok(())) => return None,
        Some(Err(error)) => tracing::debug!(target: "nanofaas", %error, "connection ended early"),
        None if is_closing || activity.is_unread() => tracing::debug!(target: "nanofaas", "connection given up"),
        None => match quiet(connection) {
            Some(parts) => {
                activity.received_nothing();
                return Some((parts.io.into_inner(), parts.service));
            }
            None => tracing::debug!(target: "nanofaas", "connection given up: a head was not finished"),
        },
    }
    None
}

/// What an idle connection consists of; `None` where hyper holds a part of a head. Only hyper can know: such a part may have
/// arrived together with the request before it.
fn quiet(connection: Connection<Io, Noted>) -> Option<Parts<Io, Noted>> {
    let parts = connection.into_parts();
    // Some clients end a body with an empty line (RFC 9112 section 2.2).
    parts.read_buf.iter().all(|byte| matches!(byte, b'\r' | b'\n')).then_some(parts)
}

/// Is ready when `due` is over. The timer is moved only to fire earlier, or after it fired: that is seldom, and `due`
/// moves with every request.
fn poll_due(
    mut timer: Pin<&mut Sleep>,
    due: impl Fn() -> Option<std::time::Instant>,
    cx: &mut std::task::Context<'_>,
) -> Poll<()> {
    loop {
        let Some(due) = due() else { return Poll::Pending };
        if due <= std::time::Instant::now() {
            return Poll::Ready(());
        }
        if timer.is_elapsed() || timer.deadline().into_std() > due {
            timer.as_mut().reset(due.into());
        }
        std::task::ready!(timer.as_mut().poll(cx));
    }
}
