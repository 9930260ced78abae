//! All children of this process that are not reaped yet.
//!
//! Process ids are the process's own, so there is one list: a reaper of orphans must not take the
//! status of a child that somebody waits for, and the end of the process must not leave one behind.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::SystemTime;

use rustix::process::{Pid, Signal, getpid, kill_process_group};

use super::{descendants, marked};
use crate::shutdown::before_forced_end;
use crate::watchdog::file::remove_all;

/// The children of this process.
pub(crate) struct Registry {
    children: Mutex<HashSet<i32>>,
    /// Read while a process is being started and entered, so that no reaper sees it in between.
    starting: RwLock<()>,
    guardian: Mutex<Option<Guardian>>,
    /// Begins every mark of this process's children.
    mark: String,
    next: AtomicU64,
    owns_process: AtomicBool,
}

/// The process that outlives this one. It is told of every group that begins and ends.
pub(crate) struct Guardian {
    pub(crate) pid: Pid,
    /// Does not wait for its reader.
    pub(crate) pipe: OwnedFd,
}

/// The one list.
pub(crate) fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        before_forced_end(|| {
            registry().kill();
            remove_all(&std::env::temp_dir(), registry().mark());
        });
        Registry {
            children: Mutex::default(),
            starting: RwLock::default(),
            guardian: Mutex::default(),
            mark: mark_of_this_process(),
            next: AtomicU64::new(1),
            owns_process: AtomicBool::new(false),
        }
    })
}

/// The id alone would be somebody else's again one day: the time of the start tells them apart.
fn mark_of_this_process() -> String {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("{}.{:x}.", std::process::id(), since.as_nanos())
}

impl Registry {
    fn children(&self) -> MutexGuard<'_, HashSet<i32>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guardian(&self) -> MutexGuard<'_, Option<Guardian>> {
        self.guardian.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this process has no other children than these, and inherits their orphans.
    pub(crate) fn own_process(&self) {
        self.owns_process.store(true, Ordering::Relaxed);
    }

    /// What all marks of this process's children begin with.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// A mark for the next child.
    pub(super) fn next_mark(&self) -> String {
        format!("{}{}.", self.mark, self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Held while a process is started and [`added`](Self::add).
    pub(crate) fn starting(&self) -> RwLockReadGuard<'_, ()> {
        self.starting.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, pid: Pid) {
        self.children().insert(pid.as_raw_pid());
        self.tell_guardian(pid.as_raw_pid());
    }

    pub(super) fn remove(&self, pid: Pid) {
        self.children().remove(&pid.as_raw_pid());
        self.tell_guardian(-pid.as_raw_pid());
    }

    /// Whether all children have been reaped.
    pub(crate) fn is_empty(&self) -> bool {
        self.children().is_empty()
    }

    /// What `look` finds, if an orphan that this process inherits can only be this child's: there is no
    /// other, and none is being started.
    pub(super) fn if_only<T>(&self, pid: Pid, look: impl FnOnce() -> T) -> Option<T> {
        let _none_starts = self.starting.try_write().ok()?;
        let is_only = {
            let children = self.children();
            children.len() == 1 && children.contains(&pid.as_raw_pid())
        };
        (is_only && self.owns_process.load(Ordering::Relaxed)).then(look)
    }

    /// Whether a process is nobody's; `None` while one is being started, which may be this one.
    pub(crate) fn is_stranger(&self, pid: Pid) -> Option<bool> {
        let _none_starts = self.starting.try_write().ok()?;
        Some(!self.children().contains(&pid.as_raw_pid()) && !self.is_guardian(pid))
    }

    /// Tells this guardian of all children, now and from now on.
    pub(crate) fn guard_with(&self, guardian: Option<Guardian>) {
        let children = self.children();
        *self.guardian() = guardian;
        for pid in children.iter() {
            self.tell_guardian(*pid);
        }
    }

    fn is_guardian(&self, pid: Pid) -> bool {
        self.guardian().as_ref().is_some_and(|guardian| guardian.pid == pid)
    }

    fn tell_guardian(&self, pid: i32) {
        if let Some(Guardian { pipe, .. }) = &*self.guardian() {
            // Where it does not read any more there is nothing to be done: it only matters after
            // our own violent death.
            let _ = rustix::io::write(pipe, &pid.to_ne_bytes());
        }
    }

    /// Sends a signal to the groups of all children.
    pub(crate) fn signal(&self, signal: Signal) {
        for pid in self.children().iter().filter_map(|pid| Pid::from_raw(*pid)) {
            let _ = kill_process_group(pid, signal);
        }
    }

    /// Kills all children now, and all that descends from them; how many there were.
    pub(crate) fn kill(&self) -> usize {
        self.signal(Signal::KILL);
        let mut left = marked(&self.mark);
        if self.owns_process.load(Ordering::Relaxed) {
            left.extend(descendants(getpid()));
        }
        left.retain(|seen| !self.is_guardian(seen.pid));
        for seen in &left {
            seen.kill();
        }
        left.len()
    }
}
