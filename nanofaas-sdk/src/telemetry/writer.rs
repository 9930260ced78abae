//! Writes log lines without ever waiting for their reader.
//!
//! A pipe that nobody empties is full after 64 KiB, and an ordinary write to it would then hold up
//! the thread that logs: invocations, health checks and signals. Here a line that does not fit is
//! dropped, and the log says how many were.

use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What a pipe that polls as writable takes at once (POSIX's `PIPE_BUF` on Linux).
const PART: usize = 4096;

/// The process's stderr, for log lines.
#[derive(Debug)]
pub(super) struct LogWriter {
    json: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    dropped: u64,
    /// A line was cut off in its middle.
    torn: bool,
}

impl LogWriter {
    pub(super) fn new(json: bool) -> Self {
        Self { json, state: Mutex::default() }
    }

    fn line(&self, line: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.dropped > 0 && is_writable() {
            let note = self.note(state.dropped);
            let end = if state.torn { "\n" } else { "" };
            *state = State { dropped: 0, torn: write(format!("{end}{note}").as_bytes()) == Written::InPart };
        }
        match write(line) {
            Written::Whole => {}
            Written::InPart => *state = State { dropped: state.dropped + 1, torn: true },
            Written::Nothing => state.dropped += 1,
        }
    }

    fn note(&self, dropped: u64) -> String {
        if self.json {
            let line = serde_json::json!({
                "level": "WARN", "message": "log lines dropped: nobody read them", "dropped": dropped, "target": "nanofaas",
            });
            format!("{line}\n")
        } else {
            format!("WARN log lines dropped: nobody read them dropped={dropped}\n")
        }
    }
}

/// The formatter writes each line whole.
impl io::Write for &LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Whole,
    InPart,
    Nothing,
}

fn write(line: &[u8]) -> Written {
    let mut written = Written::Nothing;
    for part in line.chunks(PART) {
        if !is_writable() {
            return written;
        }
        match rustix::io::write(io::stderr(), part) {
            Ok(length) if length == part.len() => written = Written::InPart,
            Ok(_) => return Written::InPart,
            // Such as a full disk: nothing that a log could tell of.
            Err(_) => return written,
        }
    }
    Written::Whole
}

/// Whether a write would return at once. Not `std`'s lock: whoever holds it may wait.
fn is_writable() -> bool {
    let stderr = io::stderr();
    let mut wanted = [PollFd::new(&stderr, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut wanted, Some(&at_once)).is_ok_and(|ready| ready > 0)
}
