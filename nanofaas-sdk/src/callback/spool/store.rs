//! The spool on the disk. Everything here blocks.

use std::collections::BinaryHeap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

use super::entry::{self, Entry, EntryName, Head, Verdict};
use super::lane::{self, Lane};
use crate::callback::delivery::Delivery;
use crate::callback::post::Post;

const DEAD: &str = "dead";
const PART: &str = "part";

/// An entry larger than any that could have been written is not read.
const LARGEST: u64 = 2 << 30;

/// A directory of callbacks, and this process's lane in it.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
    lane: Mutex<Arc<Lane>>,
    sequence: AtomicU64,
}

/// A file with room for an entry. Dropped, it is removed.
#[derive(Debug)]
pub(super) struct Part {
    lane: Arc<Lane>,
    path: PathBuf,
    file: File,
    written: bool,
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.written {
            // Else the next one who looks after this lane does it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// An entry that was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: EntryName,
    pub(crate) head: Head,
}

impl Store {
    /// Makes the directory, where it is missing, and a lane in it; with `room`, tries whether entries
    /// of this size can be kept.
    pub(crate) fn open(directory: &Path, room: Option<u64>) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        match DirBuilder::new().mode(0o700).create(directory.join(DEAD)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let lane = Mutex::new(Arc::new(Lane::create(directory)?));
        let store = Self { directory: directory.to_owned(), lane, sequence: AtomicU64::new(0) };
        let tried = room.map_or(Ok(()), |room| store.try_out(room));
        tried.inspect_err(|_| store.close())?;
        Ok(store)
    }

    fn try_out(&self, room: u64) -> io::Result<()> {
        let mut part = self.reserve(room)?;
        part.file.write_all(b"\n")?;
        part.file.sync_data()?;
        part.lane.sync()
    }

