//! An HTTP server that takes whatever JSON is sent to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::eventually;

/// A running receiver, which answers 200 to all.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    /// Starts one on a free port.
    ///
    /// # Panics
    ///
    /// Where there is none.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its number");
        let received = Arc::<Mutex<Vec<_>>>::default();
        std::thread::spawn({
            let received = Arc::clone(&received);
            move || {
                for stream in listener.incoming().flatten() {
                    let received = Arc::clone(&received);
                    std::thread::spawn(move || while receive(&stream, &received).is_some() {});
                }
            }
        });
        Self { address, received }
    }

    /// A URL on it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until this many requests have arrived, and returns each one's path and body.
    #[must_use]
    pub fn arrived(&self, count: usize) -> Vec<(String, Value)> {
        eventually(&format!("{count} requests"), || {
            let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
            (received.len() >= count).then(|| received.clone())
        })
    }
}

fn receive(stream: &TcpStream, received: &Mutex<Vec<(String, Value)>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    received.lock().unwrap_or_else(PoisonError::into_inner).push((path, body));
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}").ok()
}
