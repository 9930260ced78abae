//! What a process holds, compared with what it holds later.

use std::time::Duration;

use crate::{Process, eventually};

/// What a process held at one moment.
#[derive(Debug)]
pub struct Footprint {
    process: Process,
    descriptors: usize,
    threads: usize,
    /// In KiB.
    pub memory: u64,
}

impl Footprint {
    /// What it holds now that it has come to rest.
    #[must_use]
    pub fn of(process: Process) -> Self {
        let look = || (process.descriptors(), process.threads());
        eventually(&format!("{process:?} at rest"), || {
            let before = look();
            std::thread::sleep(Duration::from_millis(50));
            (before == look()).then_some(())
        });
        let (descriptors, threads) = look();
        Self { process, descriptors, threads, memory: process.memory() }
    }

    /// Waits until it holds no more descriptors and threads than then, and no dead child.
    pub fn wait_until_back(&self) {
        let process = self.process;
        eventually(&format!("descriptors as in {self:?}"), || {
            (process.descriptors() <= self.descriptors).then_some(())
        });
        eventually(&format!("threads as in {self:?}"), || (process.threads() <= self.threads).then_some(()));
        eventually("an end of zombies", || process.zombies().is_empty().then_some(()));
    }

    /// Runs `trouble` twice: once for what the process needs for it, and once to see that this is all.
    ///
    /// # Panics
    ///
    /// Where it holds more for the second time.
    pub fn same_after(process: Process, mut trouble: impl FnMut()) {
        let before = Self::of(process);
        trouble();
        before.wait_until_back();
        let once = process.memory();
        trouble();
        before.wait_until_back();
        // A heap is not packed twice in the same way.
        let most = once + once / 4 + 4096;
        eventually(&format!("at most {most} KiB after {once}"), || (process.memory() <= most).then_some(()));
    }
}
