//! Holds a function up until the test lets it go on: no test needs to guess how long that takes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::eventually;

/// A file in a private directory that the handlers of `specimen` wait for.
#[derive(Debug)]
pub struct Gate {
    directory: PathBuf,
}

impl Gate {
    /// A closed gate.
    ///
    /// # Panics
    ///
    /// Where its directory cannot be made.
    #[must_use]
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("nanofaas-gate-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a private directory");
        Self { directory }
    }

    /// The path of the file that is waited for.
    #[must_use]
    pub fn path(&self) -> String {
        self.directory.join("gate").display().to_string()
    }

    /// The input that makes a handler wait here.
    #[must_use]
    pub fn input(&self) -> Value {
        json!(self.path())
    }

    /// The same as a request's body.
    #[must_use]
    pub fn body(&self) -> String {
        json!({ "input": self.path() }).to_string()
    }

    /// Waits until somebody waits here.
    ///
    /// # Panics
    ///
    /// Where nobody comes within 30 s.
    pub fn wait_until_entered(&self) {
        let entered = self.directory.join("gate.entered");
        eventually("somebody at the gate", || entered.exists().then_some(()));
    }

    /// Waits until a child waits here, and returns its process id.
    ///
    /// # Panics
    ///
    /// Where nobody comes within 30 s.
    #[must_use]
    pub fn entered_by(&self) -> u32 {
        let entered = self.directory.join("gate.entered");
        eventually("a child at the gate", || std::fs::read_to_string(&entered).ok()?.trim().parse().ok())
    }

    /// Closes it for those who come from now on, and forgets who was there.
    pub fn close(&self) {
        let _ = std::fs::remove_file(self.path());
        let _ = std::fs::remove_file(self.directory.join("gate.entered"));
    }

    /// Lets everybody through, who finds this text.
    ///
    /// # Panics
    ///
    /// Where the file cannot be written.
    pub fn open(&self, text: &str) {
        let draft = self.directory.join("draft");
        std::fs::write(&draft, text).expect("a writable directory");
        std::fs::rename(draft, self.path()).expect("a writable directory");
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
