//! Programs that are started as functions: one process group each, ended as a whole.

mod lines;
mod program;
mod token;
mod watch;

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::sync::watch::{Receiver, Sender, channel};

pub(crate) use program::{Condition, Program};
pub(crate) use watch::watch;

use crate::console::Console;

/// How long the last lines of a process may take after its end: who left the group may keep the pipe open.
const LAST_LINES: Duration = Duration::from_secs(1);

/// A process and its group.
pub(crate) struct Process {
    pub(crate) id: u32,
    /// The group's id while nobody else can have it.
    group: Mutex<Option<Pid>>,
    /// How it ended.
    end: Receiver<Option<String>>,
    /// Whether its end was shown.
    is_noted: Sender<bool>,
}

impl Process {
    /// Starts it as the leader of a group, which a terminal's Ctrl-C does not reach: it is ended in good order.
    pub(crate) fn start(command: &mut Command, name: &str, console: &Console) -> io::Result<Arc<Self>> {
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        // Dropped by the last of the two that read its lines.
        let (reading, read) = mpsc::channel::<()>();
        if let Some(stdout) = child.stdout.take() {
            lines::follow(stdout, name, console, reading.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            lines::follow(stderr, name, console, reading);
        }
        let (ended, end) = channel(None);
        let pid = Pid::from_child(&child);
        let process = Arc::new(Self { id: child.id(), group: Mutex::new(Some(pid)), end, is_noted: channel(false).0 });
        let reaped = Arc::clone(&process);
        thread::spawn(move || reaped.reap(child, &read, &ended));
        Ok(process)
    }

    /// Waits for the leader's end, ends what is left of its group, and only then lets the id go.
    fn reap(&self, mut child: Child, read: &mpsc::Receiver<()>, ended: &Sender<Option<String>>) {
        let pid = Pid::from_child(&child);
        while waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).err()
            == Some(rustix::io::Errno::INTR)
        {}
        self.signal(Signal::KILL);
        self.group.lock().unwrap_or_else(PoisonError::into_inner).take();
        let how = child.wait().map_or_else(|error| error.to_string(), describe);
        let _ = read.recv_timeout(LAST_LINES);
        // Nobody may be left who wants to know.
        let _ = ended.send(Some(how));
    }

    /// Signals the whole group, if it is there.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(group) = *self.group.lock().unwrap_or_else(PoisonError::into_inner) {
            // A group that has just ended needs none.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Waits for its end and says how it was.
    pub(crate) async fn ended(&self) -> String {
        let mut end = self.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(how) => how.clone().unwrap_or_default(),
            Err(_) => "nobody knows how".to_owned(),
        }
    }

    /// SIGTERM, and SIGKILL after the grace.
    pub(crate) async fn terminate(&self, grace: Duration) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(grace, self.ended()).await.is_err() {
            self.kill().await;
        }
    }

    /// SIGKILL.
    pub(crate) async fn kill(&self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }

    /// Says that everybody was told of its end.
    pub(super) fn note(&self) {
        self.is_noted.send_replace(true);
    }

    /// Waits until everybody was told of its end.
    pub(super) async fn noted(&self) {
        // The sender is our own: it is not gone.
        let _ = self.is_noted.subscribe().wait_for(|is_noted| *is_noted).await;
    }

    /// Whether it runs, or its end is not shown yet.
    pub(super) fn is_alive(&self) -> bool {
        !*self.is_noted.borrow()
    }
}

/// `exit status: 1`, `signal: 9 (SIGKILL)`.
fn describe(status: ExitStatus) -> String {
    status.to_string()
}
