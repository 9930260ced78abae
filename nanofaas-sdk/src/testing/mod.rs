//! Tests of a function: invoke it without a port, and watch what the control plane learns.
//!
//! ```
//! use nanofaas::testing::Platform;
//! use nanofaas::{App, Error, Result, json};
//!
//! async fn handle(quantity: u32) -> Result<u32> {
//!     if quantity > 3 {
//!         return Err(Error::new("SOLD_OUT", "only 3 left").status(409));
//!     }
//!     Ok(quantity * 200)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let platform = Platform::new();
//! let function = platform.start(App::new(handle)).await;
//!
//! let reply = function.invoke(json!(4)).execution_id("e-7").trace_id("t-7").await;
//! assert_eq!((reply.status(), reply.code()), (409, Some("SOLD_OUT")));
//!
//! let completion = platform.completion("e-7").await;
//! assert_eq!(completion.error().unwrap().message, "only 3 left");
//! assert_eq!(completion.trace_id(), Some("t-7"));
//! # }
//! ```
//!
//! The function runs in the test's own process, through the same code that serves a port; only the
//! callbacks go over a real socket, to a control plane that [records them](Platform) and
//! [misbehaves](Fault) on demand.

mod completion;
mod function;
mod platform;
mod wire;

pub use completion::{Completion, CompletionError};
pub use function::{Function, Invoke, Reply};
pub use platform::{Fault, Platform};
