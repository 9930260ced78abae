//! The guardian: a small process that outlives a watchdog that was killed, and then kills its
//! children.
//!
//! SIGKILL cannot be caught, and a child in a group of its own would live on. Outside of a PID
//! namespace of its own the watchdog starts its program a second time under another name; that
//! process waits for the end of a pipe, through which it is told of every group that begins (its
//! id) and ends (its id, negative).

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::watchdog::file;
use crate::watchdog::process::{Guardian, MARK, marked, registry};

/// The name under which the program is the guardian.
const NAME: &str = "nanofaas-guardian";

static GUARDIAN: Mutex<Option<Child>> = Mutex::new(None);

fn own() -> MutexGuard<'static, Option<Child>> {
    GUARDIAN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the guardian.
pub(super) fn start() {
    let mut command = Command::new("/proc/self/exe");
    command.arg0(NAME).arg(registry().mark()).arg(std::env::temp_dir()).env_clear().process_group(0);
    // Not one of those that it guards.
    command.env(MARK, "guardian");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Known before a reaper can see it.
    let starting = registry().starting();
    let guardian = command.spawn().and_then(|mut child| {
        let pipe = child.stdin.take().map(OwnedFd::from).ok_or(io::ErrorKind::BrokenPipe)?;
        ioctl_fionbio(&pipe, true)?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
        *own() = Some(child);
        Ok(Guardian { pid, pipe })
    });
    match guardian {
        Ok(guardian) => registry().guard_with(Some(guardian)),
        Err(error) => {
            tracing::warn!(target: "nanofaas", %error, "children will outlive this process if it is killed");
        }
    }
    drop(starting);
}

/// Reaps a guardian that somebody killed; true where there has to be another one.
pub(super) fn is_lost() -> bool {
    let mut own = own();
    let ended = own.as_mut().is_some_and(|guardian| matches!(guardian.try_wait(), Ok(Some(_))));
    if ended {
        *own = None;
    }
    ended
}

/// Ends the guardian: there is nothing left to guard.
pub(super) fn dismiss() {
    if let Some(mut child) = own().take() {
        registry().guard_with(None);
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Is the guardian, if the program was started as one.
pub(super) fn serve() -> Option<u8> {
    let mut words = std::env::args_os();
    if words.next().as_deref() != Some(OsStr::new(NAME)) {
        return None;
    }
    let mark = words.next()?.into_string().ok().filter(|mark| !mark.is_empty())?;
    let temporary = PathBuf::from(words.next()?);
    let mut groups = HashSet::new();
    let mut message = [0; 4];
    let mut stdin = std::io::stdin().lock();
    while stdin.read_exact(&mut message).is_ok() {
        match i32::from_ne_bytes(message) {
            ended @ ..0 => drop(groups.remove(&-ended)),
            begun => drop(groups.insert(begun)),
        }
    }
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    // Until none is left: one that was just being started may have been missed.
    loop {
        let left = marked(&mark);
        for seen in &left {
            seen.kill();
        }
        if left.is_empty() {
            file::remove_all(&temporary, &mark);
            return Some(0);
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
