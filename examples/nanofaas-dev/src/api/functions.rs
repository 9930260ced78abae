//! `/v1/functions`: which functions there are.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use http::StatusCode;

use super::{Refusal, json};
use crate::console::Event;
use crate::functions::{Function, FunctionSpec, Registration};
use crate::platform::Platform;

/// `GET /v1/functions`: all specs, by name.
pub(super) async fn list(State(platform): State<Arc<Platform>>) -> Response {
    let functions = platform.functions.all();
    let specs: Vec<&FunctionSpec> = functions.iter().map(|function| &function.spec).collect();
    json(StatusCode::OK, &specs)
}

/// `POST /v1/functions`: 201 and the spec.
pub(super) async fn register(
    State(platform): State<Arc<Platform>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let asked: Registration = serde_json::from_slice(&body?)
        .map_err(|error| Refusal::invalid(format!("the body is not a function's spec: {error}")))?;
    let spec = FunctionSpec::try_from(asked).map_err(Refusal::invalid)?;
    let function = platform.functions.add(Function::remote(spec)).map_err(|known| {
        let message = format!("there is a function `{}` already, at {}", known.name(), known.spec.endpoint_url);
        Refusal::new(StatusCode::CONFLICT, "FUNCTION_EXISTS", message)
    })?;
    platform.console.show(function.name(), &Event::Registered { url: &function.spec.endpoint_url });
    Ok(json(StatusCode::CREATED, &function.spec))
}
