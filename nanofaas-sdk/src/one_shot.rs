//! The environment platform: one invocation from `INVOCATION_PAYLOAD`, its callback, and the end.

use bytes::Bytes;

use crate::callback::Target;
use crate::config::{Config, ConfigError};
use crate::context::{Cancel, Context, Details, States};
use crate::invocation::{Caller, Invocation};
use crate::protocol::{Code, Failure, RequestBody};
use crate::runtime::Runtime;
use crate::service::Service;
use crate::shutdown::Signals;
use crate::start_error::StartError;

/// Runs the invocation of the environment; whether its callback was delivered.
///
/// A function that fails is an outcome like any other: what counts is that it was reported.
pub(crate) async fn run(mut service: Service, signals: Signals) -> Result<bool, StartError> {
    let invocation = read(service.config())?;
    let runtime = service.runtime().clone();
    let grace = service.config().shutdown_timeout;
    let stopped = async {
        signals.first_then_force().await;
        runtime.drain(grace).await;
    };
    let worked = async {
        if let Err(error) = service.initialise().await {
            report_failed_start(&runtime, invocation, &error).await;
            return Err(error);
        }
        runtime.invoke(invocation).await;
        runtime.callbacks_settled().await;
        Ok(())
    };
    tokio::select! {
        worked = worked => worked?,
        () = stopped => {}
    }
    service.end().await;
    Ok(runtime.metrics.delivered_callbacks() > 0)
}

fn read(config: &Config) -> Result<Invocation, ConfigError> {
    let payload = config.invocation_payload.clone().unwrap_or_default();
    let wrong = |name: &str, failure: Failure| ConfigError::of(format!("{name}: {}", failure.message));
    let body = RequestBody::parse(&Bytes::from(payload)).map_err(|failure| wrong("INVOCATION_PAYLOAD", failure))?;
    let execution_id = config.execution_id.clone().unwrap_or_default();
    let base = config.callback_url.as_deref().unwrap_or_default();
    let target =
        Target::new(base, &execution_id, &config.callback_policy).map_err(|failure| wrong("CALLBACK_URL", failure))?;
    let caller = Caller { execution_id: Some(execution_id), trace_id: config.trace_id.clone(), ..Caller::default() };
    Ok(Invocation::new(caller, body, Some(target)))
}

/// The control plane learns of an execution that never began, too.
async fn report_failed_start(runtime: &Runtime, invocation: Invocation, error: &StartError) {
    let Some(target) = invocation.callback else { return };
    let Caller { execution_id, trace_id, .. } = invocation.caller;
    let details = Details { execution_id: execution_id.unwrap_or_default(), trace_id, ..Details::default() };
    let context = Context::of(details, None, States::default(), std::sync::Arc::<Cancel>::default());
    let failure = Failure::new(Code::Startup, error.to_string());
    runtime.report(target, &context, &Err(failure)).await;
}
