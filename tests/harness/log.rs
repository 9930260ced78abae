//! A process's log, line by line as it is written.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a line may take; generous, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

impl Log {
    pub(crate) fn follow(&self, stderr: BufReader<impl Read>) {
        for line in stderr.lines().map_while(Result::ok) {
            self.lines.lock().unwrap_or_else(PoisonError::into_inner).0.push(line);
            self.changed.notify_all();
        }
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.changed.notify_all();
    }

    pub(crate) fn wait_for(&self, what: &str, found: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        let mut seen = 0;
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            while let Some(line) = lines.0.get(seen) {
                seen += 1;
                match serde_json::from_str(line) {
                    Ok(line) if found(&line) => return line,
                    _ => {}
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!lines.1 && !left.is_zero(), "{what} is not in the log: {:#?}", lines.0);
            lines = self.changed.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until the process has closed its log.
    pub(crate) fn wait_for_end(&self) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let (lines, _) =
            self.changed.wait_timeout_while(lines, PATIENCE, |lines| !lines.1).unwrap_or_else(PoisonError::into_inner);
        assert!(lines.1, "the log stays open");
    }

    /// The lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}
