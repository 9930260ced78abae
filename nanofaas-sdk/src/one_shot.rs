//! The environment platform: one invocation from `INVOCATION_PAYLOAD`, its callback, and the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use crate::callback::Target;
use crate::config::{Config, ConfigError};
use crate::context::{Cancel, Context, Details, States};
use crate::invocation::{Answer, Caller, Invocation};
use crate::protocol::{Code, Failure, RequestBody};
use crate::runtime::Runtime;
use crate::service::Service;
use crate::shutdown::Signals;
use crate::start_error::StartError;

/// Runs the invocation of the environment; whether its callback was delivered.
///
/// A function that fails is an outcome like any other: what counts is that it was reported.
pub(crate) async fn run(mut service: Service, signals: Signals) -> Result<bool, StartError> {
    let runtime = service.runtime().clone();
    let invocation = read(service.config(), runtime.has_child())?;
    let config = Arc::clone(service.config());
    let own = config.execution_id.as_deref().zip(invocation.callback.as_ref());
    // A run that ended before its callback was delivered left it in the spool: it is not run again.
    let has_ended = runtime.open(&config, own).await?;
    let grace = service.config().shutdown_timeout;
    let stopped = async {
        signals.first_then_force().await;
        runtime.drain(grace).await;
    };
    let has_begun = AtomicBool::new(has_ended);
    let worked = async {
        if has_ended {
            tracing::info!(target: "nanofaas", execution_id = config.execution_id, "the execution has ended before: its callback is delivered");
            runtime.reported().await;
            return Ok(());
        }
        if let Err(error) = service.initialise().await {
            has_begun.store(true, Ordering::Relaxed);
            let (code, message) = told(&error);
            if runtime.has_child() {
                tracing::error!(target: "nanofaas", code = code.as_str(), error = message, "the child did not start");
            }
            report_unbegun(&runtime, &config, code, message).await;
            // The end of a child is the function's failure, and was reported like one.
            return if runtime.has_child() { Ok(()) } else { Err(error) };
        }
        has_begun.store(true, Ordering::Relaxed);
        if let Answer::Ended { .. } = runtime.invoke(invocation).await {
            runtime.reported().await;
        }
        Ok(())
    };
    tokio::select! {
        worked = worked => worked?,
        () = stopped => if !has_begun.load(Ordering::Relaxed) {
            let message = "the process stopped before the function was ready".to_owned();
            report_unbegun(&runtime, &config, Code::Cancelled, message).await;
        }
    }
    service.end().await;
    Ok(runtime.reported_so_far())
}

fn read(config: &Config, has_child: bool) -> Result<Invocation, ConfigError> {
    let payload = Bytes::from(config.invocation_payload.clone().unwrap_or_default());
    let wrong = |name: &str, failure: Failure| ConfigError::of(format!("{name}: {}", failure.message));
    let body = if has_child {
        // Any JSON, which was checked with the rest of the environment.
        Ok(RequestBody::of_payload(payload))
    } else {
        RequestBody::parse(&payload)
    };
    let body = body.map_err(|failure| wrong("INVOCATION_PAYLOAD", failure))?;
    let execution_id = config.execution_id.clone().unwrap_or_default();
    let target = target(config).map_err(|failure| wrong("CALLBACK_URL", failure))?;
    let caller = Caller { execution_id: Some(execution_id), trace_id: config.trace_id.clone(), ..Caller::default() };
    Ok(Invocation::new(caller, body, Some(target)))
}

fn target(config: &Config) -> Result<Target, Failure> {
    let (base, execution_id) = (config.callback_url.as_deref(), config.execution_id.as_deref());
    Target::new(base.unwrap_or_default(), execution_id.unwrap_or_default(), &config.callback_policy)
}

/// The control plane learns of an execution that never began, too.
async fn report_unbegun(runtime: &Runtime, config: &Config, code: Code, message: String) {
    let Ok(target) = target(config) else { return };
    let details = Details {
        execution_id: config.execution_id.clone().unwrap_or_default(),
        trace_id: config.trace_id.clone(),
        ..Details::default()
    };
    let context = Context::of(details, None, States::default(), Arc::<Cancel>::default());
    runtime.report(target, &context, &Err(Failure::new(code, message))).await;
}

/// What a start that failed is to the control plane.
fn told(error: &StartError) -> (Code, String) {
    match error {
        StartError::Child { code, message, .. } if *code == Code::Spawn.as_str() => (Code::Spawn, message.clone()),
        StartError::Child { message, .. } => (Code::Startup, message.clone()),
        _ => (Code::Startup, error.to_string()),
    }
}
