//! `POST /invoke`.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderMap;

use super::{Server, body, head, respond};
use crate::callback::Target;
use crate::invocation::{Caller, Invocation};
use crate::protocol::{Failure, RequestBody};

pub(super) async fn invoke(State(server): State<Server>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut caller = Caller::default();
    let answer = match read(&server, &parts.headers, body, &mut caller).await {
        Ok((body, callback)) => server.runtime.invoke(Invocation::new(caller, body, callback)).await,
        Err(failure) => server.runtime.refuse(&caller, failure),
    };
    respond::answer(answer)
}

/// Reads the request. The caller is left behind for the log, whatever comes of the rest.
async fn read(
    server: &Server,
    headers: &HeaderMap,
    body: Body,
    caller: &mut Caller,
) -> Result<(RequestBody, Option<Target>), Failure> {
    let config = &server.config;
    let known = head::read(headers, config, caller);
    // The body comes first: an answer before it would end the connection of a client that is
    // still sending.
    let body = body::read(headers, body, config.max_input_bytes, config.body_read_timeout).await?;
    known?;
    server.runtime.check_open()?;
    let callback = head::callback(headers, config, caller)?;
    Ok((RequestBody::parse(&body)?, callback))
}
