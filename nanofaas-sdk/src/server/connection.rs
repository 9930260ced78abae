//! One connection.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::header_clock::{Clocked, HeaderClock};

/// How much of a request's head is kept in memory before it is refused with 431.
const HEAD: usize = 64 * 1024;

/// Serves requests until the client or the end of the process closes the connection.
pub(super) async fn serve(
    stream: TcpStream,
    router: Router,
    head_timeout: Duration,
    mut closing: watch::Receiver<bool>,
) {
    // Answers are small and written whole: waiting for more only delays them.
    let _ = stream.set_nodelay(true);
    let clock = HeaderClock::default();
    let io = TokioIo::new(Clocked { inner: stream, clock: clock.clone() });
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(clock)
        .header_read_timeout(head_timeout)
        .max_buf_size(HEAD)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let closing = async move { closing.wait_for(|closing| *closing).await.is_ok() };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = closing => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(target: "nanofaas", %error, "connection ended early");
    }
}
