//! Starts the example functions as processes and talks to them over sockets.

mod build;
mod control_plane;
mod eventually;
mod gate;
mod http;
mod log;
mod observe;
mod process;
mod skip;

pub use build::{binary, workspace};
pub use control_plane::ControlPlane;
pub use eventually::eventually;
pub use gate::Gate;
pub use http::{Answer, Connection};
pub use process::{Ended, Function, free_port};
pub use skip::skip;
