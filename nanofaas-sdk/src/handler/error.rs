//! Errors with a code and a status.

use std::borrow::Cow;
use std::fmt::{self, Display};

use crate::protocol::{Code, Failure};

/// The result of a handler; both types have a default, so that `Result` alone is a JSON value or
/// an [`Error`].
pub type Result<T = serde_json::Value, E = Error> = std::result::Result<T, E>;

/// An error that a handler returns: what the caller reads, under which code and status.
///
/// Derive it for an enum that has one variant per thing that can go wrong:
///
/// ```
/// #[derive(Debug, thiserror::Error, nanofaas::FunctionError)]
/// enum OrderError {
///     #[error("no item `{0}`")]
///     #[response(status = 404)]
///     UnknownItem(String),
///     #[error("only {left} left")]
///     #[response(status = 409, code = "SOLD_OUT")]
///     OutOfStock { left: u32 },
/// }
///
/// use nanofaas::FunctionError;
/// let error = OrderError::UnknownItem("ink".into());
/// assert_eq!((error.code(), error.status()), ("UNKNOWN_ITEM", 404));
/// ```
///
/// The message on the wire is the error's [`Display`]; the log has its whole source chain.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error a handler can return",
    label = "no error code and HTTP status are known for `{Self}`",
    note = "if it is your type, add `#[derive(nanofaas::FunctionError)]` to `{Self}`",
    note = "or return `nanofaas::Result<T>`, whose error takes any `std::error::Error` through `?`, and a text through `nanofaas::Error::msg(..)`"
)]
pub trait FunctionError: Display {
    /// What programs tell errors apart by, in `SCREAMING_SNAKE_CASE`.
    fn code(&self) -> &str;

    /// The HTTP status of the answer: 400 to 599, else it is answered as 500. Default 500.
    fn status(&self) -> u16 {
        500
    }

    /// The error's cause, for the log.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }
}

/// Any error, with a code and a status.
///
/// `?` turns every [`std::error::Error`] into one with the code `HANDLER_ERROR` and the status 500.
/// [`Error::new`] gives a code of one's own:
///
/// ```
/// use nanofaas::{Error, Result};
///
/// fn handle(quantity: String) -> Result<u32> {
///     let quantity: u32 = quantity.parse()?;
///     if quantity > 3 {
///         return Err(Error::new("SOLD_OUT", "only 3 left").status(409));
///     }
///     Ok(quantity)
/// }
///
/// assert_eq!(handle("9".into()).unwrap_err().code(), "SOLD_OUT");
/// assert_eq!(handle("x".into()).unwrap_err().code(), "HANDLER_ERROR");
/// ```
///
/// Like other errors of this kind it does not implement [`std::error::Error`] itself, since it is
/// made from all that do.
pub struct Error {
    code: Cow<'static, str>,
    status: u16,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with a code of its own and the status 500.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Display) -> Self {
        Self { code: code.into(), status: 500, message: message.to_string(), source: None }
    }

    /// An error without a code of its own: `HANDLER_ERROR`, 500.
    pub fn msg(message: impl Display) -> Self {
        Self::new(Code::HandlerError.as_str(), message)
    }

    /// Answers with this HTTP status, 400 to 599; anything else is answered as 500.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// What programs tell errors apart by.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        self.status
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self { source: Some(Box::new(error)), ..Self::msg("") }
    }
}

impl Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => source.fmt(formatter),
            None => formatter.write_str(&self.message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, chain(self))
    }
}

#[diagnostic::do_not_recommend]
impl FunctionError for Error {
    fn code(&self) -> &str {
        &self.code
    }

    fn status(&self) -> u16 {
        self.status
    }

    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref()?.source()
    }
}

/// `top: cause: cause of the cause`.
fn chain(error: &(impl FunctionError + ?Sized)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let cause = source.to_string();
        // Many errors repeat their cause in their own text.
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = source.source();
    }
    text
}

/// The failure that an author's error becomes.
pub(super) fn into_failure(error: &impl FunctionError) -> Failure {
    let (code, status) = (error.code(), error.status());
    Failure {
        code: if code.trim().is_empty() { Code::HandlerError.as_str().into() } else { code.to_owned().into() },
        status: if (400..600).contains(&status) { status } else { Code::HandlerError.status() },
        message: error.to_string(),
        log: Some(chain(error)),
        retryable: false,
        retry_after: None,
        closes: false,
    }
}

/// Finds an error's source where its type implements [`std::error::Error`], and none where it only
/// implements [`Display`]: the method of the more direct receiver wins.
#[doc(hidden)]
#[derive(Debug)]
pub struct Chain<'a, E>(pub &'a E);

#[doc(hidden)]
pub trait WithSource<'a> {
    fn source_of(&self) -> Option<&'a (dyn std::error::Error + 'static)>;
}

impl<'a, E: std::error::Error> WithSource<'a> for Chain<'a, E> {
    fn source_of(&self) -> Option<&'a (dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

#[doc(hidden)]
pub trait NoSource<'a> {
    fn source_of(&self) -> Option<&'a (dyn std::error::Error + 'static)>;
}

impl<'a, E> NoSource<'a> for &Chain<'a, E> {
    fn source_of(&self) -> Option<&'a (dyn std::error::Error + 'static)> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Layer(&'static str, Option<Box<Layer>>);

    impl Display for Layer {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
    }

    impl std::error::Error for Layer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            self.1.as_deref().map(|source| source as _)
        }
    }

    #[test]
    fn the_top_message_is_sent_and_the_whole_chain_is_logged() {
        let error = Error::from(Layer("no price", Some(Box::new(Layer("no table", None)))));
        let failure = into_failure(&error);
        assert_eq!((&*failure.code, failure.status), ("HANDLER_ERROR", 500));
        assert_eq!((failure.message.as_str(), failure.log_text()), ("no price", "no price: no table"));
    }

    #[test]
    fn a_status_that_is_no_error_is_answered_as_500() {
        for status in [0, 200, 399, 600] {
            assert_eq!(into_failure(&Error::msg("x").status(status)).status, 500);
        }
        assert_eq!(into_failure(&Error::new("GONE", "x").status(410)).status, 410);
    }

    #[test]
    fn an_error_without_a_code_has_the_standard_one() {
        assert_eq!(into_failure(&Error::new(" ", "x")).code, "HANDLER_ERROR");
    }
}
