//! Prints without a panic where nobody can read it: a closed pipe, a full disk.

use std::io::{self, Write};

/// Prints to stdout; the exit code is 1 where that fails.
pub(crate) fn print(text: &str) -> u8 {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => 0,
        Err(error) => {
            complain(&format!("the output cannot be printed: {error}"));
            1
        }
    }
}

/// One `error:` line for each line of the message.
pub(super) fn complain(message: &str) {
    for line in message.lines() {
        // If this fails there is nowhere left to say so.
        let _ = writeln!(io::stderr(), "error: {line}");
    }
}
