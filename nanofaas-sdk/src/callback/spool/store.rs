//! The spool on the disk. Everything here blocks.

use std::collections::BinaryHeap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::entry::{self, Entry, EntryName, Head, Verdict};
use super::lane::{self, Lane};
use super::own::{Own, Part, is_full, remove_parts};
use crate::callback::delivery::Delivery;
use crate::callback::post::Post;

/// Where dead letters are.
pub(super) const DEAD: &str = "dead";

/// An entry larger than any that could have been written is not read.
const LARGEST: u64 = 2 << 30;

/// A directory of callbacks, and this process's lane in it.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
    /// The directory itself, whatever its path leads to by now.
    root: Mutex<File>,
    own: Mutex<Own>,
    /// Lanes that cannot be taken over, and were told.
    told: Mutex<Vec<u64>>,
    sequence: AtomicU64,
    /// The size of the largest entry that was asked for.
    largest: AtomicU64,
}

impl Store {
    /// Makes the directory, where it is missing, and a lane in it; with `room`, tries whether entries
    /// of this size can be kept.
    pub(crate) fn open(directory: &Path, room: Option<u64>) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        make_dead(&directory.join(DEAD))?;
        let opened = Mutex::new(File::open(directory)?);
        let own = Mutex::new(Own::create(directory)?);
        let (sequence, largest) = (AtomicU64::new(0), AtomicU64::new(0));
        let (directory, told) = (directory.to_owned(), Mutex::default());
        let store = Self { directory, root: opened, own, told, sequence, largest };
        store.remove_left_parts();
        match room.map_or(Ok(()), |room| store.reserve(room)?.try_out()) {
            // Who does not start cannot empty the disk either.
            Err(error) if is_full(&error) && store.has_entries() => {
                tracing::warn!(target: "nanofaas", %error, "the callback spool has no room: invocations with a callback are refused until some are delivered");
            }
            tried => tried.inspect_err(|_| store.close())?,
        }
        Ok(store)
    }

    /// What processes that have ended held back is free again.
    fn remove_left_parts(&self) {
        let own = self.lane().id;
        for (id, directory) in lane::all(&self.directory).unwrap_or_default() {
            if id != own
                && let Ok(Some(left)) = Lane::adopt(id, directory)
            {
                let _ = remove_parts(&left);
            }
        }
    }

    /// Whether any callback waits, in whatever lane.
    fn has_entries(&self) -> bool {
        let lanes = lane::all(&self.directory).unwrap_or_default();
        lanes.into_iter().any(|(_, lane)| entries(&lane).is_ok_and(|entries| !entries.is_empty()))
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lane(&self) -> Arc<Lane> {
        Arc::clone(&self.own().lane)
    }

    /// Takes room for an entry of up to `bytes` bytes.
    pub(super) fn reserve(&self, bytes: u64) -> io::Result<Part> {
        self.largest.fetch_max(bytes, Ordering::Relaxed);
        let number = self.sequence.fetch_add(1, Ordering::Relaxed);
        let own = self.own().clone();
        match own.reserve(number, bytes) {
            // Somebody has tidied up. The spool itself is not made again: it may be a volume that is gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.check_there()?;
                let mut own = self.own();
                if !own.lane.directory.is_dir() {
                    *own = Own::create(&self.directory)?;
                }
                own.reserve(number, bytes)
            }
            reserved => reserved,
        }
    }

    /// Makes the delivery durable in the room that was reserved.
    pub(super) fn write(&self, part: Part, delivery: &Delivery) -> io::Result<EntryName> {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let name = EntryName { created: entry::now(), sequence, lane: part.lane_id() };
        part.write(name, &entry::write(delivery, name.created)).map(|()| name)
    }

    /// Gives back the room that nobody needs now.
    pub(super) fn shrink(&self) {
        self.own().headroom.shrink(self.largest.load(Ordering::Relaxed));
    }

    /// Whether the directory is the one that was opened, and not what lies below a volume that is gone.
    fn check_there(&self) -> io::Result<()> {
        let found = File::open(&self.directory);
        let found = found.map_err(|error| io::Error::other(format!("the directory is gone: {error}")))?;
        let mut root = self.root.lock().unwrap_or_else(PoisonError::into_inner);
        let (own, there) = (root.metadata()?, found.metadata()?);
        if (own.dev(), own.ino()) == (there.dev(), there.ino()) {
            return Ok(());
        }
        if own.nlink() > 0 {
            return Err(io::Error::other(
                "the directory is another one than at the start: its volume is gone or hidden",
            ));
        }
        // The first one was removed: there is nothing in it any more.
        *root = found;
        make_dead(&self.directory.join(DEAD))
    }

    /// Does something with an entry; where it is not found, that holds only if the spool is there.
    fn with<T>(&self, name: EntryName, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
        act(&self.path(name)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.check_there().err().unwrap_or(error),
            _ => error,
        })
    }

    fn path(&self, name: EntryName) -> PathBuf {
        self.lane().directory.join(name.to_string())
    }

    /// The contents of an entry.
    pub(super) fn read(&self, name: EntryName) -> io::Result<Bytes> {
        self.with(name, read)
    }

    /// What an entry says has to be posted, or why it cannot be.
    pub(crate) fn deliverable(&self, name: EntryName, post: &Post) -> Result<Delivery, String> {
        let file = self.read(name).map_err(|error| format!("it cannot be read: {error}"))?;
        Entry::read(&file)?.into_delivery(post.policy())
    }

    /// A delivered entry's end.
    pub(crate) fn remove(&self, name: EntryName) -> io::Result<()> {
        self.with(name, |path| std::fs::remove_file(path))
    }

    /// Moves an entry to the dead letters, with the reason where it is an entry.
    pub(crate) fn bury(&self, name: EntryName, reason: Option<&Verdict>) -> io::Result<()> {
        let dead = self.directory.join(DEAD);
        self.with(name, |path| {
            if let Some(verdict) = reason {
                // The letter matters more than its reason.
                let _ = add_verdict(path, verdict);
            }
            let buried = dead.join(name.to_string());
            match std::fs::rename(path, &buried) {
                // Somebody has tidied up.
                Err(error) if error.kind() == io::ErrorKind::NotFound && path.exists() => {
                    make_dead(&dead)?;
                    std::fs::rename(path, &buried)?;
                }
                renamed => renamed?,
            }
            sync_directory(&dead)
        })
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
            let moved = match Lane::adopt(id, directory) {
                Ok(None) => continue,
                Ok(Some(left)) => move_entries(&left, &own, &mut taken),
                Err(error) => Err(error),
            };
            if let Err(error) = moved {
                self.tell_once(id, &error);
            }
        }
        if !taken.is_empty() {
            own.sync()?;
        }
        Ok(taken)
    }

    fn tell_once(&self, lane: u64, error: &io::Error) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.contains(&lane) {
            told.push(lane);
            let lane = format!("{lane:016x}");
            tracing::error!(target: "nanofaas", lane, %error, "callbacks of a process that has ended cannot be taken over");
        }
    }

    /// Brings dead letters that are asked for back into this process's lane.
    pub(crate) fn revive(&self, is_asked: &dyn Fn(&Head) -> bool) -> io::Result<Vec<(EntryName, Head)>> {
        let own = self.lane();
        let mut revived = Vec::new();
        for (name, path) in entries(&self.directory.join(DEAD))? {
            let Ok(head) = read_head(&path) else { continue };
            // Another one may have taken it.
            if is_asked(&head) && std::fs::rename(&path, own.directory.join(name.to_string())).is_ok() {
                revived.push((name, head));
            }
        }
        Ok(revived)
    }

    /// Leaves the spool; what is undelivered stays there for others.
    pub(crate) fn close(&self) {
        self.own().close();
    }
}

/// Moves what stands in a lane that was left behind, and removes the lane.
fn move_entries(from: &Lane, to: &Lane, taken: &mut Vec<(EntryName, Result<Head, String>)>) -> io::Result<()> {
    remove_parts(from)?;
    for (name, path) in entries(&from.directory)? {
        let head = read_head(&path);
        std::fs::rename(&path, to.directory.join(name.to_string()))?;
        taken.push((name, head));
    }
    to.sync()?;
    from.remove_if_empty().map(drop)
}

/// The entries of a directory, oldest first. Other files are not ours.
pub(super) fn entries(directory: &Path) -> io::Result<Vec<(EntryName, PathBuf)>> {
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

pub(super) fn read(path: &Path) -> io::Result<Bytes> {
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

fn make_dead(dead: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dead) {
        Err(_) if dead.is_dir() => Ok(()),
        made => made,
    }
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
