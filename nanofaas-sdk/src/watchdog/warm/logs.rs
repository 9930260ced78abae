//! What a kept child writes for people, and whether it has all been read: a line belongs to the call
//! during which it was written.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::io::ioctl_fionread;
use tokio::io::AsyncReadExt;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::lease::Generation;
use crate::watchdog::process::{Drained, LineLog};

/// How often pipes are looked at that are not empty.
const LOOK: Duration = Duration::from_micros(200);

/// For how long: a child that writes without end is not waited for.
const LOOKS: usize = 500;

/// The pipes of a child's log.
#[derive(Default)]
pub(crate) struct Logs {
    pipes: Mutex<Vec<OwnedFd>>,
    /// Readers that have read something and not logged it.
    busy: AtomicUsize,
    /// A call is over: its last line is, too.
    call_ended: Notify,
}

impl Logs {
    /// Whether there is nothing left to read.
    pub(super) fn is_read(&self) -> bool {
        let pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        self.busy.load(Ordering::Acquire) == 0 && pipes.iter().all(|pipe| ioctl_fionread(pipe).unwrap_or(0) == 0)
    }

    pub(super) async fn read(&self) {
        for _ in 0..LOOKS {
            if self.is_read() {
                break;
            }
            sleep(LOOK).await;
        }
        self.call_ended.notify_waiters();
    }

    fn add(&self, stream: &Drained) {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        pipes.extend(stream.handle());
    }
}

/// Logs what comes through a pipe until nobody can write to it any more.
pub(super) async fn follow(name: &'static str, mut stream: Drained, generation: Arc<Generation>) {
    let logs = &generation.logs;
    logs.add(&stream);
    let mut log = LineLog::new(name, Some(generation.tail().clone()), || generation.execution_id());
    let mut part = vec![0; 8 * 1024];
    loop {
        tokio::select! {
            biased;
            read = stream.read(&mut part) => {
                let Ok(length @ 1..) = read else { break };
                logs.busy.fetch_add(1, Ordering::AcqRel);
                log.push(&part[..length]).await;
                logs.busy.fetch_sub(1, Ordering::AcqRel);
            }
            () = logs.call_ended.notified() => log.end(),
        }
    }
    log.end();
}
