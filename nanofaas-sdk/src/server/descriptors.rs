//! How many connections the process has descriptors for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// For the log, the event loop, the port, names that are looked up, and some spare ones.
const OWN: u64 = 64;
/// For each invocation that runs: what a handler opens, or a child's pipes and its pidfd.
const PER_INVOCATION: u64 = 8;

/// As many connections as are configured, or as the limit of descriptors leaves room for.
///
/// The soft limit of a function's process is raised as far as that takes. A watchdog's is not: its children would
/// start with it, and some programs close every descriptor up to the limit, or cannot handle a number above 1023. To
/// set it back between fork and exec would need `unsafe`, and to do so after the exec would be too late for programs
/// that ask at their start.
pub(super) fn connections(config: &Config, has_child: bool) -> usize {
    let wanted = config.max_connections as u64;
    let share = share(config);
    let limits = getrlimit(Resource::Nofile);
    let mut soft = limits.current.unwrap_or(u64::MAX);
    let needed = wanted.saturating_add(share);
    if soft < needed && !has_child {
        let raised = limits.maximum.map_or(needed, |hard| needed.min(hard));
        // Refused by the system or not: the limit in force counts.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limits.maximum });
        soft = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    }
    let room = room(soft, share);
    if room < wanted {
        tracing::info!(
            target: "nanofaas",
            connections = room,
            descriptors = soft,
            "fewer connections than NANOFAAS_MAX_CONNECTIONS: the limit of descriptors leaves no room for more"
        );
    }
    usize::try_from(room.min(wanted)).unwrap_or(config.max_connections)
}

/// Descriptors that connections leave to the rest of the process.
fn share(config: &Config) -> u64 {
    let (callbacks, invocations) = (config.max_pending_callbacks as u64, config.max_concurrent_handlers as u64);
    OWN + callbacks + PER_INVOCATION * invocations
}

/// What the limit leaves to connections: half of it at least, where the share would take more.
fn room(limit: u64, share: u64) -> u64 {
    (limit - share.min(limit / 2)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_callbacks_and_children() {
        assert_eq!(share(&Config::default()), 64 + 128 + 8 * 32);
        assert_eq!(room(1024, 448), 576);
        assert_eq!(room(20_000, 448), 19_552);
    }

    #[test]
    fn a_small_limit_is_shared_evenly() {
        assert_eq!(room(256, 448), 128);
        assert_eq!(room(0, 448), 1);
    }
}