    fn lane(&self) -> Arc<Lane> {
        Arc::clone(&self.lane.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes room for an entry of up to `bytes` bytes.
    pub(super) fn reserve(&self, bytes: u64) -> io::Result<Part> {
        match self.reserve_in(self.lane(), bytes) {
            // Somebody has tidied up. The spool itself is not made again: it may be a volume that is gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.directory.is_dir() => {
                let mut lane = self.lane.lock().unwrap_or_else(PoisonError::into_inner);
                if !lane.directory.is_dir() {
                    *lane = Arc::new(Lane::create(&self.directory)?);
                }
                let lane = Arc::clone(&lane);
                self.reserve_in(lane, bytes)
            }
            reserved => reserved,
        }
    }

    fn reserve_in(&self, lane: Arc<Lane>, bytes: u64) -> io::Result<Part> {
        let number = self.sequence.fetch_add(1, Ordering::Relaxed);
        let path = lane.directory.join(part_name(number));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let part = Part { lane, path, file, written: false };
        allocate(&part.file, &part.path, bytes)?;
        Ok(part)
    }

    /// Makes the delivery durable in the room that was reserved.
    pub(super) fn write(&self, mut part: Part, delivery: &Delivery) -> io::Result<EntryName> {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let name = EntryName { created: entry::now(), sequence, lane: part.lane.id };
        let text = entry::write(delivery, name.created);
        part.file.write_all(&text)?;
        part.file.set_len(text.len() as u64)?;
        part.file.sync_data()?;
        let path = part.lane.directory.join(name.to_string());
        std::fs::rename(&part.path, &path)?;
        part.written = true;
        part.lane.sync().inspect_err(|_| {
            // Nobody may deliver what was not promised.
            let _ = std::fs::remove_file(&path);
        })?;
        Ok(name)
    }

    fn path(&self, name: EntryName) -> PathBuf {
        self.lane().directory.join(name.to_string())
    }

    /// The contents of an entry.
    pub(super) fn read(&self, name: EntryName) -> io::Result<Bytes> {
        read(&self.path(name))
    }

    /// What an entry says has to be posted, or why it cannot be.
    pub(crate) fn deliverable(&self, name: EntryName, post: &Post) -> Result<Delivery, String> {
        let file = self.read(name).map_err(|error| format!("it cannot be read: {error}"))?;
        Entry::read(&file)?.into_delivery(post.policy())
    }

    /// A delivered entry's end.
    pub(crate) fn remove(&self, name: EntryName) -> io::Result<()> {
        std::fs::remove_file(self.path(name))
    }

    /// Moves an entry to the dead letters, with the reason where it is an entry.
    pub(crate) fn bury(&self, name: EntryName, reason: Option<Verdict>) -> io::Result<()> {
        let path = self.path(name);
        if let Some(verdict) = reason {
            // The letter matters more than its reason.
            let _ = add_verdict(&path, &verdict);
        }
        let dead = self.directory.join(DEAD);
        std::fs::rename(&path, dead.join(name.to_string()))?;
        sync_directory(&dead)
    }

    /// Takes the entries of lanes that nobody looks after; `None` stands for a file that is no entry,
    /// though it is called like one.
    pub(crate) fn take_over(&self) -> io::Result<Vec<(EntryName, Result<Head, String>)>> {
        let mut taken = Vec::new();
        let own = self.lane();
        for (id, directory) in lane::all(&self.directory)? {
            if id == own.id {
                continue;
            }
            // What fails here is tried again soon.
            if let Ok(Some(left)) = Lane::adopt(id, directory) {
                let _ = move_entries(&left, &own, &mut taken);
            }
        }
        if !taken.is_empty() {
            own.sync()?;
        }
        Ok(taken)
    }

    /// Brings dead letters that are asked for back into this process's lane.
    pub(crate) fn revive(&self, is_asked: &dyn Fn(&Head) -> bool) -> io::Result<Vec<Found>> {
        let own = self.lane();
        let mut revived = Vec::new();
        for (name, path) in entries(&self.directory.join(DEAD))? {
            let Ok(head) = read_head(&path) else { continue };
            // Another one may have taken it.
            if is_asked(&head) && std::fs::rename(&path, own.directory.join(name.to_string())).is_ok() {
                revived.push(Found { name, head });
            }
        }
        Ok(revived)
    }

    /// Leaves the spool; what is undelivered stays there for others.
    pub(crate) fn close(&self) {
        // Where it cannot be removed it is taken over.
        let _ = self.lane().remove_if_empty();
    }
}

fn part_name(number: u64) -> String {
    format!("{number:016x}.{PART}")
}

fn is_part(file: &str) -> bool {
    let number = file.split_once('.').and_then(|(number, _)| u64::from_str_radix(number, 16).ok());
    number.is_some_and(|number| part_name(number) == file)
}

/// Moves what stands in a lane that was left behind, and removes the lane.
fn move_entries(from: &Lane, to: &Lane, taken: &mut Vec<(EntryName, Result<Head, String>)>) -> io::Result<()> {
    for file in std::fs::read_dir(&from.directory)? {
        let file = file?;
        // Nothing was promised of it.
        if file.file_name().to_str().is_some_and(is_part) {
            let _ = std::fs::remove_file(file.path());
        }
    }
    for (name, path) in entries(&from.directory)? {
        let head = read_head(&path);
        std::fs::rename(&path, to.directory.join(name.to_string()))?;
        taken.push((name, head));
    }
    to.sync()?;
    from.remove_if_empty().map(drop)
}

/// The entries of a directory, oldest first. Other files are not ours.
fn entries(directory: &Path) -> io::Result<Vec<(EntryName, PathBuf)>> {
    let mut entries = BinaryHeap::new();
    for file in std::fs::read_dir(directory)? {
        let file = file?;
        let name = file.file_name().to_str().and_then(EntryName::parse);
        // Neither a directory nor a pipe is one.
        if let Some(name) = name.filter(|_| file.file_type().is_ok_and(|kind| kind.is_file())) {
            entries.push((name, file.path()));
        }
    }
    Ok(entries.into_sorted_vec())
}

fn read(path: &Path) -> io::Result<Bytes> {
    if std::fs::metadata(path)?.len() > LARGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    std::fs::read(path).map(Bytes::from)
}

fn read_head(path: &Path) -> Result<Head, String> {
    let file = read(path).map_err(|error| error.to_string())?;
    Entry::read(&file).map(|entry| entry.head)
}

fn add_verdict(path: &Path, verdict: &Verdict) -> io::Result<()> {
    let file = read(path)?;
    let mut open = OpenOptions::new().append(true).open(path)?;
    if let Ok(entry) = Entry::read(&file) {
        // A letter that died before has a reason already.
        open.set_len(entry.length() as u64)?;
    }
    open.write_all(&verdict.write())?;
    open.sync_data()
}

/// Takes room on the disk, so that a later write cannot fail for want of it.
fn allocate(file: &File, path: &Path, bytes: u64) -> io::Result<()> {
    loop {
        match fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Err(Errno::INTR) => {}
            // A file system that cannot promise room can tell how much there is.
            Err(Errno::OPNOTSUPP) => {
                let room = statvfs(path)?;
                return if room.f_bavail.saturating_mul(room.f_frsize) < bytes {
                    Err(Errno::NOSPC.into())
                } else {
                    Ok(())
                };
            }
            done => return Ok(done?),
        }
    }
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// What stands in a spool, for somebody who only looks.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) name: EntryName,
    pub(crate) state: State,
    /// Or why it is unreadable.
    pub(crate) head: Result<Head, String>,
    pub(crate) verdict: Option<Verdict>,
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A living process delivers it.
    Attended,
    /// The next process will.
    Left,
    Dead,
}

/// Everything in a spool, oldest first, without touching it.
pub(crate) fn survey(directory: &Path) -> io::Result<Vec<Seen>> {
    let dead = directory.join(DEAD);
    let mut all = BinaryHeap::new();
    let mut attended = Vec::new();
    for place in lane::all(directory)?.into_iter().map(|(_, lane)| lane).chain([dead.clone()]) {
        match entries(&place) {
            // Removed or taken over at this moment; or never made.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => all.extend(found?),
        }
        if Lane::is_attended(&place) {
            attended.push(place);
        }
    }
    let mut seen = Vec::new();
    for (name, path) in all.into_sorted_vec() {
        let state = match path.parent() {
            Some(place) if place == dead => State::Dead,
            Some(place) if attended.iter().any(|attended| attended == place) => State::Attended,
            _ => State::Left,
        };
        let entry = match read(&path) {
            // Delivered at this moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file.map_err(|error| error.to_string()).and_then(|file| Entry::read(&file)),
        };
        let (head, verdict) = match entry {
            Ok(entry) => (Ok(entry.head), entry.verdict),
            Err(reason) => (Err(reason), None),
        };
        seen.push(Seen { name, state, head, verdict });
    }
    Ok(seen)
}
