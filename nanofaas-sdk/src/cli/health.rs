//! `health`: the health check of images without curl.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::print::print;
use super::{fail, refuse};
use crate::config::Config;

/// Time for the whole check; container engines give up after some seconds themselves.
const LIMIT: Duration = Duration::from_secs(2);

/// How much of an answer is looked at.
const ANSWER: usize = 4096;

/// Exit code 0 where the server on this machine's `PORT` is healthy, else 1.
pub(super) fn check_configured() -> ExitCode {
    match Config::port_from_env() {
        Ok(port) => check(port),
        Err(error) => refuse(&error.into()),
    }
}

/// Exit code 0 where the server on this port of this machine is healthy, else 1.
pub(crate) fn check(port: u16) -> ExitCode {
    let end = Instant::now() + LIMIT;
    let answer = match ask((Ipv4Addr::LOCALHOST, port).into(), end) {
        // A server may listen on IPv6 alone.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            ask((Ipv6Addr::LOCALHOST, port).into(), end).map_err(|_| error)
        }
        answer => answer,
    };
    match answer {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => ExitCode::from(print("healthy\n")),
        Ok(answer) => fail(1, &format!("not healthy: {}", answer.lines().last().unwrap_or_default())),
        Err(error) if is_late(&error) => fail(1, &format!("no answer on port {port} within {} s", LIMIT.as_secs())),
        Err(error) => fail(1, &format!("nothing answers on port {port}: {error}")),
    }
}

fn ask(address: SocketAddr, end: Instant) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, left(end)?)?;
    stream.set_write_timeout(Some(left(end)?))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    while answer.len() < ANSWER {
        stream.set_read_timeout(Some(left(end)?))?;
        match stream.read(&mut part)? {
            0 => break,
            read => answer.extend_from_slice(&part[..read]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}
