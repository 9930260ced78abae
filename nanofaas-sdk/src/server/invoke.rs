//! `POST /invoke`.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;

use super::{Server, body, head, respond};
use crate::invocation::{Answer, Caller, Invocation};
#[cfg(feature = "watchdog")]
use crate::protocol::{Envelope, Form};
use crate::protocol::{Failure, RequestBody};

pub(super) async fn invoke(State(server): State<Server>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut caller = Caller::default();
    match read(&server, &parts.headers, body, &mut caller).await {
        Ok(body) => server.invoke(&parts.headers, caller, &body).await,
        Err(failure) => respond::answer(server.runtime.refuse(&caller, failure)),
    }
}

/// Reads the request. The caller is left behind for the log, whatever comes of the rest.
async fn read(server: &Server, headers: &HeaderMap, body: Body, caller: &mut Caller) -> Result<Bytes, Failure> {
    let config = &server.config;
    let known = head::read(headers, config, caller);
    // The body comes first: an answer before it would end the connection of a client that is
    // still sending.
    let body = body::read(headers, body, config.max_input_bytes, config.body_read_timeout).await?;
    known?;
    server.runtime.check_open()?;
    Ok(body)
}

impl Server {
    #[cfg(not(feature = "watchdog"))]
    async fn invoke(&self, headers: &HeaderMap, caller: Caller, body: &Bytes) -> Response {
        respond::answer(self.invoke_plain(headers, caller, RequestBody::parse(body)).await)
    }

    #[cfg(feature = "watchdog")]
    async fn invoke(&self, headers: &HeaderMap, caller: Caller, body: &Bytes) -> Response {
        if !self.runtime.has_child() {
            return respond::answer(self.invoke_plain(headers, caller, RequestBody::parse(body)).await);
        }
        match Envelope::parse(body) {
            Ok(Form::Envelope(envelope)) => respond::enveloped(self.invoke_envelope(headers, caller, envelope).await),
            Ok(Form::Plain(body)) => respond::answer(self.invoke_plain(headers, caller, Ok(body)).await),
            Err(failure) => respond::answer(self.invoke_plain(headers, caller, Err(failure)).await),
        }
    }

    /// The ids stand in headers.
    async fn invoke_plain(&self, headers: &HeaderMap, caller: Caller, body: Result<RequestBody, Failure>) -> Answer {
        let asked = head::callback(headers, &self.config, &caller, None)
            .and_then(|callback| Ok(Invocation::new(caller.clone(), body?, callback)));
        match asked {
            Ok(invocation) => self.runtime.invoke(invocation).await,
            Err(failure) => self.runtime.refuse(&caller, failure),
        }
    }

    /// The ids stand in the body; what it leaves out is taken from headers.
    #[cfg(feature = "watchdog")]
    async fn invoke_envelope(
        &self,
        headers: &HeaderMap,
        mut caller: Caller,
        envelope: Result<Envelope, Failure>,
    ) -> Answer {
        let envelope = match envelope {
            Ok(envelope) => envelope,
            Err(failure) => return self.runtime.refuse(&caller, failure),
        };
        caller.execution_id = envelope.execution_id.or(caller.execution_id);
        caller.trace_id = envelope.trace_id.or(caller.trace_id);
        match head::callback(headers, &self.config, &caller, envelope.callback_url.as_deref()) {
            Ok(callback) => {
                let mut invocation = Invocation::new(caller, envelope.body, callback);
                invocation.timeout = envelope.timeout;
                self.runtime.invoke(invocation).await
            }
            Err(failure) => self.runtime.refuse(&caller, failure),
        }
    }
}
