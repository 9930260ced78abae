//! One invocation as plain data: what came in, and what came out. Knows neither HTTP nor processes.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::callback::Target;
use crate::context::Context;
use crate::protocol::{FUNCTION_HEADERS, Failure, RequestBody};
use crate::runtime::Hold;

/// What a platform asks the runtime to do.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) caller: Caller,
    pub(crate) body: RequestBody,
    /// Where the end is reported; `None` reports nowhere.
    pub(crate) callback: Option<Target>,
    /// How long it may run, where that is not the process's own limit.
    pub(crate) timeout: Option<Duration>,
    /// What a platform of the executor's own hands to it beside the body.
    pub(crate) brought: Option<Brought>,
}

/// Something that only a platform and its executor know.
pub(crate) type Brought = Arc<dyn Any + Send + Sync>;

/// On whose behalf: the ids that every log line and the callback carry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// Absent only where the request is refused for that.
    pub(crate) execution_id: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) traceparent: Option<String>,
    pub(crate) dispatch_attempt: Option<String>,
}

impl Invocation {
    pub(crate) fn new(caller: Caller, body: RequestBody, callback: Option<Target>) -> Self {
        Self { caller, body, callback, timeout: None, brought: None }
    }
}

/// An admitted invocation in the hands of an executor.
///
/// The function's slot is free again when this is dropped, so an executor keeps it until the last
/// of its work has really ended, also after the answer was given up on.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) context: Context,
    /// JSON text.
    pub(crate) input: Bytes,
    /// The whole request that the input is part of, as it was sent: what a child gets.
    #[cfg_attr(not(feature = "watchdog"), expect(dead_code, reason = "only children get it"))]
    pub(crate) payload: Bytes,
    #[cfg_attr(not(feature = "kernel"), expect(dead_code, reason = "only kernels have a platform of their own"))]
    pub(crate) brought: Option<Brought>,
    /// Bytes of JSON that the output may take.
    pub(crate) output_limit: usize,
    pub(crate) _hold: Hold,
}

/// How an invocation ended.
pub(crate) type Outcome = Result<Output, Failure>;

/// A successful end: JSON text, and status and headers where the function chose them.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    json: Bytes,
    head: Option<Box<Head>>,
}

/// Status and headers of the function's own choice.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// How the output stands in JSON, such as `base64`; the control plane undoes it.
    pub(crate) encoding: Option<String>,
}

impl Head {
    /// What a function asked for. A status that it may not choose is its mistake, which the error
    /// names; headers that it may not set are dropped.
    pub(crate) fn new<'a>(status: u16, asked: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, String> {
        let known = StatusCode::from_u16(status).ok().filter(|_| (200..600).contains(&status));
        let status =
            known.ok_or_else(|| format!("the function answered with the status {status}, which is not 200 to 599"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in asked {
            let passing = HeaderName::try_from(name).ok().filter(|name| FUNCTION_HEADERS.contains(&name.as_str()));
            match (passing, HeaderValue::from_bytes(value)) {
                (Some(name), Ok(value)) => {
                    headers.append(name, value);
                }
                _ => {
                    tracing::warn!(target: "nanofaas", header = %name, "a header of the function's answer was dropped");
                }
            }
        }
        Ok(Self { status, headers, encoding: None })
    }
}

impl Output {
    /// `json` is one JSON value: executors see to that.
    pub(crate) fn new(json: Bytes, head: Option<Head>) -> Self {
        Self { json, head: head.map(Box::new) }
    }

    pub(crate) fn json(&self) -> &Bytes {
        &self.json
    }

    pub(crate) fn head(&self) -> Option<&Head> {
        self.head.as_deref()
    }

    pub(crate) fn into_parts(self) -> (Bytes, Option<Head>) {
        (self.json, self.head.map(|head| *head))
    }
}

/// What a platform answers.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The invocation was turned away before the function.
    Refused(Failure),
    /// The invocation ran.
    Ended {
        outcome: Outcome,
        /// How long the process took to become ready, on the first answer only.
        cold_start: Option<Duration>,
    },
}

/// The two values that tell one run of an execution from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RunId {
    pub(crate) execution_id: Arc<str>,
    pub(crate) dispatch_attempt: Option<Arc<str>>,
}
