//! Child processes: started in a group of their own, watched, and ended with all that they started.

mod aside;
mod drained;
mod end;
mod lines;
mod registry;
mod reserve;
mod spawn;
mod third;
mod tree;
mod withheld;

pub(crate) use aside::{aside, aside_later, prepare as prepare_aside};
pub(crate) use drained::{Drained, LINGER};
pub(crate) use end::{describe, exit_code};
pub(crate) use lines::{LineLog, Tail};
pub(crate) use registry::{Guardian, registry};
pub(crate) use reserve::{Reserve, Spare};
pub(crate) use spawn::{Launch, SpawnError, Stdin, is_scarcity, spawn};
pub(crate) use third::serve as serve_third;
pub(crate) use tree::{descendants, marked, zombies};
pub(crate) use withheld::{SECRETS, pass};

use std::any::Any;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus};
use std::time::Duration;

#[cfg(feature = "kernel")]
use rustix::process::Signal;
use rustix::process::{Pid, setpriority_process};
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::runtime::Handle;

/// A child process. Dropped, it is ended in the background, with its group and those that left it.
pub(crate) struct Process {
    running: Option<Running>,
    pub(crate) stdin: Option<pipe::Sender>,
    pub(crate) stdout: Option<Drained>,
    pub(crate) stderr: Option<Drained>,
}

/// The process itself, not yet reaped: until then its id and its group's belong to nobody else.
struct Running {
    child: Child,
    /// Readable when the process has ended.
    pidfd: AsyncFd<OwnedFd>,
    /// The process's id, and its group's.
    group: Pid,
    /// The value of [`MARK`] in the environment of all its descendants.
    mark: String,
    grace: Duration,
    /// What lasts until the process has really ended.
    keeps: Kept,
}

/// Something that is only dropped when a process has really ended.
pub(crate) type Kept = Box<dyn Any + Send + Sync>;

/// The niceness of a process that gives way; within a container it only counts against the watchdog.
const GIVES_WAY: i32 = 15;

/// The variable by which those are found that left their group.
pub(crate) const MARK: &str = "NANOFAAS_CHILD";

impl Process {
    /// Waits until the process has ended. It still has its id then.
    pub(crate) async fn exited(&self) {
        if let Some(running) = &self.running {
            running.exited().await;
        }
    }

    fn take(&mut self) -> io::Result<Running> {
        self.running.take().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Takes the status of a process that has [`exited`](Self::exited), and kills what is left of
    /// its group.
    pub(crate) async fn finish(mut self) -> io::Result<ExitStatus> {
        self.take()?.finish(false).await
    }

    /// The same, and kills those that left the group as well: another process takes its place.
    pub(crate) async fn finish_all(mut self) -> io::Result<ExitStatus> {
        self.take()?.finish(true).await
    }

    /// Whether it has ended, asked of the system itself.
    pub(crate) fn has_exited(&self) -> bool {
        self.running.as_ref().is_none_or(Running::has_exited)
    }

    /// Lets this process have the CPU when both want it: one that has answered would else go on with its end first.
    pub(crate) fn gives_way(&self) {
        if let Some(running) = &self.running {
            // Without it the answer comes a little later.
            let _ = setpriority_process(Some(running.group), GIVES_WAY);
        }
    }

    /// Lets `what` last until the process has really ended.
    pub(crate) fn keep(&mut self, what: Kept) {
        if let Some(running) = &mut self.running {
            running.keeps = what;
        }
    }

    /// Signals the process and its group.
    #[cfg(feature = "kernel")]
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(running) = &self.running {
            if signal == Signal::KILL {
                running.signal(signal);
            } else {
                running.signal_group(signal);
            }
        }
    }

    /// Limits the address space of the process, and of what it starts from now on.
    #[cfg(feature = "jupyter")]
    pub(crate) fn limit_memory(&self, bytes: u64) {
        use rustix::process::{Resource, Rlimit, prlimit};
        let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        let Some(running) = &self.running else { return };
        if let Err(error) = prlimit(Some(running.group), Resource::As, limit) {
            tracing::warn!(target: "nanofaas", %error, "the memory of a child is not limited");
        }
    }

    /// Kills the process and everything that it started, at once.
    #[cfg(feature = "kernel")]
    pub(crate) async fn kill(mut self) -> io::Result<ExitStatus> {
        self.take()?.kill().await
    }

    /// Ends the process and everything that it started: SIGTERM, then after the grace SIGKILL.
    pub(crate) async fn terminate(mut self) -> io::Result<ExitStatus> {
        self.take()?.terminate().await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else { return };
        match Handle::try_current() {
            Ok(handle) => drop(handle.spawn(running.terminate())),
            Err(_) => running.end_now(),
        }
    }
}
