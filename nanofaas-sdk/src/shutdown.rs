//! The signals that end the process: SIGTERM from a container engine, SIGINT from a terminal,
//! SIGQUIT from images that were made for other servers.

use std::io;
use std::sync::OnceLock;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals, from the moment this is made.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

/// What has to be done before a second signal ends the process.
static BEFORE_FORCED_END: OnceLock<fn()> = OnceLock::new();

/// Does this before a second signal ends the process; the first one given counts.
#[cfg(feature = "watchdog")]
pub(crate) fn before_forced_end(act: fn()) {
    // There is only one who asks for it.
    let _ = BEFORE_FORCED_END.set(act);
}

/// A signal's number, for the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignalNumber(u8);

impl SignalNumber {
    /// What a shell reports for a program that a signal ended.
    pub(crate) fn exit_code(self) -> u8 {
        128 + self.0
    }
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> SignalNumber {
        tokio::select! {
            _ = self.terminate.recv() => SignalNumber(15),
            _ = self.interrupt.recv() => SignalNumber(2),
            _ = self.quit.recv() => SignalNumber(3),
        }
    }

    /// Ends after the first signal; the second one ends the process at once.
    pub(crate) async fn first_then_force(mut self) {
        let first = self.next().await;
        tracing::info!(target: "nanofaas", signal = first.0, "signal");
        tokio::spawn(async move {
            let second = self.next().await;
            tracing::error!(target: "nanofaas", signal = second.0, "second signal: ending now");
            if let Some(act) = BEFORE_FORCED_END.get() {
                act();
            }
            std::process::exit(i32::from(second.exit_code()));
        });
    }
}
