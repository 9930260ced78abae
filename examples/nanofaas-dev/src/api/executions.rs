//! `GET /v1/executions/{id}`: the state of an execution.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::{Refusal, json};
use crate::platform::Platform;

pub(super) async fn show(State(platform): State<Arc<Platform>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let execution = platform.executions.get(&id).ok_or_else(|| {
        let message = format!("there is no execution `{id}`, or it is forgotten: only the last ones are remembered");
        Refusal::new(StatusCode::NOT_FOUND, "EXECUTION_NOT_FOUND", message)
    })?;
    Ok(json(StatusCode::OK, &execution.record()))
}
