//! What makes the state when a process starts.

use super::{Error, FunctionError};
use crate::app::App;

/// A function for `nanofaas::main!(init = connect)`. This trait only puts the bounds of
/// [`App::init`] into one sentence, where the compiler would say each in its own way.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`init` takes an `async fn` without arguments that returns a `Result`",
    label = "this is `{Self}`",
    note = "write `async fn connect() -> nanofaas::Result<S>`: handlers take its value as `nanofaas::State<S>`",
    note = "`S` is `Clone + Send + Sync`, as an `Arc` is; an error type of your own derives `thiserror::Error` and `nanofaas::FunctionError`"
)]
pub trait Init<M> {
    fn add_to(self, app: App) -> App;
}

#[diagnostic::do_not_recommend]
impl<F, R, T, E> Init<(R, T, E)> for F
where
    F: FnOnce() -> R + Send + 'static,
    R: Future<Output = Result<T, E>> + Send + 'static,
    T: Clone + Send + Sync + 'static,
    E: FunctionError + Into<Error>,
{
    fn add_to(self, app: App) -> App {
        app.init(self)
    }
}

/// Lets `init` make the state of the app.
#[doc(hidden)]
pub fn init<M, F: Init<M>>(app: App, init: F) -> App {
    init.add_to(app)
}
