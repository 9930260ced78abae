//! Which Rust functions are handlers.

use std::sync::Arc;

use super::argument::{CallInput, Rejection, first, other};
use super::function::Body;
use super::output::{failure, output};
use super::registry::{CallFuture, CallOutcome};
use super::{FromCall, FromContext, FunctionError, IntoOutput, IntoResult, Requirements};

/// A function that can serve invocations: `fn` or `async fn`, the input first, then up to five
/// context arguments, returning a `Result`.
///
/// `M` only keeps the forms apart and is inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a function from an input to a `Result`",
    note = "a handler is `fn` or `async fn`: first the input (any `Deserialize` type), then `nanofaas::Context`, `nanofaas::State<T>` or your own `nanofaas::FromContext`; it returns `Result<T, E>` with `T: Serialize` and `E: nanofaas::FunctionError`",
    note = "what an `async fn` holds across an `.await` must be `Send`",
    note = "write `#[nanofaas::handler]` above the function to learn which part does not fit"
)]
pub trait Handler<M>: Send + Sync + 'static {
    #[doc(hidden)]
    fn into_body(self) -> Body;

    #[doc(hidden)]
    fn requirements(requirements: &mut Requirements);
}

/// Marks a `fn`.
#[derive(Debug)]
pub enum Sync_ {}
/// Marks an `async fn`.
#[derive(Debug)]
pub enum Async_ {}

fn finish<R>(result: R, call: &CallInput) -> CallOutcome
where
    R: IntoResult,
    R::Ok: IntoOutput,
    R::Err: FunctionError,
{
    match result.into_result() {
        Ok(value) => output(value, call),
        Err(error) => Err(failure(error)),
    }
}

/// Runs an `async` handler: `start` reads its arguments and calls it, `finish` takes what it returns.
///
/// Both happen in the future that this returns, so that an argument which is slow to read, or
/// panics, does so in the invocation's own task.
#[doc(hidden)]
pub fn run<Running: Future + Send + 'static>(
    call: CallInput,
    start: impl FnOnce(&CallInput) -> Result<Running, Rejection> + Send + 'static,
    finish: impl FnOnce(Running::Output, &CallInput) -> CallOutcome + Send + 'static,
) -> CallFuture {
    Box::pin(async move {
        let running = start(&call)?;
        let result = running.await;
        finish(result, &call)
    })
}

macro_rules! handlers {
    ($([$($input:ident)? ; $($other:ident)*])*) => { $(
        impl<Function, Outcome, $($input, Via,)? $($other,)*> Handler<(Sync_, $($input, Via,)? $($other,)*)> for Function
        where
            Function: Fn($($input,)? $($other,)*) -> Outcome + Send + Sync + 'static,
            Outcome: IntoResult<Ok: IntoOutput, Err: FunctionError>,
            $($input: FromCall<Via>,)?
            $($other: FromContext,)*
        {
            fn into_body(self) -> Body {
                Body::Sync(Arc::new(move |call| {
                    let result = self($((first::<$input, Via>().read)(&call)?,)? $((other::<$other>().read)(&call)?,)*);
                    finish(result, &call)
                }))
            }

            #[allow(unused_variables, reason = "a handler without arguments needs nothing")]
            fn requirements(requirements: &mut Requirements) {
                $(<$input as FromCall<Via>>::requirements(requirements);)?
                $(<$other as FromContext>::requirements(requirements);)*
            }
        }

        impl<Function, Running, $($input, Via,)? $($other,)*> Handler<(Async_, $($input, Via,)? $($other,)*)> for Function
        where
            Function: Fn($($input,)? $($other,)*) -> Running + Send + Sync + 'static,
            Running: Future<Output: IntoResult<Ok: IntoOutput, Err: FunctionError>> + Send + 'static,
            $($input: FromCall<Via> + Send,)?
            $($other: FromContext + Send,)*
        {
            #[allow(unused_variables, reason = "a handler without arguments reads nothing")]
            fn into_body(self) -> Body {
                let function = Arc::new(self);
                Body::Async(Arc::new(move |call| {
                    let function = Arc::clone(&function);
                    let start = move |call: &CallInput| {
                        Ok(function($((first::<$input, Via>().read)(call)?,)? $((other::<$other>().read)(call)?,)*))
                    };
                    run(call, start, finish)
                }))
            }

            #[allow(unused_variables, reason = "a handler without arguments needs nothing")]
            fn requirements(requirements: &mut Requirements) {
                $(<$input as FromCall<Via>>::requirements(requirements);)?
                $(<$other as FromContext>::requirements(requirements);)*
            }
        }
    )* };
}

handlers! {
    [;]
    [Input;]
    [Input; A]
    [Input; A B]
    [Input; A B C]
    [Input; A B C D]
    [Input; A B C D E]
}
