//! What a handler needs, known before its first call.

use std::any::{TypeId, type_name};

/// The values a handler's arguments need; checked when the process starts.
///
/// An own [`FromContext`](crate::FromContext) that reads a [`State`](crate::State) says so in its
/// `requirements`, and a forgotten `.state(..)` is found at start and not at the first call.
#[derive(Debug, Default)]
pub struct Requirements {
    states: Vec<(TypeId, &'static str)>,
}

impl Requirements {
    /// Needs a `State<T>`.
    pub fn state<T: 'static>(&mut self) {
        self.states.push((TypeId::of::<T>(), type_name::<T>()));
    }

    /// The type names that `has` does not know.
    pub(crate) fn missing(&self, has: impl Fn(TypeId) -> bool) -> Vec<&'static str> {
        self.states.iter().filter(|(id, _)| !has(*id)).map(|(_, name)| short_type_name(name)).collect()
    }
}

/// `Stock` for `shop::model::Stock`; a type with arguments is left as it is.
pub(crate) fn short_type_name(name: &'static str) -> &'static str {
    if name.contains('<') {
        return name;
    }
    name.rsplit("::").next().unwrap_or(name)
}
