//! Behaves as its input asks, to try out a platform:
//!
//! | key | effect |
//! |---|---|
//! | `sleep_ms` N | waits |
//! | `spin_ms` N | burns CPU without yielding |
//! | `fail` true or a message, `code`, `status` | fails |
//! | `panic` true or a message | panics |
//! | `blob_bytes` N | answers `{"blob": "xxx…"}` |
//! | `respond` `{"status", "headers"}` | answers with these |
//! | `context` true | answers what the function knows of its invocation |
//!
//! `sleep_ms` and `spin_ms` come first and go with any other. Anything else is echoed.

use std::time::{Duration, Instant};

use nanofaas::{Context, Error, Response, Result, Value, json};

#[nanofaas::handler]
async fn handle(input: Value, context: Context) -> Result<Response<Value>> {
    if let Some(pause) = milliseconds(&input, "sleep_ms") {
        tokio::time::sleep(pause).await;
    }
    if let Some(time) = milliseconds(&input, "spin_ms") {
        let start = Instant::now();
        while start.elapsed() < time {
            std::hint::spin_loop();
        }
    }
    if let Some(message) = asked(&input, "fail", "the probe was asked to fail") {
        return Err(failure(&input, message));
    }
    if let Some(message) = asked(&input, "panic", "the probe was asked to panic") {
        panic!("{message}");
    }
    if let Some(bytes) = input["blob_bytes"].as_u64() {
        let bytes = usize::try_from(bytes)?;
        let mut blob = String::new();
        // More than there is becomes an error, where `repeat` would end the process.
        blob.try_reserve_exact(bytes)?;
        blob.extend(std::iter::repeat_n('x', bytes));
        return Ok(Response::new(json!({ "blob": blob })));
    }
    if input["context"] == true {
        return Ok(Response::new(json!({ "context": describe(&context) })));
    }
    Ok(respond(&input))
}

fn milliseconds(input: &Value, key: &str) -> Option<Duration> {
    input[key].as_u64().map(Duration::from_millis)
}

/// The message under `key`, or the standard one where it is just `true`.
fn asked<'a>(input: &'a Value, key: &str, standard: &'a str) -> Option<&'a str> {
    match &input[key] {
        Value::Bool(true) => Some(standard),
        Value::String(message) => Some(message),
        _ => None,
    }
}

fn failure(input: &Value, message: &str) -> Error {
    let error = match input["code"].as_str() {
        Some(code) => Error::new(code.to_owned(), message),
        None => Error::msg(message),
    };
    match input["status"].as_u64().and_then(|status| u16::try_from(status).ok()) {
        Some(status) => error.status(status),
        None => error,
    }
}

fn describe(context: &Context) -> Value {
    json!({
        "execution_id": context.execution_id,
        "trace_id": context.trace_id,
        "dispatch_attempt": context.dispatch_attempt,
        "metadata": context.metadata,
        "headers": context.headers,
        "cold_start": context.cold_start,
        "remaining_ms": u64::try_from(context.remaining().as_millis()).unwrap_or(u64::MAX),
    })
}

/// The echo, with the status and headers that were asked for.
fn respond(input: &Value) -> Response<Value> {
    let asked = &input["respond"];
    let mut response = Response::new(json!({ "echo": input }));
    if !asked.is_object() {
        return response;
    }
    let status = asked["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    response = response.status(status.unwrap_or(200));
    for (name, value) in asked["headers"].as_object().into_iter().flatten() {
        response = response.header(name, value.as_str().unwrap_or_default());
    }
    response
}

nanofaas::main!();
