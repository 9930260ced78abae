//! A function inside an axum server that exists already: its routes are nested under `/function`.

use std::net::Ipv4Addr;

use axum::Router;
use axum::routing::get;
use nanofaas::{App, Error, Result};

/// How many letters a text has.
async fn count(text: String) -> Result<usize> {
    Ok(text.chars().count())
}

fn router() -> Router {
    Router::new()
        .route("/", get(async || "the server that was here before\n"))
        .nest("/function", App::new(count).router())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let port = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, router()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};

    use super::*;

    fn send(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[tokio::test]
    async fn the_function_answers_beside_the_server_that_was_here_before() {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, router()).await });
        let answers = tokio::task::spawn_blocking(move || {
            let end = "host: here\r\nconnection: close\r\n";
            let body = r#"{"input":"four"}"#;
            let length = body.len();
            let invoke = format!(
                "POST /function/invoke HTTP/1.1\r\n{end}x-execution-id: e-1\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            (send(address, &format!("GET / HTTP/1.1\r\n{end}\r\n")), send(address, &invoke))
        });
        let (old, function) = answers.await.unwrap();
        assert!(old.ends_with("the server that was here before\n"), "{old}");
        assert!(function.starts_with("HTTP/1.1 200") && function.ends_with("\r\n\r\n4"), "{function}");
    }
}
