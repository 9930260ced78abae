//! Accepts connections.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection;

/// Connections that wait to be accepted: a burst of callers is not turned away.
const BACKLOG: u32 = 1024;

/// The pause after `accept` failed for lack of descriptors or memory.
const BREATH: Duration = Duration::from_millis(50);

/// Listens on all addresses, IPv6 and IPv4, or IPv4 alone where the machine has no IPv6.
pub(crate) fn bind(port: u16) -> io::Result<TcpListener> {
    let v6 =
        TcpSocket::new_v6().and_then(|socket| listen(&socket, (Ipv6Addr::UNSPECIFIED, port).into()).map(|()| socket));
    match v6 {
        Ok(socket) => socket.listen(BACKLOG),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse || error.kind() == io::ErrorKind::PermissionDenied => {
            Err(error)
        }
        Err(_) => {
            let socket = TcpSocket::new_v4()?;
            listen(&socket, (Ipv4Addr::UNSPECIFIED, port).into())?;
            socket.listen(BACKLOG)
        }
    }
}

fn listen(socket: &TcpSocket, address: SocketAddr) -> io::Result<()> {
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

/// Serves connections until `stop` ends, then lets those that are open finish their request.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    head_timeout: Duration,
    stop: impl Future<Output = ()>,
) {
    let closing = watch::Sender::new(false);
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    let mut failures = 0_u32;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = stop.as_mut() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection::serve(stream, router.clone(), head_timeout, closing.subscribe()));
            }
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                // Once a second: it may go on for long.
                if failures.is_multiple_of(20) {
                    tracing::error!(target: "nanofaas", %error, "no connection can be accepted");
                }
                failures += 1;
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    closing.send_replace(true);
    while connections.join_next().await.is_some() {}
}

/// A client that went away while it waited is no trouble of ours.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
