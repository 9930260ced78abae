//! What this process writes: files for entries that are to come, with room for each of them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::EntryName;
use super::headroom::{Headroom, Share};
use super::lane::Lane;

const PART: &str = "part";

/// The number of the part that holds room for all others.
const HEADROOM: u64 = u64::MAX;

/// This process's lane, and the room in it.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) lane: Arc<Lane>,
    pub(super) headroom: Arc<Headroom>,
}

/// A file for an entry, and a promise of room for it. Dropped, it is removed.
#[derive(Debug)]
pub(super) struct Part {
    lane: Arc<Lane>,
    path: PathBuf,
    file: File,
    share: Share,
    renamed: bool,
}

impl Own {
    pub(super) fn create(spool: &Path) -> io::Result<Self> {
        let lane = Lane::create(spool)?;
        let headroom = Headroom::create(&lane.directory.join(part_name(HEADROOM)))?;
        Ok(Self { lane: Arc::new(lane), headroom: Arc::new(headroom) })
    }

    /// A part of this number with room for so many bytes.
    pub(super) fn reserve(&self, number: u64, bytes: u64) -> io::Result<Part> {
        let path = self.lane.directory.join(part_name(number));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let share = self.headroom.promise(bytes).inspect_err(|_| {
            // Else the next one who looks after this lane does it.
            let _ = std::fs::remove_file(&path);
        })?;
        Ok(Part { lane: Arc::clone(&self.lane), path, file, share, renamed: false })
    }

    /// Leaves the lane; what cannot be removed is taken over.
    pub(super) fn close(&self) {
        let _ = std::fs::remove_file(self.lane.directory.join(part_name(HEADROOM)));
        let _ = self.lane.remove_if_empty();
    }
}

impl Part {
    pub(super) fn lane_id(&self) -> u64 {
        self.lane.id
    }

    /// Whether the disk keeps what is written.
    pub(super) fn try_out(&self) -> io::Result<()> {
        self.file.write_all_at(b"\n", 0)?;
        self.file.sync_data()?;
        self.lane.sync()
    }

    /// Makes an entry of it that is there to stay.
    pub(super) fn write(mut self, name: EntryName, text: &[u8]) -> io::Result<()> {
        loop {
            match self.persist(name, text) {
                Err(error) if is_full(&error) && self.share.give_way() => {}
                Err(error) if self.renamed => {
                    // Nobody may deliver what was not promised.
                    let _ = std::fs::remove_file(self.lane.directory.join(name.to_string()));
                    return Err(error);
                }
                done => return done,
            }
        }
    }

    /// May be repeated after it failed.
    fn persist(&mut self, name: EntryName, text: &[u8]) -> io::Result<()> {
        if !self.renamed {
            self.file.write_all_at(text, 0)?;
            self.file.sync_data()?;
            std::fs::rename(&self.path, self.lane.directory.join(name.to_string()))?;
            self.renamed = true;
        }
        self.lane.sync()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.renamed {
            // Else the next one who looks after this lane does it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Removes the parts of a lane that was left behind: nothing was promised of them.
pub(super) fn remove_parts(lane: &Lane) -> io::Result<()> {
    for file in std::fs::read_dir(&lane.directory)? {
        let file = file?;
        if file.file_name().to_str().is_some_and(is_part) {
            let _ = std::fs::remove_file(file.path());
        }
    }
    Ok(())
}

/// Whether a disk has no more room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn part_name(number: u64) -> String {
    format!("{number:016x}.{PART}")
}

fn is_part(file: &str) -> bool {
    let number = file.split_once('.').and_then(|(number, _)| u64::from_str_radix(number, 16).ok());
    number.is_some_and(|number| part_name(number) == file)
}
