//! Reaps orphans: processes that children left behind and that this process inherited.
//!
//! The children of this process are waited for by those who started them. Taking just any status,
//! as a simple init does, would take theirs as well.

use std::time::Duration;

use nix::sys::wait::{Id, WaitPidFlag, waitid};
use rustix::process::{Pid, WaitOptions, getpid, waitpid};
use tokio::signal::unix::Signal;
use tokio::time::sleep;

use super::guardian;
use crate::watchdog::process::{aside, registry, zombies};

/// After a child's end: time for those who wait for it, and for others to end with it.
const PAUSE: Duration = Duration::from_millis(20);
/// Between two looks while there are zombies that somebody else is to reap, at most.
const AGAIN: Duration = Duration::from_millis(500);

/// Reaps for as long as this process runs.
pub(super) async fn run(mut ended: Signal) {
    while ended.recv().await.is_some() {
        sleep(PAUSE).await;
        if guardian::is_lost() {
            tracing::warn!(target: "nanofaas", "the guardian of the children was ended and is started again");
            let _ = aside(guardian::start).await;
        }
        let mut pause = PAUSE;
        while let Some(zombie) = any_zombie() {
            reap_orphans(zombie);
            if any_zombie().is_some() {
                // Those who wait for it take it themselves.
                sleep(pause).await;
                pause = (pause * 2).min(AGAIN);
            }
        }
    }
}

/// A child that has ended and that nobody has reaped.
fn any_zombie() -> Option<Pid> {
    let options = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(Id::All, options).ok()?.pid().and_then(|pid| Pid::from_raw(pid.as_raw()))
}

/// Reaps those that are nobody's: this one, or others that it hides where it is somebody's.
fn reap_orphans(mut zombie: Pid) {
    while registry().is_stranger(zombie) == Some(true) {
        let _ = waitpid(Some(zombie), WaitOptions::NOHANG);
        match any_zombie() {
            Some(next) => zombie = next,
            None => return,
        }
    }
    for hidden in zombies(getpid()) {
        if registry().is_stranger(hidden) == Some(true) {
            let _ = waitpid(Some(hidden), WaitOptions::NOHANG);
        }
    }
}

/// Reaps all that are nobody's now.
pub(super) fn reap_all_orphans() {
    if let Some(zombie) = any_zombie() {
        reap_orphans(zombie);
    }
}
