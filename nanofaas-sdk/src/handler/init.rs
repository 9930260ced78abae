//! What makes the state when a process starts.

use std::any::TypeId;
use std::fmt;
use std::pin::Pin;

use super::{Error, FunctionError};
use crate::context::States;

/// A function that makes a handler's state: an `async fn` without arguments that returns a `Result`.
///
/// `M` is inferred.
#[diagnostic::on_unimplemented(
    message = "`init` takes an `async fn` without arguments that returns a `Result`",
    label = "this is `{Self}`",
    note = "write `async fn connect() -> nanofaas::Result<S>`: handlers take its value as `nanofaas::State<S>`",
    note = "`S` is `Clone + Send + Sync`, as an `Arc` is; an error type of your own derives `thiserror::Error` and `nanofaas::FunctionError`"
)]
pub trait Init<M> {
    #[doc(hidden)]
    fn into_maker(self) -> StateMaker;
}

/// An init function with its types erased.
#[doc(hidden)]
pub struct StateMaker {
    /// The type that it makes.
    pub(crate) provides: TypeId,
    pub(crate) run: Box<dyn FnOnce() -> Making + Send>,
}

type Making = Pin<Box<dyn Future<Output = Result<Provide, Error>> + Send>>;

/// Puts a value where the handlers find it.
pub(crate) type Provide = Box<dyn FnOnce(&mut States) + Send>;

impl fmt::Debug for StateMaker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StateMaker").finish_non_exhaustive()
    }
}

#[diagnostic::do_not_recommend]
impl<F, R, T, E> Init<(R, T, E)> for F
where
    F: FnOnce() -> R + Send + 'static,
    R: Future<Output = Result<T, E>> + Send + 'static,
    T: Clone + Send + Sync + 'static,
    E: FunctionError + Into<Error>,
{
    fn into_maker(self) -> StateMaker {
        let run = move || -> Making {
            Box::pin(async move {
                let value = self().await.map_err(Into::into)?;
                Ok(Box::new(move |states: &mut States| states.insert(value)) as Provide)
            })
        };
        StateMaker { provides: TypeId::of::<T>(), run: Box::new(run) }
    }
}
