//! A child that is an HTTP server of its own, kept between calls.

pub(crate) mod answer;
mod client;
mod detached;
mod server;

use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderValue;
use http::{HeaderMap, Uri};
use tokio::task::JoinHandle;

use super::output::failure;
use super::process::describe;
use super::warm::{Keeper, Lease, Presence, Rules};
use crate::context::Context;
use crate::executor::{BoxFuture, Executor, Stage};
use crate::invocation::{Call, Outcome};
use crate::protocol::{EXECUTION_ID, Failure, passed_on};
use crate::start_error::StartError;
use client::Client;
use detached::detached;
pub(crate) use server::{Address, HttpServer};

/// How long the end of a child is waited for whose connection broke.
const END: Duration = Duration::from_millis(250);

/// Posts each call to a kept child.
pub(crate) struct HttpChild {
    keeper: Keeper,
    client: Client,
    uri: Uri,
}

impl HttpChild {
    pub(crate) fn new(server: HttpServer, rules: Rules) -> Self {
        let (client, uri) = (server.client(), server.runtime_uri());
        Self { keeper: Keeper::new(Arc::new(server), rules), client, uri }
    }
}

impl Executor for HttpChild {
    fn start(&self, call: Call) -> JoinHandle<Outcome> {
        let context = call.context.clone();
        let lease = self.keeper.lease(&context.execution_id);
        detached(context, post(lease, self.client.clone(), self.uri.clone(), call))
    }

    fn prepare(&self, stage: Stage) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            match Presence::of_each(&stage, 1).pop() {
                Some(presence) => self.keeper.start(presence).await,
                None => Ok(()),
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.keeper.stop())
    }

    fn is_child(&self) -> bool {
        true
    }
}

async fn post(lease: impl Future<Output = Result<Lease, Failure>>, client: Client, uri: Uri, call: Call) -> Outcome {
    let mut lease = lease.await?;
    let (payload, limit) = (call.payload.clone(), call.output_limit);
    let headers = headers(&call.context);
    // Given up, it keeps its slot until it is known whether the child still works.
    lease.keep(Box::new(call));
    let outcome = match client.post(uri, headers, payload, limit).await {
        Ok(answer) => answer.into_outcome(limit),
        Err(broken) => {
            let what = match tokio::time::timeout(END, lease.ended()).await {
                Ok(Some(status)) => format!("the child {} during the call", describe(status)),
                _ => format!("the connection to the child broke during the call: {broken}"),
            };
            Err(failure(what))
        }
    };
    lease.done(outcome.is_ok());
    outcome
}

/// What a child learns of a call beside its payload.
fn headers(context: &Context) -> HeaderMap {
    let mut headers = passed_on(context);
    if let Ok(id) = HeaderValue::from_bytes(context.execution_id.as_bytes()) {
        headers.insert(&EXECUTION_ID, id);
    }
    headers
}
