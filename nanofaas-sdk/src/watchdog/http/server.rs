//! The child as a server: where it listens, and how it is asked whether it is ready.

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::Client;
use crate::executor::BoxFuture;
use crate::watchdog::command_line::CommandLine;
use crate::watchdog::warm::Program;

/// How long it is asked whether somebody else listens where the child will.
const LOOK: Duration = Duration::from_millis(200);

/// A program that listens.
#[derive(Debug)]
pub(crate) struct HttpServer {
    command: Arc<CommandLine>,
    address: Address,
    client: Client,
    /// Held for as long as the child's port is this watchdog's.
    claim: Mutex<Option<UnixListener>>,
}

/// Where a child is called and asked for its health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) runtime: Uri,
    pub(crate) health: Uri,
}

impl Address {
    /// Reads `RUNTIME_URL` and `HEALTH_URL`; the error says which ones are wrong and why.
    pub(crate) fn parse(runtime: &str, health: Option<&str>) -> Result<Self, Vec<(&'static str, String)>> {
        let of = |name| move |reason| vec![(name, reason)];
        match (http_uri(runtime), health.map(http_uri)) {
            (Ok(runtime), Some(Ok(health))) => Ok(Self { runtime, health }),
            (Ok(runtime), None) => {
                let health = with(&runtime, None, Some("/health")).map_err(of("RUNTIME_URL"))?;
                Ok(Self { runtime, health })
            }
            (runtime, health) => {
                let runtime = runtime.err().map(|reason| ("RUNTIME_URL", reason));
                let health = health.and_then(Result::err).map(|reason| ("HEALTH_URL", reason));
                Err(runtime.into_iter().chain(health).collect())
            }
        }
    }

    pub(crate) fn port(&self) -> u16 {
        port(&self.runtime)
    }

    /// Whether it is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        let host = self.runtime.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback() || ip.is_unspecified())
    }

    /// Takes a free port in the place of port 0.
    pub(crate) fn settle(self) -> io::Result<Self> {
        if self.port() != 0 {
            return Ok(self);
        }
        let free = free_port()?;
        let settle = |uri: &Uri| match port(uri) {
            0 => with(uri, Some(free), None).map_err(io::Error::other),
            _ => Ok(uri.clone()),
        };
        Ok(Self { runtime: settle(&self.runtime)?, health: settle(&self.health)? })
    }
}

/// A port that nobody listens on, below those that the system gives to outgoing connections: it has to
/// stay free while a child is replaced.
fn free_port() -> io::Result<u16> {
    let random = RandomState::new();
    for attempt in 0..100 {
        let port = 16_384 + u16::try_from(random.hash_one(attempt) % 16_384).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

fn port(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(80)
}

fn http_uri(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error| format!("it is not a URL: {error}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some(host)) if !host.is_empty() => Ok(uri),
        _ => Err("expected a URL such as http://127.0.0.1:8081/invoke".to_owned()),
    }
}

/// The same with another port or path.
fn with(uri: &Uri, port: Option<u16>, path: Option<&str>) -> Result<Uri, String> {
    let host = uri.host().unwrap_or_default();
    let authority = match port.or(uri.port_u16()) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let path = path.unwrap_or_else(|| uri.path_and_query().map_or("/", |path| path.as_str()));
    format!("http://{authority}{path}").parse().map_err(|error| format!("it is not a URL: {error}"))
}

impl HttpServer {
    pub(crate) fn new(command: Arc<CommandLine>, address: Address) -> Self {
        Self { command, address, client: Client::new(), claim: Mutex::default() }
    }

    /// Claims the child's port among all watchdogs of this network namespace: two children that start
    /// at once would find the port free, and the slower one's watchdog would talk to the other's.
    fn claim(&self, port: u16) -> bool {
        let mut claim = self.claim.lock().unwrap_or_else(PoisonError::into_inner);
        if claim.is_none() {
            let name = SocketAddr::from_abstract_name(format!("nanofaas-watchdog/child/{port}"));
            match name.and_then(|name| UnixListener::bind_addr(&name)) {
                Ok(listener) => *claim = Some(listener),
                // Other errors say nothing about other watchdogs.
                Err(error) => return error.kind() != io::ErrorKind::AddrInUse,
            }
        }
        true
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(super) fn runtime_uri(&self) -> Uri {
        self.address.runtime.clone()
    }
}

impl Program for HttpServer {
    fn command(&self) -> &Arc<CommandLine> {
        &self.command
    }

    fn environment(&self) -> Vec<(&'static str, Option<OsString>)> {
        vec![("PORT", Some(self.address.port().to_string().into()))]
    }

    /// Another server would answer in the child's place.
    fn check_free(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            let port = self.address.port();
            if self.address.is_local() && !self.claim(port) {
                return Err(format!(
                    "port {port} is taken: it belongs to the child of another watchdog here; choose another one in RUNTIME_URL"
                ));
            }
            let host = self.address.runtime.host().unwrap_or_default();
            let host = host.trim_start_matches('[').trim_end_matches(']');
            match timeout(LOOK, TcpStream::connect((host, port))).await {
                Ok(Ok(_)) => Err(format!(
                    "port {port} is taken: the child cannot listen where RUNTIME_URL expects it; choose another port there"
                )),
                _ => Ok(()),
            }
        })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            let status = self.client.get(self.address.health.clone()).await?;
            if status.is_success() { Ok(()) } else { Err(format!("answered {status}")) }
        })
    }

    fn question(&self) -> String {
        format!("GET {}", self.address.health)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_health_url_follows_the_runtime_url() {
        let address = Address::parse("http://127.0.0.1:9000/run?x=1", None).unwrap();
        assert_eq!(address.health, "http://127.0.0.1:9000/health");
        assert_eq!(Address::parse("http://child/run", None).unwrap().port(), 80);
        let own = Address::parse("http://[::1]:9/run", Some("http://[::1]:10/up")).unwrap();
        assert_eq!((own.port(), own.health.to_string()), (9, "http://[::1]:10/up".to_owned()));
    }

    #[test]
    fn port_0_becomes_a_free_one_for_both() {
        let address = Address::parse("http://127.0.0.1:0/invoke", None).unwrap().settle().unwrap();
        assert_ne!(address.port(), 0);
        assert_eq!(address.health.port_u16(), Some(address.port()));
    }

    #[test]
    fn what_is_no_http_url_is_named() {
        for (runtime, health, name) in [
            ("127.0.0.1:8081", None, "RUNTIME_URL"),
            ("https://x/", None, "RUNTIME_URL"),
            ("/invoke", None, "RUNTIME_URL"),
            ("http://x/", Some("x"), "HEALTH_URL"),
        ] {
            let wrong = Address::parse(runtime, health).unwrap_err();
            assert_eq!((wrong.len(), wrong[0].0), (1, name));
        }
    }
}
