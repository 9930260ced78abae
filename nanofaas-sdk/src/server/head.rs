//! What the headers of a request say, with the environment behind them.

use http::{HeaderMap, HeaderName};

use crate::callback::Target;
use crate::config::Config;
use crate::invocation::Caller;
use crate::protocol::{CALLBACK_URL, Code, DISPATCH_ATTEMPT, EXECUTION_ID, Failure, TRACE_ID, TRACEPARENT, present};

/// Who calls, as it was sent. What cannot be read stays absent, and the rest is there for the log.
pub(crate) fn read(headers: &HeaderMap, config: &Config, caller: &mut Caller) -> Result<(), Failure> {
    caller.execution_id = text(headers, &EXECUTION_ID)?.or_else(|| config.execution_id.clone());
    caller.trace_id = text(headers, &TRACE_ID)?.or_else(|| config.trace_id.clone());
    caller.traceparent = text(headers, &TRACEPARENT)?;
    caller.dispatch_attempt = text(headers, &DISPATCH_ATTEMPT)?;
    Ok(())
}

/// Where the end of the invocation is reported; `given` stands before headers and environment.
pub(crate) fn callback(
    headers: &HeaderMap,
    config: &Config,
    caller: &Caller,
    given: Option<&str>,
) -> Result<Option<Target>, Failure> {
    let Some(execution_id) = &caller.execution_id else {
        return Err(Failure::new(Code::ExecutionIdRequired, "No execution ID provided"));
    };
    let sent = text(headers, &CALLBACK_URL)?;
    let url = given.or(sent.as_deref()).or(config.callback_url.as_deref());
    url.map(|url| Target::new(url, execution_id, &config.callback_policy)).transpose()
}

/// A header's value, trimmed; blank is absent.
fn text(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Failure> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.any(|other| other != value) {
        return Err(Failure::new(
            Code::InvalidRequest,
            format!("the header {name} is sent twice with different values"),
        ));
    }
    match std::str::from_utf8(value.as_bytes()) {
        Ok(value) => Ok(present(value).map(str::to_owned)),
        Err(_) => Err(Failure::new(Code::InvalidRequest, format!("the header {name} is not UTF-8"))),
    }
}
