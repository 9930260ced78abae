//! Command lines as `WATCHDOG_CMD` has them.

use crate::binary;

/// A `WATCHDOG_CMD` of the child of many kinds, with these words after it as they stand.
#[must_use]
pub fn child(words: &str) -> String {
    format!("{} {words}", quote(&binary("child").display().to_string()))
}

/// A `WATCHDOG_CMD` of a shell script.
#[must_use]
pub fn sh(script: &str) -> String {
    format!("/bin/sh -c {}", quote(script))
}

/// One word of a command line.
#[must_use]
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
