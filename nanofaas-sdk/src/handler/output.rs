//! What a handler's result becomes.

use std::io::{self, Write};
use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;

use super::FunctionError;
use super::argument::{CallInput, Rejection};
use crate::invocation::{Head, Output};
use crate::protocol::{Code, Failure};
use crate::schema::Probe;

/// An output with a status and headers of the function's own choice.
///
/// ```
/// use nanofaas::{Response, Result};
///
/// fn handle(name: String) -> Result<Response<String>> {
///     Ok(Response::new(name).status(201).header("location", "/names/7"))
/// }
/// ```
///
/// The status is 200 to 599. Of the headers `content-type`, `location`, `cache-control`, `etag`,
/// `content-disposition`, `content-language`, `retry-after` and `vary` reach the caller; others are
/// dropped, with a line in the log. The callback is a success that carries both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<T> {
    value: T,
    status: Option<u16>,
    headers: Vec<(String, String)>,
}

impl<T> Response<T> {
    /// An output like any other, until a status or a header is set.
    pub fn new(value: T) -> Self {
        Self { value, status: None, headers: Vec::new() }
    }

    /// Answers with this status, 200 to 599; anything else becomes an error of the function.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The output.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The status.
    pub fn status_code(&self) -> u16 {
        self.status.unwrap_or(200)
    }

    /// What the function chose; `None` where it left everything as it is.
    fn head(&self) -> Result<Option<Head>, Failure> {
        if self.status.is_none() && self.headers.is_empty() {
            return Ok(None);
        }
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let head = Head::new(self.status_code(), headers);
        head.map(Some).map_err(|message| Failure::new(Code::HandlerError, message))
    }
}

/// What a handler may return: a [`Result`].
#[diagnostic::on_unimplemented(
    message = "a handler returns a `Result`, not `{Self}`",
    label = "expected `nanofaas::Result<T>` or `Result<T, E>`",
    note = "wrap the value: `-> nanofaas::Result<{Self}>` and `Ok(..)`"
)]
pub trait IntoResult {
    /// The output.
    type Ok;
    /// The error.
    type Err;
    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Ok, Self::Err>;
}

#[diagnostic::do_not_recommend]
impl<T, E> IntoResult for Result<T, E> {
    type Ok = T;
    type Err = E;

    fn into_result(self) -> Self {
        self
    }
}

/// The output of a handler: any `Serialize` type, or a [`Response`] of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a handler's output",
    label = "cannot be written as JSON",
    note = "derive it: `#[derive(serde::Serialize)]` above `{Self}`, or above the type that it holds"
)]
pub trait IntoOutput {
    #[doc(hidden)]
    fn into_output(self, limit: usize) -> Result<Produced, Rejection>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize> IntoOutput for T {
    fn into_output(self, limit: usize) -> Result<Produced, Rejection> {
        let json = write(&self, limit).map_err(Rejection)?;
        Ok(Produced(Output::new(json, None)))
    }
}

#[diagnostic::do_not_recommend]
impl<T: Serialize> IntoOutput for Response<T> {
    fn into_output(self, limit: usize) -> Result<Produced, Rejection> {
        let head = self.head().map_err(Rejection)?;
        let json = write(&self.value, limit).map_err(Rejection)?;
        Ok(Produced(Output::new(json, head)))
    }
}

/// A finished output, as generated code passes it on.
#[doc(hidden)]
#[derive(Debug)]
pub struct Produced(pub(crate) Output);

/// What the handler returned, as a [`Result`]. `T` and `E` are parameters so that they stay unknown
/// where `R` is no `Result`, and the compiler has nothing more to say of them.
#[doc(hidden)]
pub fn into_result<R: IntoResult<Ok = T, Err = E>, T, E>(returned: R) -> Result<T, E> {
    returned.into_result()
}

/// Asks for the schema of the handler's output.
#[doc(hidden)]
#[must_use]
pub fn probe_ok<R, T, E>(_into_result: fn(R) -> Result<T, E>) -> Probe<T> {
    Probe(PhantomData)
}

/// Turns the handler's value into the output.
#[doc(hidden)]
pub fn output<T: IntoOutput>(value: T, call: &CallInput) -> Result<Produced, Rejection> {
    value.into_output(call.0.output_limit)
}

/// Turns the handler's error into the failure.
#[doc(hidden)]
#[expect(clippy::needless_pass_by_value, reason = "generated code hands the error over")]
pub fn failure<E: FunctionError>(error: E) -> Rejection {
    Rejection(super::error::into_failure(&error))
}

/// Writes JSON, and stops at the limit instead of after the memory is gone.
fn write(value: &impl Serialize, limit: usize) -> Result<Bytes, Failure> {
    let mut bounded = Bounded { bytes: Vec::with_capacity(64), limit, exceeded: false };
    let written = serde_json::to_writer(&mut bounded, value);
    if bounded.exceeded {
        return Err(Failure::output_too_large(limit));
    }
    written.map_err(|error| {
        Failure::new(Code::OutputSerialization, format!("the output cannot be written as JSON: {error}"))
    })?;
    Ok(bounded.bytes.into())
}

struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    exceeded: bool,
}

impl Write for Bounded {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + part.len() > self.limit {
            self.exceeded = true;
            return Err(io::Error::other("limit"));
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_may_be_as_large_as_the_limit_and_no_larger() {
        assert_eq!(write(&"abc", 5).unwrap(), "\"abc\"");
        assert_eq!(write(&"abcd", 5).unwrap_err().code, "RUNTIME_OUTPUT_TOO_LARGE");
    }

    #[test]
    fn an_output_that_json_cannot_hold_is_a_failure() {
        let keys = std::collections::HashMap::from([((1, 2), 3)]);
        assert_eq!(write(&keys, 100).unwrap_err().code, "OUTPUT_SERIALIZATION_ERROR");
    }

    #[test]
    fn only_known_headers_and_statuses_pass() {
        let head = Response::new(()).status(201).header("Location", "/x").header("x-own", "1").header("etag", "a\nb");
        let head = head.head().unwrap().unwrap();
        assert_eq!((head.status.as_u16(), head.headers.len()), (201, 1));
        assert!(Response::new(()).head().unwrap().is_none());
        for status in [0, 199, 600] {
            assert_eq!(Response::new(()).status(status).head().unwrap_err().code, "HANDLER_ERROR");
        }
    }
}
