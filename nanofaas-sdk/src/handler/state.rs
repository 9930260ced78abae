//! Values that all invocations share.

use std::ops::Deref;

use super::requirements::short_type_name;
use super::{Error, FromContext, Requirements, Result};
use crate::context::Context;

/// A value that was given once and is shared by all invocations: a pool, a client, a table.
///
/// It comes from [`App::state`](crate::App::state) or from `nanofaas::main!(init = connect)`. Every
/// call gets a clone, so give something that is cheap to clone, such as an `Arc`.
///
/// ```
/// use std::sync::Arc;
/// use nanofaas::{Result, State};
///
/// fn handle(item: String, State(stock): State<Arc<Vec<String>>>) -> Result<bool> {
///     Ok(stock.contains(&item))
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State<T>(pub T);

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone + Send + Sync + 'static> FromContext for State<T> {
    fn from_context(context: &Context) -> Result<Self> {
        context.states().get().map(State).ok_or_else(|| {
            let name = short_type_name(std::any::type_name::<T>());
            Error::msg(format!("no State<{name}> was given: add `.state(..)` to the App or the Context"))
        })
    }

    fn requirements(requirements: &mut Requirements) {
        requirements.state::<T>();
    }
}
