//! What is shown on stdout: one line for each event.

mod event;

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use event::{Event, Verdict};

/// How many lines wait for a terminal that is held (Ctrl-S); more are dropped, for the functions' calls must go on.
const WAITING: usize = 10_000;
/// How long the last lines may take.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Writes from a thread of its own, so that a terminal never holds up a call.
#[derive(Clone)]
pub(crate) struct Console {
    start: Instant,
    lines: SyncSender<Option<String>>,
    written: Arc<Mutex<Receiver<()>>>,
}

impl Console {
    pub(crate) fn start() -> Self {
        let (lines, waiting) = sync_channel::<Option<String>>(WAITING);
        let (done, written) = sync_channel(1);
        thread::spawn(move || {
            let mut stdout = std::io::stdout();
            while let Ok(Some(line)) = waiting.recv() {
                // Where stdout is closed nobody reads it anyway.
                let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
            }
            let _ = done.send(());
        });
        Self { start: Instant::now(), lines, written: Arc::new(Mutex::new(written)) }
    }

    /// Shows what happened to a function.
    pub(crate) fn show(&self, function: &str, event: &Event<'_>) {
        let seconds = self.start.elapsed().as_secs_f64();
        // Dropped where nobody reads.
        let _ = self.lines.try_send(Some(format!("{seconds:9.3}  {function:<12} {event}")));
    }

    /// Shows what concerns the control plane itself.
    pub(crate) fn note(&self, text: &str) {
        self.show("nanofaas-dev", &Event::Note { text });
    }

    /// Waits until everything is written.
    pub(crate) fn finish(&self) {
        if self.lines.try_send(None).is_ok() {
            let _ = self.written.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LAST_LINES);
        }
    }
}
