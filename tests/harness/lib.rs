//! Starts the example functions as processes and talks to them over sockets.

mod build;
mod http;
mod process;

pub use build::{binary, workspace};
pub use http::{Answer, Connection};
pub use process::{Ended, Function};
