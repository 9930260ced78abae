//! Logs: one line per invocation, and the ids on every line in between.

mod writer;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::context::Context;
use crate::invocation::{Caller, Outcome};
use crate::panic;
use crate::protocol::Failure;
use writer::LogWriter;

/// The filter of a server.
pub(crate) const SERVING: &str = "info";
/// The filter of a single run on the command line, which prints its outcome itself.
pub(crate) const RUNNING_ONCE: &str = "warn,nanofaas=error";

/// Logs to stderr: readable on a terminal, JSON elsewhere. `RUST_LOG` chooses what.
///
/// A subscriber that the program installed before stays.
pub(crate) fn init(default: &str) {
    let asked = std::env::var("RUST_LOG").ok().filter(|text| !text.trim().is_empty());
    let (filter, refused) = match asked.as_deref().map(str::parse::<Targets>) {
        None => (None, None),
        Some(Ok(filter)) => (Some(filter), None),
        Some(Err(error)) => (None, Some(error)),
    };
    let filter = filter.unwrap_or_else(|| default.parse().unwrap_or_default());
    let terminal = std::io::stderr().is_terminal();
    let writer = Arc::new(LogWriter::new(!terminal));
    let layer: Box<dyn Layer<Registry> + Send + Sync> = if terminal {
        Box::new(fmt::layer().with_writer(writer).with_target(false))
    } else {
        let json = fmt::layer().with_writer(writer).json().flatten_event(true);
        Box::new(json.with_current_span(true).with_span_list(false))
    };
    let installed = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    if installed.is_ok() {
        log_panics();
    }
    if let Some(reason) = refused {
        tracing::warn!(target: "nanofaas", %reason, "RUST_LOG is not understood and ignored: write it like `info,my_crate=debug`");
    }
}

/// A panic becomes a log line with the ids of its invocation.
fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let error = panic::text(info.payload());
        tracing::error!(target: "nanofaas", %place, error, "panic");
    }));
}

/// The line of an invocation that ran. Nothing of the payload is in it.
pub(crate) fn log_invocation(context: &Context, outcome: &Outcome, duration: Duration) {
    let execution_id = context.execution_id.as_str();
    let trace_id = context.trace_id.as_deref();
    let attempt = context.dispatch_attempt.as_deref();
    let duration_ms = milliseconds(duration);
    match outcome {
        Ok(output) => {
            let status = output.head().map_or(200, |head| head.status.as_u16());
            tracing::info!(target: "nanofaas", execution_id, trace_id, attempt, status, code = "OK", duration_ms, "invocation");
        }
        Err(Failure { code, status, .. }) => {
            let error = outcome.as_ref().err().map(Failure::log_text);
            let code = code.as_ref();
            tracing::warn!(target: "nanofaas", execution_id, trace_id, attempt, status, code, duration_ms, error, "invocation");
        }
    }
}

/// The line of a request that was turned away before the function.
pub(crate) fn log_refusal(caller: &Caller, failure: &Failure) {
    let Failure { code, status, .. } = failure;
    let (code, error) = (code.as_ref(), failure.log_text());
    let execution_id = caller.execution_id.as_deref();
    let (trace_id, attempt) = (caller.trace_id.as_deref(), caller.dispatch_attempt.as_deref());
    tracing::warn!(target: "nanofaas", execution_id, trace_id, attempt, status, code, error, "invocation refused");
}

/// Milliseconds with three digits after the point.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
