//! Where a handler's arguments come from.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Requirements, Result};
use crate::context::Context;
use crate::invocation::Call;
use crate::protocol::{Code, Failure};

/// An argument that is made from the invocation's [`Context`], such as the context itself or a
/// [`State`](crate::State). Implement it for what your handlers have in common:
///
/// ```
/// use nanofaas::{Context, Error, FromContext, Result};
///
/// struct Tenant(String);
///
/// impl FromContext for Tenant {
///     fn from_context(context: &Context) -> Result<Self> {
///         let tenant = context.metadata.get("tenant").and_then(|value| value.as_str());
///         let tenant = tenant.ok_or_else(|| Error::new("NO_TENANT", "metadata.tenant is missing").status(400))?;
///         Ok(Self(tenant.to_owned()))
///     }
/// }
///
/// fn handle(name: String, Tenant(tenant): Tenant) -> Result<String> {
///     Ok(format!("{name} of {tenant}"))
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot follow the input in a handler's arguments",
    label = "not a context argument",
    note = "only the first argument is read from the JSON input; the others are `nanofaas::Context`, `nanofaas::State<T>` or your own `nanofaas::FromContext`",
    note = "if `{Self}` is the input, put `{Self}` first",
    note = "to take several values, put them in one `#[derive(serde::Deserialize)]` struct"
)]
pub trait FromContext: Sized {
    /// Makes the argument. An error ends the invocation before the function runs, under the
    /// error's own code and status.
    fn from_context(context: &Context) -> Result<Self>;

    /// What must have been given when the process starts; nothing by default.
    fn requirements(_requirements: &mut Requirements) {}
}

#[diagnostic::do_not_recommend]
impl FromContext for Context {
    fn from_context(context: &Context) -> Result<Self> {
        Ok(context.clone())
    }
}

/// The whole request: the input and what the caller said about it.
///
/// `Request` alone is a request whose input is any JSON. It can be taken apart in the signature:
///
/// ```
/// use nanofaas::{Request, Result};
///
/// fn handle(Request { input, metadata }: Request<String>) -> Result<String> {
///     Ok(format!("{input} {}", metadata.len()))
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request<T = Value> {
    /// The request's `input`.
    pub input: T,
    /// The request's `metadata`; empty where it has none.
    pub metadata: Map<String, Value>,
}

/// The first argument of a handler: the input, a [`Request`], or a context argument.
///
/// Not to be implemented: derive `Deserialize` for an input, implement [`FromContext`] for the rest.
/// `M` only keeps the three apart and is inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a handler's input",
    label = "not built from the JSON input",
    note = "derive it: `#[derive(serde::Deserialize)]` above `{Self}`, or above the type that it holds",
    note = "the first argument is the input (any `Deserialize` type), `nanofaas::Request<T>`, `nanofaas::Context` or a `nanofaas::State<T>` whose `T` is `Clone + Send + Sync`"
)]
pub trait FromCall<M>: Sized {
    #[doc(hidden)]
    fn from_call(call: &CallInput) -> std::result::Result<Self, Rejection>;

    #[doc(hidden)]
    fn requirements(_requirements: &mut Requirements) {}
}

/// Marks a first argument that is the input.
#[derive(Debug)]
pub enum ViaInput {}
/// Marks a first argument that is a [`Request`].
#[derive(Debug)]
pub enum ViaRequest {}
/// Marks a first argument that is a context argument.
#[derive(Debug)]
pub enum ViaContext {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> FromCall<ViaInput> for T {
    fn from_call(call: &CallInput) -> std::result::Result<Self, Rejection> {
        read(&call.0.input)
    }
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> FromCall<ViaRequest> for Request<T> {
    fn from_call(call: &CallInput) -> std::result::Result<Self, Rejection> {
        Ok(Self { input: read(&call.0.input)?, metadata: call.0.context.metadata.clone() })
    }
}

#[diagnostic::do_not_recommend]
impl<T: FromContext> FromCall<ViaContext> for T {
    fn from_call(call: &CallInput) -> std::result::Result<Self, Rejection> {
        from_context(call)
    }

    fn requirements(requirements: &mut Requirements) {
        <T as FromContext>::requirements(requirements);
    }
}

/// The invocation, as generated code passes it on.
#[doc(hidden)]
#[derive(Debug)]
pub struct CallInput(pub(crate) Call);

/// Why the function did not run, or what became of its result.
#[doc(hidden)]
#[derive(Debug)]
pub struct Rejection(pub(crate) Failure);

/// How an argument is made, and what it needs.
#[doc(hidden)]
#[derive(Debug)]
pub struct Source<T> {
    pub read: fn(&CallInput) -> std::result::Result<T, Rejection>,
    pub needs: fn(&mut Requirements),
}

/// Where the first argument comes from.
#[doc(hidden)]
#[must_use]
pub fn first<T: FromCall<M>, M>() -> Source<T> {
    Source { read: T::from_call, needs: T::requirements }
}

/// Where any other argument comes from.
#[doc(hidden)]
#[must_use]
pub fn other<T: FromContext>() -> Source<T> {
    Source { read: from_context, needs: T::requirements }
}

fn from_context<T: FromContext>(call: &CallInput) -> std::result::Result<T, Rejection> {
    T::from_context(&call.0.context).map_err(|error| Rejection(super::error::into_failure(&error)))
}

fn read<T: DeserializeOwned>(input: &[u8]) -> std::result::Result<T, Rejection> {
    serde_json::from_slice(input).map_err(|_| Rejection(misfit::<T>(input)))
}

/// Reads the input once more to learn where it does not fit: only a bad request pays for the path.
fn misfit<T: DeserializeOwned>(input: &[u8]) -> Failure {
    let mut reader = serde_json::Deserializer::from_slice(input);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut reader) else {
        return Failure::new(Code::InvalidInput, "the input cannot be read twice alike");
    };
    let path = error.path().to_string();
    let place = if path == "." { String::new() } else { format!("{path}: ") };
    let text = error.into_inner().to_string();
    // The position is one inside the input and not inside the request: it would mislead.
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    // The reason quotes the input, so the log has the place alone.
    let place_only = if path == "." { "the input" } else { path.as_str() };
    Failure::new(Code::InvalidInput, format!("{place}{reason}"))
        .logged_as(format!("{place_only} does not fit the handler's input type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "only the messages are looked at")]
    struct Order {
        items: Vec<Item>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "only the messages are looked at")]
    struct Item {
        price: u32,
    }

    #[test]
    fn a_misfit_names_its_path_and_the_log_does_not_quote_the_input() {
        let failure = misfit::<Order>(br#"{"items":[{"price":1},{"price":"secret"}]}"#);
        assert_eq!(failure.message, "items[1].price: invalid type: string \"secret\", expected u32");
        assert_eq!(failure.log_text(), "items[1].price does not fit the handler's input type");
        assert_eq!((&*failure.code, failure.status), ("INVALID_INPUT", 400));
        assert_eq!(misfit::<Order>(b"{}").message, "missing field `items`");
    }
}
