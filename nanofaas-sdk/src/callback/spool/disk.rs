//! The store, from the event loop: it never waits for a disk itself.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use super::entry::{EntryName, Head, Verdict};
use super::own::Part;
use super::store::Store;
use crate::callback::delivery::Delivery;
use crate::threads::Threads;

/// Threads that work on the directory: writes that are made at once share a commit of the disk.
const THREADS: usize = 4;

/// A directory of callbacks.
#[derive(Debug)]
pub(crate) struct Disk {
    store: Arc<Store>,
    threads: Threads,
}

/// Room for one entry. Dropped, it is given back.
#[derive(Debug)]
pub(crate) struct Room {
    part: Option<Part>,
    threads: Threads,
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(part) = self.part.take() {
            self.threads.later(|| drop(part));
        }
    }
}

impl Disk {
    pub(super) async fn open(directory: &Path, room: u64) -> io::Result<Self> {
        let directory = directory.to_owned();
        // Beyond a limit of file sizes a write fails with an error then, and does not end the process.
        let _ = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?;
        let threads = Threads::start("nanofaas-spool", THREADS)?;
        let store = threads.run(move || Store::open(&directory, Some(room))).await??;
        Ok(Self { store: Arc::new(store), threads })
    }

    pub(super) fn directory(&self) -> &Path {
        self.store.directory()
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Store) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let store = Arc::clone(&self.store);
        self.threads.run(move || job(&store)).await?
    }

    pub(super) async fn reserve(&self, bytes: u64) -> io::Result<Room> {
        let threads = self.threads.clone();
        // Made over there, so that it is given back where nobody waits for it any more.
        self.run(move |store| Ok(Room { part: Some(store.reserve(bytes)?), threads })).await
    }

    pub(super) async fn write(&self, mut room: Room, delivery: Arc<Delivery>) -> io::Result<EntryName> {
        let part = room.part.take().ok_or(io::ErrorKind::NotFound)?;
        self.run(move |store| store.write(part, &delivery)).await
    }

    pub(super) async fn read(&self, name: EntryName) -> io::Result<Bytes> {
        self.run(move |store| store.read(name)).await
    }

    pub(super) async fn remove(&self, name: EntryName) -> io::Result<()> {
        self.run(move |store| store.remove(name)).await
    }

    pub(super) async fn bury(&self, name: EntryName, verdict: Option<Verdict>) -> io::Result<()> {
        self.run(move |store| store.bury(name, verdict.as_ref())).await
    }

    pub(super) async fn take_over(&self) -> io::Result<Vec<(EntryName, Result<Head, String>)>> {
        self.run(Store::take_over).await
    }

    /// Gives back the room that nobody needs now.
    pub(super) fn shrink(&self) {
        let store = Arc::clone(&self.store);
        self.threads.later(move || store.shrink());
    }

    pub(super) async fn close(&self) {
        // What is left is taken over.
        let _ = self
            .run(|store| {
                store.close();
                Ok(())
            })
            .await;
    }
}
