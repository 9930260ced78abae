//! A lane: the directory of one process in the spool, and the lock that says it lives.
//!
//! The system gives the lock back when the process ends, however it ends. Then another process
//! takes the lock, and with it the duty to deliver what is left.

use std::fs::{DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};

/// A lane that this process looks after.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) id: u64,
    pub(super) directory: PathBuf,
    /// Open, so that it can be synced when there are no more descriptors.
    open: File,
    /// Locked as long as it is open.
    _lock: File,
}

const PREFIX: &str = "lane-";
const LOCK: &str = "lock";

impl Lane {
    /// A new one.
    pub(super) fn create(spool: &Path) -> io::Result<Self> {
        loop {
            let id = RandomState::new().hash_one(std::process::id());
            let directory = spool.join(name(id));
            DirBuilder::new().mode(0o700).create(&directory)?;
            // Another process may have taken it for one that is left behind, or removed it as one.
            match Self::lock(id, directory) {
                Ok(Some(lane)) => return Ok(lane),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound && spool.is_dir() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes over a lane that nobody looks after.
    pub(super) fn adopt(id: u64, directory: PathBuf) -> io::Result<Option<Self>> {
        match Self::lock(id, directory) {
            // Somebody was quicker, and has removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            locked => locked,
        }
    }

    fn lock(id: u64, directory: PathBuf) -> io::Result<Option<Self>> {
        let path = directory.join(LOCK);
        let mut options = at_once();
        let lock = options.write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        // The file may have been removed between the two: then it is nobody's lock any more.
        let there =
            std::fs::metadata(&path).is_ok_and(|there| lock.metadata().is_ok_and(|own| own.ino() == there.ino()));
        if !there {
            return Ok(None);
        }
        let open = File::open(&directory)?;
        Ok(Some(Self { id, directory, open, _lock: lock }))
    }

    /// Makes what was created and renamed in it durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.open.sync_all()
    }

    /// Whether a living process looks after this lane.
    pub(super) fn is_attended(directory: &Path) -> bool {
        let Ok(lock) = at_once().open(directory.join(LOCK)) else { return false };
        flock(&lock, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
    }

    /// Removes it, if nothing is left in it but its lock.
    pub(super) fn remove_if_empty(&self) -> io::Result<bool> {
        let mut others = std::fs::read_dir(&self.directory)?
            .filter(|file| !file.as_ref().is_ok_and(|file| file.file_name() == LOCK));
        if others.next().is_some() {
            return Ok(false);
        }
        std::fs::remove_file(self.directory.join(LOCK))?;
        std::fs::remove_dir(&self.directory)?;
        Ok(true)
    }
}

/// Waits for nobody, should it be a pipe.
fn at_once() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    options
}

fn name(id: u64) -> String {
    format!("{PREFIX}{id:016x}")
}

/// All lanes of a spool, with their ids.
pub(super) fn all(spool: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut lanes = Vec::new();
    for file in std::fs::read_dir(spool)? {
        let file = file?;
        let found = file.file_name();
        let id = found.to_str().and_then(|found| u64::from_str_radix(found.strip_prefix(PREFIX)?, 16).ok());
        // There is one spelling only, and a link leads elsewhere.
        if let Some(id) = id.filter(|id| found == *name(*id))
            && file.file_type()?.is_dir()
        {
            lanes.push((id, file.path()));
        }
    }
    Ok(lanes)
}
