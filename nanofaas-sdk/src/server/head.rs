//! What the headers of a request say, with the environment behind them.

use http::{HeaderMap, HeaderName};

use crate::callback::Target;
use crate::config::Config;
use crate::protocol::{CALLBACK_URL, Code, DISPATCH_ATTEMPT, EXECUTION_ID, Failure, TRACE_ID, TRACEPARENT, present};

/// The identity of an invocation as it was sent.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) execution_id: Option<String>,
    pub(super) trace_id: Option<String>,
    pub(super) traceparent: Option<String>,
    pub(super) dispatch_attempt: Option<String>,
    callback_url: Option<String>,
}

impl Head {
    pub(super) fn read(headers: &HeaderMap, config: &Config) -> Result<Self, Failure> {
        let or = |sent: Option<String>, configured: &Option<String>| sent.or_else(|| configured.clone());
        Ok(Self {
            execution_id: or(text(headers, &EXECUTION_ID)?, &config.execution_id),
            trace_id: or(text(headers, &TRACE_ID)?, &config.trace_id),
            traceparent: text(headers, &TRACEPARENT)?,
            dispatch_attempt: text(headers, &DISPATCH_ATTEMPT)?,
            callback_url: or(text(headers, &CALLBACK_URL)?, &config.callback_url),
        })
    }

    /// The execution's id and where its end is reported.
    pub(super) fn identity(&self, config: &Config) -> Result<(String, Option<Target>), Failure> {
        let Some(execution_id) = self.execution_id.clone() else {
            return Err(Failure::new(Code::ExecutionIdRequired, "No execution ID provided"));
        };
        let target = self.callback_url.as_deref().map(|url| Target::new(url, &execution_id, &config.callback_policy));
        Ok((execution_id, target.transpose()?))
    }
}

/// A header's value, trimmed; blank is absent.
fn text(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Failure> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    match std::str::from_utf8(value.as_bytes()) {
        Ok(value) => Ok(present(value).map(str::to_owned)),
        Err(_) => Err(Failure::new(Code::InvalidRequest, format!("the header {name} is not UTF-8"))),
    }
}
