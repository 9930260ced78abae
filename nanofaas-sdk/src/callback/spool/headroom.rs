//! Disk space that is held back for the ends of invocations which run now.
//!
//! One file holds it for all of them. It is as large as most of them ever needed at once, so that an
//! invocation costs no allocation. An entry that finds the disk full takes its share from the file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FallocateFlags, fallocate, fstatvfs};
use rustix::io::Errno;

/// Given way at once: an entry needs little as a rule.
const STEP: u64 = 256 * 1024;

/// The space of one lane.
#[derive(Debug)]
pub(super) struct Headroom(Mutex<State>);

#[derive(Debug)]
struct State {
    file: File,
    /// Bytes that the file holds.
    held: u64,
    /// Bytes that were promised.
    promised: u64,
}

/// A promise of space. Dropped, it is taken back.
#[derive(Debug)]
pub(super) struct Share {
    headroom: Arc<Headroom>,
    bytes: u64,
}

impl Headroom {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Ok(Self(Mutex::new(State { file, held: 0, promised: 0 })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Promises so many bytes, or says why the disk has not got them.
    pub(super) fn promise(self: &Arc<Self>, bytes: u64) -> io::Result<Share> {
        let mut state = self.state();
        let promised = state.promised + bytes;
        if promised > state.held {
            state.hold(promised)?;
        }
        state.promised = promised;
        Ok(Share { headroom: Arc::clone(self), bytes })
    }

    /// Gives back what nobody needs now, but for so many bytes.
    pub(super) fn shrink(&self, least: u64) {
        let mut state = self.state();
        let needed = state.promised.max(least);
        if state.held > needed {
            state.release(needed);
        }
    }
}

impl State {
    fn hold(&mut self, bytes: u64) -> io::Result<()> {
        loop {
            match fallocate(&self.file, FallocateFlags::empty(), 0, bytes) {
                Ok(()) => {
                    self.held = bytes;
                    return Ok(());
                }
                Err(Errno::INTR) => {}
                // A file system that cannot promise room can tell how much there is.
                Err(Errno::OPNOTSUPP) => {
                    let room = fstatvfs(&self.file)?;
                    let free = room.f_bavail.saturating_mul(room.f_frsize);
                    return if free < bytes { Err(Errno::NOSPC.into()) } else { Ok(()) };
                }
                Err(error) => {
                    // It may have taken a part.
                    let held = self.held;
                    self.release(held);
                    return Err(error.into());
                }
            }
        }
    }

    fn release(&mut self, held: u64) {
        if self.file.set_len(held).is_ok() {
            self.held = held;
        }
    }
}

impl Share {
    /// Makes room on a disk that is full; false where this share has nothing left to give.
    pub(super) fn give_way(&mut self) -> bool {
        let mut state = self.headroom.state();
        let step = STEP.min(self.bytes).min(state.held);
        self.bytes -= step;
        state.promised -= step;
        let before = state.held;
        let held = before - step;
        state.release(held);
        state.held < before
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.headroom.state().promised -= self.bytes;
    }
}
