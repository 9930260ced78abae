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
