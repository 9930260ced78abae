//! The duties of a process that others live in: nothing of it leaks into its children, orphans are
//! reaped, signals passed on, and nobody is left behind.

mod guardian;
mod reaper;

use std::io::IsTerminal;
use std::time::Duration;

use nix::sys::signal::SigSet;
use rustix::process::{DumpableBehavior, Pid, Signal, getpid, set_child_subreaper, set_dumpable_behavior};
use tokio::signal::unix::{SignalKind, signal};

use super::process::{aside, prepare_aside, registry, serve_third};

/// Is the guardian, or becomes a child, if the program was started for that.
pub(super) fn serve_as_another() -> Option<u8> {
    guardian::serve().or_else(serve_third)
}

/// How long children that are being ended may take beyond their grace.
const LAST_MOMENTS: Duration = Duration::from_secs(2);

/// Prepares this process to be one that others live in. Comes before any thread. Where it keeps
/// secrets, processes of the same user cannot look into it: neither `/proc` nor a debugger shows them.
pub(super) fn own_process(keeps_secrets: bool) {
    if keeps_secrets && let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(target: "nanofaas", %error, "children of the same user can read this process's environment");
    }
    // Whoever started us may have left descriptors open; children get three streams and no more.
    close_fds::set_fds_cloexec(3, &[]);
    registry().own_process();
    // A mask that we were started with would be our children's as well, and keep SIGTERM from us.
    if let Err(error) = SigSet::empty().thread_set_mask() {
        tracing::warn!(target: "nanofaas", %error, "signals that were blocked stay so");
    }
    if let Err(error) = prepare_aside() {
        tracing::error!(target: "nanofaas", %error, "there is no thread to start programs");
    }
    if !is_first() {
        // Orphans below us come to us and not to the machine's first process.
        if let Err(error) = set_child_subreaper(Some(getpid())) {
            tracing::warn!(target: "nanofaas", %error, "processes that leave their group cannot be reaped");
        }
    }
}

/// Whether this is the first process of its namespace: nobody outlives it.
fn is_first() -> bool {
    getpid() == Pid::INIT
}

/// Starts what goes on beside the service. Where `user1` is not passed on, the executor takes it.
pub(super) fn attend(user1: bool) {
    match signal(SignalKind::child()) {
        Ok(children) => drop(tokio::spawn(reaper::run(children))),
        Err(error) => tracing::warn!(target: "nanofaas", %error, "orphans cannot be reaped"),
    }
    if !is_first() {
        tokio::spawn(aside(guardian::start));
    }
    if user1 {
        pass_on(SignalKind::user_defined1(), Signal::USR1);
    }
    pass_on(SignalKind::user_defined2(), Signal::USR2);
    // A terminal that closes ends us; without one it means what the child makes of it.
    if !std::io::stdin().is_terminal() {
        pass_on(SignalKind::hangup(), Signal::HUP);
    }
}

fn pass_on(kind: SignalKind, to_children: Signal) {
    let Ok(mut received) = signal(kind) else { return };
    tokio::spawn(async move {
        while received.recv().await.is_some() {
            registry().signal(to_children);
        }
    });
}

/// Waits for the children that are being ended, then kills what is left below this process.
pub(super) async fn leave_nothing(grace: Duration) {
    let patience = async {
        while !registry().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let _ = tokio::time::timeout(grace + LAST_MOMENTS, patience).await;
    let sweep = async {
        while registry().kill() > 0 {
            reaper::reap_all_orphans();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let _ = tokio::time::timeout(LAST_MOMENTS, sweep).await;
    // What is to be removed has been, behind it.
    let _ = aside(|| ()).await;
    guardian::dismiss();
}
