//! What generated code names. Not part of the public API: it changes with any version.

pub use std::boxed::Box;
pub use std::marker::PhantomData;
pub use std::option::Option;
pub use std::result::Result;

pub use inventory;

pub use crate::cli::{Program, main};
pub use crate::handler::private::*;
pub use crate::schema::{HandlerSchema, Probe, SchemaOf, WithSchema, WithoutSchema};
