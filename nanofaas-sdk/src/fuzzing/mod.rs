//! What holds for every input: functions that take any bytes and panic where something does not hold.
//!
//! `fuzz/` at the top of the repository gives them to libFuzzer; the tests of [`seeded`] give them
//! mutations of the seeds that are kept there, a fixed number each.

mod callback_url;
#[cfg(feature = "watchdog")]
mod child_output;
#[cfg(feature = "watchdog")]
mod command_line;
mod headers;
#[cfg(feature = "kernel")]
mod kernel_frames;
mod model;
mod request_body;
#[cfg(feature = "watchdog")]
mod worker_line;

#[cfg(test)]
mod seeded;

pub use callback_url::callback_url;
#[cfg(feature = "watchdog")]
pub use child_output::child_output;
#[cfg(feature = "watchdog")]
pub use command_line::command_line;
pub use headers::headers;
#[cfg(feature = "kernel")]
pub use kernel_frames::kernel_frames;
pub use request_body::request_body;
#[cfg(feature = "watchdog")]
pub use worker_line::worker_line;
