//! A child that is an HTTP server of its own, kept between calls.

mod answer;
mod client;
mod server;

use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderValue;
use http::{HeaderMap, Uri};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::output::failure;
use super::process::describe;
use super::warm::{Keeper, Lease, Rules};
use crate::context::{Context, Why};
use crate::executor::{BoxFuture, Executor, Stage};
use crate::invocation::{Call, Outcome};
use crate::protocol::{EXECUTION_ID, Failure, passed_on};
use crate::start_error::StartError;
use client::Client;
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
        let posting = post(lease, self.client.clone(), self.uri.clone(), call).in_current_span();
        let (done, answer) = oneshot::channel();
        // By itself: a client that goes away does not make the child stop, so its call goes on and
        // keeps its slot, for as long as any may.
        tokio::spawn(async move {
            let outcome = tokio::select! {
                outcome = posting => outcome,
                () = given_up(&context) => return,
            };
            // Nobody may want to know it any more.
            let _ = done.send(outcome);
        });
        tokio::spawn(async move {
            match answer.await {
                Ok(outcome) => outcome,
                // The runtime knows why, and ends this task.
                Err(_) => std::future::pending().await,
            }
        })
    }

    fn prepare(&self, stage: Stage) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(self.keeper.start(stage))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.keeper.stop())
    }

    fn is_child(&self) -> bool {
        true
    }
}

/// Waits until a call is over for everybody: its time is up, or the process stops.
async fn given_up(context: &Context) {
    if context.cancellation().wait().await == Why::ClientGone {
        match context.deadline() {
            Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
            None => std::future::pending().await,
        }
    }
}

async fn post(lease: impl Future<Output = Result<Lease, Failure>>, client: Client, uri: Uri, call: Call) -> Outcome {
    let mut lease = lease.await?;
    let (payload, limit) = (call.payload.clone(), call.output_limit);
    let headers = headers(&call.context);
    // Given up, it keeps its slot until it is known whether the child still works.
    lease.keep(call);
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
