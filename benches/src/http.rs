//! A blocking HTTP/1.1 client that costs next to nothing: one connection, kept open, one request at a time.

use std::fmt;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// One connection, opened when it is needed.
pub(crate) struct Client {
    address: SocketAddr,
    patience: Duration,
    stream: Option<BufReader<TcpStream>>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing came for as long as the client waits.
    Silence(Duration),
    /// Nobody listens, or the connection ended.
    Gone(String),
}

impl Client {
    pub(crate) fn new(address: SocketAddr, patience: Duration) -> Self {
        Self { address, patience, stream: None }
    }

    pub(crate) fn get(&mut self, path: &str) -> Result<Answer, Failure> {
        self.exchange(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.post_with(path, "", &body.to_string())
    }

    /// Posts JSON with more headers, each of which ends its line.
    pub(crate) fn post_with(&mut self, path: &str, headers: &str, body: &str) -> Result<Answer, Failure> {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n{headers}\r\n"
        );
        self.exchange((head + body).as_bytes())
    }

    fn exchange(&mut self, request: &[u8]) -> Result<Answer, Failure> {
        let stream = match self.stream.take() {
            Some(stream) => Ok(stream),
            None => self.connect(),
        };
        let answer = stream.and_then(|mut stream| {
            stream.get_mut().write_all(request)?;
            let (answer, keep) = read(&mut stream)?;
            self.stream = keep.then_some(stream);
            Ok(answer)
        });
        answer.map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Failure::Silence(self.patience),
            _ => Failure::Gone(error.to_string()),
        })
    }

    fn connect(&self) -> std::io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect_timeout(&self.address, self.patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.patience))?;
        Ok(BufReader::with_capacity(64 * 1024, stream))
    }
}

/// One answer, and whether the connection can be used again.
fn read(stream: &mut impl BufRead) -> std::io::Result<(Answer, bool)> {
    let line = line(stream)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| malformed(&format!("`{line}` is no status line")))?;
    let (mut length, mut chunked, mut keep) = (None, false, true);
    loop {
        let header = self::line(stream)?.to_ascii_lowercase();
        match header.split_once(':').map(|(name, value)| (name, value.trim())) {
            Some(("content-length", value)) => length = value.parse().ok(),
            Some(("transfer-encoding", value)) => chunked = value == "chunked",
            Some(("connection", value)) => keep = value != "close",
            Some(_) => {}
            None => break,
        }
    }
    let mut body = Vec::new();
    match length {
        _ if chunked => while chunk(stream, &mut body)? {},
        Some(length) => take(stream, length, &mut body)?,
        None => {
            keep = false;
            stream.read_to_end(&mut body)?;
        }
    }
    Ok((Answer { status, body }, keep))
}

/// Reads one chunk; whether another follows.
fn chunk(stream: &mut impl BufRead, body: &mut Vec<u8>) -> std::io::Result<bool> {
    let size = line(stream)?;
    let size = size.split(';').next().unwrap_or_default();
    let size = u64::from_str_radix(size, 16).map_err(|_| malformed(&format!("`{size}` is no chunk size")))?;
    take(stream, size, body)?;
    line(stream)?;
    Ok(size > 0)
}

fn take(stream: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> std::io::Result<()> {
    let before = body.len();
    stream.take(length).read_to_end(body)?;
    if (body.len() - before) as u64 == length { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

fn line(stream: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end().len());
    Ok(line)
}

fn malformed(what: &str) -> std::io::Error {
    std::io::Error::new(ErrorKind::InvalidData, what)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence(patience) => write!(f, "no answer in {} s", patience.as_secs()),
            Self::Gone(reason) => write!(f, "no connection ({reason})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(mut bytes: &[u8]) -> (String, bool) {
        let (answer, keep) = read(&mut bytes).unwrap();
        (String::from_utf8(answer.body).unwrap(), keep)
    }

    #[test]
    fn a_body_ends_as_its_head_says() {
        assert_eq!(body_of(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP"), ("ok".into(), true));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n";
        assert_eq!(body_of(chunked), ("ok!".into(), true));
        assert_eq!(body_of(b"HTTP/1.1 200 OK\r\n\r\nto the end"), ("to the end".into(), false));
    }

    #[test]
    fn a_body_that_is_cut_off_is_no_answer() {
        assert!(read(&mut &b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"[..]).is_err());
    }
}
