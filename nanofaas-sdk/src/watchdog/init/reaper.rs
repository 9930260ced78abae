//! Reaps orphans: processes that children left behind and that this process inherited.
//!
//! The children of this process are waited for by those who started them. Taking just any status,
//! as a simple init does, would take theirs as well.

use std::time::Duration;

use rustix::process::{WaitId, WaitIdOptions, WaitOptions, getpid, waitid, waitpid};
use tokio::signal::unix::Signal;
use tokio::time::sleep;

use crate::watchdog::process::{registry, zombies};

/// After a child's end: time for those who wait for it, and for others to end with it.
const PAUSE: Duration = Duration::from_millis(20);
/// Between two looks while there are zombies that somebody else is to reap.
const AGAIN: Duration = Duration::from_millis(100);

/// Reaps for as long as this process runs.
pub(super) async fn run(mut ended: Signal) {
    while ended.recv().await.is_some() {
        sleep(PAUSE).await;
        while is_any_zombie() {
            reap_orphans();
            if is_any_zombie() {
                sleep(AGAIN).await;
            }
        }
    }
}

/// Whether any child has ended that nobody has reaped: one system call.
fn is_any_zombie() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::All, options), Ok(Some(_)))
}

/// Reaps what has ended and is nobody's.
pub(super) fn reap_orphans() {
    registry().with_strangers(zombies(getpid()), |orphans| {
        for pid in orphans {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    });
}
