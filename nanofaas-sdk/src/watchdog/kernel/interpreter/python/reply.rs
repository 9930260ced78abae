//! What frames say.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::watchdog::kernel::interpreter::{Event, Finished};
use crate::watchdog::kernel::output::{Output, Stream, Truncated};
use crate::watchdog::kernel::wire::{Frame, Reply};

/// The event that a frame tells of.
pub(super) fn event(frame: Frame) -> Event {
    const UNREADABLE: Event = Event::Broken("a frame that cannot be read");
    let Frame { reply, payload, .. } = frame;
    match reply {
        Reply::Hello => Event::Broken("a greeting in the middle"),
        Reply::Ready => {
            Event::Ready(serde_json::from_slice(&payload).map(|Started { failed }| failed).unwrap_or_default())
        }
        Reply::Stdout => Event::Stream(Stream::Stdout, payload),
        Reply::Stderr => Event::Stream(Stream::Stderr, payload),
        Reply::Log => Event::Log(payload),
        Reply::Display => match serde_json::from_slice::<Shown>(&payload) {
            Ok(Shown { data, title }) => Event::Shown(Output::Display { data, title }, payload.len()),
            Err(_) => UNREADABLE,
        },
        Reply::Result => match serde_json::from_slice::<Shown>(&payload) {
            Ok(Shown { data, .. }) => Event::Shown(Output::Result { data }, payload.len()),
            Err(_) => UNREADABLE,
        },
        Reply::Error => match serde_json::from_slice::<Raised>(&payload) {
            Ok(Raised { name, value, traceback }) => Event::Failed(Output::Error { name, value, traceback }),
            Err(_) => UNREADABLE,
        },
        Reply::Finished => match serde_json::from_slice::<Ended>(&payload) {
            Ok(ended) => Event::Finished(Finished {
                truncated: Truncated {
                    stdout: ended.stdout_truncated,
                    stderr: ended.stderr_truncated,
                    rich: ended.rich_truncated,
                },
                flow: ended.flow,
            }),
            Err(_) => UNREADABLE,
        },
        Reply::Answer => Event::Answer(payload),
        Reply::Pong => Event::Pong,
    }
}

#[derive(Deserialize)]
struct Started {
    failed: Vec<String>,
}

#[derive(Deserialize)]
struct Shown {
    data: Box<RawValue>,
    #[serde(default)]
    title: String,
}

#[derive(Deserialize)]
struct Raised {
    name: String,
    value: String,
    traceback: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ended {
    stdout_truncated: bool,
    stderr_truncated: bool,
    rich_truncated: bool,
    flow: Option<Box<RawValue>>,
}
