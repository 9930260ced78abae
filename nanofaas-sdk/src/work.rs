//! What an app serves: a Rust function, or a child process.

use std::any::TypeId;
use std::sync::Arc;

use crate::event_loop::StallGuard;
use crate::executor::Executor;
use crate::handler::Function;
use crate::schema::HandlerSchema;
use crate::server::Platform;
#[cfg(feature = "watchdog")]
use crate::watchdog::Child;

/// What an app serves, before it is an [`Executor`].
#[derive(Debug)]
pub(crate) enum Work {
    Function(Function),
    #[cfg(feature = "watchdog")]
    Child(Child),
}

impl Work {
    /// What metrics call it where nothing else is said.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Function(function) => function.name.clone(),
            #[cfg(feature = "watchdog")]
            Self::Child(child) => child.name(),
        }
    }

    /// The types of `State` that it needs and that are not `given`.
    pub(crate) fn missing_states(&self, given: impl Fn(TypeId) -> bool) -> Vec<&'static str> {
        match self {
            Self::Function(function) => function.requirements.missing(given),
            #[cfg(feature = "watchdog")]
            Self::Child(_) => Vec::new(),
        }
    }

    pub(crate) fn schema(&self) -> HandlerSchema {
        match self {
            Self::Function(function) => function.schema,
            #[cfg(feature = "watchdog")]
            Self::Child(_) => HandlerSchema::default(),
        }
    }

    /// Lets the guard keep the event loop alive while a handler is polled.
    pub(crate) fn guarded_by(self, guard: Arc<StallGuard>) -> Self {
        match self {
            Self::Function(function) => Self::Function(function.guarded_by(Some(guard))),
            #[cfg(feature = "watchdog")]
            Self::Child(_) => self,
        }
    }

    /// What runs it, and the platform that comes with it, if one does.
    pub(crate) fn into_executor(self) -> (Box<dyn Executor>, Option<Arc<dyn Platform>>) {
        match self {
            Self::Function(function) => (Box::new(function), None),
            #[cfg(feature = "watchdog")]
            Self::Child(child) => child.into_executor(),
        }
    }
}
