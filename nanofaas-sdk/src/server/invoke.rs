//! `POST /invoke`.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderMap;

use super::head::Head;
use super::{Server, body, respond};
use crate::invocation::{Answer, Invocation};
use crate::protocol::{Failure, RequestBody};
use crate::telemetry;

pub(super) async fn invoke(State(server): State<Server>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (head, read) = match Head::read(&parts.headers, &server.config) {
        Ok(head) => {
            let read = invocation(&server, &head, &parts.headers, body).await;
            (head, read)
        }
        Err(failure) => (Head::default(), Err(failure)),
    };
    let answer = match read {
        Ok(invocation) => server.runtime.invoke(invocation).await,
        Err(failure) => Answer::Refused(failure),
    };
    if let Answer::Refused(failure) = &answer {
        server.runtime.metrics.refused(&failure.code);
        let Head { execution_id, trace_id, dispatch_attempt, .. } = &head;
        telemetry::log_refusal(execution_id.as_deref(), trace_id.as_deref(), dispatch_attempt.as_deref(), failure);
    }
    respond::answer(answer)
}

async fn invocation(server: &Server, head: &Head, headers: &HeaderMap, body: Body) -> Result<Invocation, Failure> {
    let config = &server.config;
    // The body comes first: an answer before it would end the connection of a client that is
    // still sending.
    let body = body::read(headers, body, config.max_input_bytes, config.body_read_timeout).await?;
    server.runtime.check_open()?;
    let (execution_id, callback) = head.identity(config)?;
    let RequestBody { input, metadata, headers } = RequestBody::parse(&body)?;
    Ok(Invocation {
        execution_id,
        trace_id: head.trace_id.clone(),
        traceparent: head.traceparent.clone(),
        dispatch_attempt: head.dispatch_attempt.clone(),
        input,
        metadata,
        headers,
        callback,
    })
}
