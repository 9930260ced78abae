//! `health`: the health check of images without curl.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use super::{fail, refuse};
use crate::config::Config;

/// Time for each step; container engines give up after some seconds themselves.
const STEP: Duration = Duration::from_secs(2);

/// Exit code 0 where the server on this machine's `PORT` is healthy, else 1.
pub(super) fn check() -> ExitCode {
    let port = match Config::from_env() {
        Ok(config) => config.port,
        Err(error) => return refuse(&error.into()),
    };
    let answer = ask((Ipv4Addr::LOCALHOST, port)).or_else(|_| ask((Ipv6Addr::LOCALHOST, port)));
    match answer {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => {
            println!("healthy");
            ExitCode::SUCCESS
        }
        Ok(answer) => fail(1, &format!("not healthy: {}", answer.lines().last().unwrap_or_default())),
        Err(error) => fail(1, &format!("nothing answers on port {port}: {error}")),
    }
}

fn ask(address: (impl Into<IpAddr>, u16)) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((address.0.into(), address.1)), STEP)?;
    stream.set_read_timeout(Some(STEP))?;
    stream.set_write_timeout(Some(STEP))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
