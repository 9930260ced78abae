//! A server with kept connections, one thread each.

use std::io::{BufRead, BufReader, Error, Read, Result};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::act::act;
use crate::answer::Answer;

const OK: u8 = 0;
const SICK: u8 = 1;
const DEAF: u8 = 2;

static HEALTH: AtomicU8 = AtomicU8::new(OK);

pub(crate) fn set_health(health: &str) {
    let health = match health {
        "sick" => SICK,
        "deaf" => DEAF,
        _ => OK,
    };
    HEALTH.store(health, Ordering::SeqCst);
}

/// Serves on `PORT` for ever; healthy once the gate's file exists.
pub(crate) fn serve(healthy_after: Option<PathBuf>) {
    let port = std::env::var("PORT").expect("PORT is set").parse().expect("PORT is a number");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("PORT is free");
    let healthy_after = Arc::new(healthy_after);
    for stream in listener.incoming().flatten() {
        let healthy_after = Arc::clone(&healthy_after);
        std::thread::spawn(move || while_kept(&stream, healthy_after.as_deref()));
    }
}

struct Request {
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn while_kept(stream: &TcpStream, healthy_after: Option<&Path>) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while let Ok(request) = read(&mut reader) {
        while HEALTH.load(Ordering::SeqCst) == DEAF {
            std::thread::park();
        }
        let answer = match request.path.as_str() {
            "/health" => {
                let healthy = HEALTH.load(Ordering::SeqCst) == OK && healthy_after.is_none_or(Path::exists);
                Answer::status(if healthy { 200 } else { 503 })
            }
            "/invoke" => act(&request.body, &request.headers),
            _ => Answer::status(404),
        };
        if !answer.write_http(&mut &*stream).unwrap_or(false) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Result<Request> {
    let start = line(reader)?;
    let mut headers = Vec::new();
    loop {
        let line = line(reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let mut body = Vec::new();
    if header("transfer-encoding") == Some("chunked") {
        loop {
            let length = u64::from_str_radix(&line(reader)?, 16).map_err(Error::other)?;
            reader.by_ref().take(length).read_to_end(&mut body)?;
            line(reader)?;
            if length == 0 {
                break;
            }
        }
    } else if let Some(length) = header("content-length") {
        body.resize(length.parse().map_err(Error::other)?, 0);
        reader.read_exact(&mut body)?;
    }
    let path = start.split(' ').nth(1).unwrap_or_default().to_owned();
    Ok(Request { path, headers, body })
}

fn line(reader: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    match reader.read_line(&mut line)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}
