//! A function's name and Enter start its program again.

use std::io::{IsTerminal, stdin};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::platform::Platform;

/// The lines of stdin, until it ends.
pub(crate) fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(16);
    if is_ours() {
        // Reading blocks, and nothing can interrupt it: the thread ends with the process.
        std::thread::spawn(move || {
            for line in stdin().lines().map_while(Result::ok) {
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        });
    }
    receiver
}

/// Whoever reads from a terminal in the background is stopped by it (termios(3), SIGTTIN).
fn is_ours() -> bool {
    !stdin().is_terminal() || rustix::termios::tcgetpgrp(stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Does what a line asks for.
pub(crate) fn obey(platform: &Arc<Platform>, line: &str) {
    if line.is_empty() {
        return;
    }
    let Some(function) = platform.functions.get(line) else {
        platform.console.note(&format!("{}; a name and Enter start it again", platform.functions.unknown(line)));
        return;
    };
    let platform = Arc::clone(platform);
    tokio::spawn(async move {
        if function.program.is_none() {
            platform.console.note(&format!("`{}` was not started here: start it again where it runs", function.name()));
            return;
        }
        function.stop().await;
        if let Err(error) = platform.start(&function) {
            platform.console.note(&error);
        }
    });
}
