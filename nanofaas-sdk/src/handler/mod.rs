//! What a function is: a Rust function whose arguments come from an invocation and whose result
//! becomes its outcome.

mod argument;
mod error;
mod function;
mod init;
mod output;
mod registry;
mod requirements;
mod signature;
mod state;

pub use argument::{FromCall, FromContext, Request};
pub use error::{Error, FunctionError, Result};
pub use init::Init;
pub use output::{IntoOutput, IntoResult, Response};
pub use requirements::Requirements;
pub use signature::Handler;
pub use state::State;

pub(crate) use function::Function;
pub(crate) use init::StateMaker;
pub(crate) use registry::{find, select};

pub(crate) mod private {
    //! What generated code names.
    pub use super::argument::{CallInput, Rejection, first, other};
    pub use super::error::{Chain, NoSource, WithSource};
    pub use super::init::StateMaker;
    pub use super::output::{failure, into_result, output, probe_ok};
    pub use super::registry::{CallFuture, CallOutcome, Kind, Registration};
    pub use super::signature::run;
}
