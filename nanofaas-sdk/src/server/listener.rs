//! Accepts connections.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use super::activity::{Activity, Patience};
use super::connection::{self, Client};
use super::connections::Connections;
use super::descriptors;
use crate::config::Config;

/// Connections that wait to be accepted: a burst of callers is not turned away.
const BACKLOG: u32 = 1024;

/// The pause after `accept` failed for lack of descriptors or memory.
const BREATH: Duration = Duration::from_millis(50);

/// How long nothing is said of further failures.
const SILENCE: Duration = Duration::from_secs(1);

/// A client that takes nothing of its answer has so many times as long as for a request's head.
const UNREAD: u32 = 6;

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

/// How connections are served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    connections: usize,
    patience: Patience,
}

impl Limits {
    /// Raises the limit of descriptors of a function's process as far as its connections need.
    pub(crate) fn of(config: &Config, has_child: bool) -> Self {
        let head = config.body_read_timeout;
        let patience = Patience { head, unread: head.saturating_mul(UNREAD) };
        Self { connections: descriptors::connections(config, has_child), patience }
    }
}

/// Serves connections until `stop` ends, then lets those that are open finish their request.
pub(crate) async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: impl Future<Output = ()>) {
    let closing = watch::Sender::new(false);
    let mut connections = Connections::new(limits.connections);
    tokio::select! {
        biased;
        () = stop => {}
        never = accept(&listener, &mut connections, |stream, activity| {
            let client = Client { stream, activity, patience: limits.patience, closing: closing.subscribe() };
            connection::serve(client, router.clone())
        }) => match never {},
    }
    drop(listener);
    closing.send_replace(true);
    while connections.one_ended().await {}
}

/// Accepts connections for ever.
async fn accept<F>(
    listener: &TcpListener,
    connections: &mut Connections,
    serve: impl Fn(TcpStream, Arc<Activity>) -> F,
) -> Infallible
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut trouble = Trouble::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            true = connections.one_ended() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                trouble.is_over();
                connections.make_room().await;
                let activity = Arc::new(Activity::new());
                connections.spawn(Arc::clone(&activity), serve(stream, activity));
            }
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                let gives_way = is_scarcity(&error) && connections.end_idle();
                if trouble.goes_on(&error) || !gives_way {
                    tokio::time::sleep(BREATH).await;
                } else {
                    connections.one_ended().await;
                }
            }
        }
    }
}

/// Accepting fails.
#[derive(Default)]
struct Trouble {
    is_there: bool,
    told: Option<Instant>,
}

impl Trouble {
    /// Notes a failure; whether it is not the first one.
    fn goes_on(&mut self, error: &io::Error) -> bool {
        // Not every time: it may go on for long.
        if self.told.is_none_or(|told| told.elapsed() > SILENCE) {
            self.told = Some(Instant::now());
            tracing::error!(target: "nanofaas", %error, "no connection can be accepted");
        }
        std::mem::replace(&mut self.is_there, true)
    }

    fn is_over(&mut self) {
        self.is_there = false;
    }
}

/// A client that went away while it waited is no trouble of ours.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// What a connection less would help against.
fn is_scarcity(error: &io::Error) -> bool {
    let scarce = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    scarce.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
