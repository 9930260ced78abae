//! Starts the example functions and the watchdog as processes and talks to them over sockets.

mod build;
mod code;
mod command_line;
mod control_plane;
mod dev;
mod events;
mod eventually;
mod gate;
mod http;
mod kernel;
mod log;
mod observe;
mod polars;
mod process;
mod receiver;
mod scratch;
mod skip;
mod watchdog;
mod world;

pub use build::{binary, workspace};
pub use code::{error, flow, one, stderr, stdout, wait_at};
pub use command_line::{child, quote, sh};
pub use control_plane::ControlPlane;
pub use dev::Dev;
pub use events::{Event, Events};
pub use eventually::eventually;
pub use gate::Gate;
pub use http::{Answer, Connection};
pub use kernel::Kernel;
pub use polars::polars;
pub use process::{Ended, Function, free_port};
pub use receiver::Receiver;
pub use scratch::Scratch;
pub use skip::skip;
pub use watchdog::{Watchdog, mark};
pub use world::{Process, has_command};
