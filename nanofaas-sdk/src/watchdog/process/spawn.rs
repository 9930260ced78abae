//! Starts a process: the fast way (`posix_spawn`), in a group of its own, with nothing inherited but
//! three streams and the environment.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;

use super::{Drained, Kept, MARK, Process, Running, aside, registry, third, withheld};
use crate::protocol::{Code, Failure};
use crate::watchdog::command_line::CommandLine;

/// What is started, and how.
pub(crate) struct Launch {
    pub(crate) command: Arc<CommandLine>,
    /// Variables beside the inherited ones; `None` takes one away.
    pub(crate) environment: Vec<(&'static str, Option<OsString>)>,
    pub(crate) stdin: Stdin,
    /// Between SIGTERM and SIGKILL.
    pub(crate) grace: Duration,
    /// What lasts until the process has really ended, such as the call's slot.
    pub(crate) keeps: Kept,
}

/// What a process finds on its stdin.
pub(crate) enum Stdin {
    /// Nothing.
    Empty,
    /// What is written to [`Process::stdin`].
    Pipe,
    /// This, such as one end of a socket.
    #[cfg_attr(not(feature = "kernel"), expect(dead_code, reason = "only interpreters get one"))]
    Given(OwnedFd),
    /// The first one of these, and the second one as fd 3.
    WithThird(OwnedFd, OwnedFd),
}

/// Why a process could not be started.
#[derive(Clone, Debug)]
pub(crate) struct SpawnError {
    message: String,
    /// The machine has no room at the moment.
    is_temporary: bool,
}

/// Starts a process off the event loop, since the system may have to read the program from a disk.
pub(crate) async fn spawn(launch: Launch) -> Result<Process, SpawnError> {
    aside(move || start(launch)).await.unwrap_or_else(|error| {
        Err(SpawnError { message: format!("there is no thread to start a program: {error}"), is_temporary: true })
    })
}

fn start(launch: Launch) -> Result<Process, SpawnError> {
    let program = launch.command.resolve().map_err(SpawnError::permanent)?;
    let mark = registry().next_mark();
    let mut command = match &launch.stdin {
        Stdin::WithThird(..) => third::command(&program, &launch.command),
        _ => {
            let mut command = Command::new(&program);
            command.arg0(launch.command.program()).args(launch.command.arguments());
            command
        }
    };
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(match launch.stdin {
        Stdin::Empty => Stdio::null(),
        Stdin::Pipe => Stdio::piped(),
        Stdin::Given(fd) => fd.into(),
        Stdin::WithThird(stdin, third) => {
            third::hand_over(&stdin, &third).map_err(|error| SpawnError::from_system(&program, &error))?.into()
        }
    });
    for name in withheld::names() {
        command.env_remove(name);
    }
    for (name, value) in launch.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env(MARK, &mark);
    let (child, group) = {
        let _starting = registry().starting();
        let child = command.spawn().map_err(|error| SpawnError::from_system(&program, &error))?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let group = group.ok_or_else(|| SpawnError::permanent("the system gave no process id".to_owned()))?;
        registry().add(group);
        (child, group)
    };
    let mut unwatched = Unwatched(Some((child, group)));
    let Some((child, _)) = &mut unwatched.0 else { unreachable!("it was just put in") };
    let (streams, pidfd) = watch(child, group).map_err(|error| SpawnError::from_system(&program, &error))?;
    let Some((child, group)) = unwatched.0.take() else { unreachable!("it is still in") };
    let running = Running { child, pidfd, group, mark, grace: launch.grace, keeps: launch.keeps };
    let (stdin, stdout, stderr) = streams;
    Ok(Process { running: Some(running), stdin, stdout, stderr })
}

type Streams = (Option<pipe::Sender>, Option<Drained>, Option<Drained>);

/// Lets the event loop tell of what the process writes and of its end.
fn watch(child: &mut Child, group: Pid) -> io::Result<(Streams, AsyncFd<OwnedFd>)> {
    let stdin = child.stdin.take().map(|fd| pipe::Sender::from_owned_fd(fd.into())).transpose()?;
    let drained = |fd: OwnedFd| pipe::Receiver::from_owned_fd(fd).map(Drained::new);
    let stdout = child.stdout.take().map(|fd| drained(fd.into())).transpose()?;
    let stderr = child.stderr.take().map(|fd| drained(fd.into())).transpose()?;
    let pidfd = pidfd_open(group, PidfdFlags::NONBLOCK)?;
    #[expect(deprecated, reason = "sound for an owned descriptor; its successor is unsafe for the sake of other types")]
    let pidfd = AsyncFd::with_interest(pidfd, Interest::READABLE)?;
    Ok(((stdin, stdout, stderr), pidfd))
}

/// A process that cannot be watched is not left behind.
struct Unwatched(Option<(Child, Pid)>);

impl Drop for Unwatched {
    fn drop(&mut self) {
        let Some((mut child, group)) = self.0.take() else { return };
        let _ = kill_process_group(group, Signal::KILL);
        let _ = child.wait();
        registry().remove(group);
    }
}

/// Whether the system has no room for something at the moment.
pub(crate) fn is_scarcity(error: &io::Error) -> bool {
    let scarce = [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::NOSPC, Errno::DQUOT];
    scarce.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

impl SpawnError {
    fn permanent(message: String) -> Self {
        Self { message, is_temporary: false }
    }

    fn from_system(program: &Path, error: &io::Error) -> Self {
        let name = program.display();
        let message = match error.kind() {
            io::ErrorKind::NotFound => {
                format!("the program {name} cannot be run: the interpreter in its first line does not exist")
            }
            io::ErrorKind::PermissionDenied => format!("the program {name} may not be executed: {error}"),
            _ if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
                format!(
                    "the program {name} is neither a binary for this machine nor a script with `#!` in its first line"
                )
            }
            _ => format!("the program {name} could not be started: {error}"),
        };
        Self { message, is_temporary: is_scarcity(error) }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The answer to the call that the process was for.
    pub(crate) fn into_failure(self) -> Failure {
        let failure = Failure::new(Code::Spawn, self.message);
        // The same call may succeed in a moment.
        if self.is_temporary { failure.with_status(503) } else { failure }
    }
}
