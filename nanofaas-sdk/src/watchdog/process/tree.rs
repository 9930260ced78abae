//! Who descends from whom, as `/proc` tells it (`proc_pid_stat(5)`, `proc_pid_environ(5)`).

use std::collections::HashSet;
use std::fs;

use rustix::process::{Pid, Signal, getpid, kill_process};

use super::MARK;

/// A process that was seen. Its id may be somebody else's later, but with another start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) pid: Pid,
    started: u64,
}

impl Seen {
    /// Kills it, unless it has ended.
    pub(crate) fn kill(self) {
        if entry(self.pid).is_some_and(|entry| entry.started == self.started && !entry.is_zombie) {
            // It may end in this moment.
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }
}

/// One process in `/proc`.
#[derive(Clone, Copy, Debug)]
struct Entry {
    pid: Pid,
    parent: i32,
    group: i32,
    is_zombie: bool,
    /// Since the machine's start, in its own ticks.
    started: u64,
}

impl Entry {
    fn seen(self) -> Seen {
        Seen { pid: self.pid, started: self.started }
    }
}

fn pids() -> impl Iterator<Item = Pid> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| Pid::from_raw(name.to_str()?.parse().ok()?))
}

fn entry(pid: Pid) -> Option<Entry> {
    let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
    // The name in parentheses may hold anything, parentheses too.
    let rest = stat.rsplitn(2, |byte| *byte == b')').next()?;
    let text = std::str::from_utf8(rest).ok()?;
    let mut fields = text.split_ascii_whitespace();
    let is_zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    // The 22nd field of all, and these begin with the third.
    let started = fields.nth(16)?.parse().ok()?;
    Some(Entry { pid, parent, group, is_zombie, started })
}

/// All living processes below `root`, without itself.
pub(crate) fn descendants(root: Pid) -> Vec<Seen> {
    let all: Vec<Entry> = pids().filter_map(entry).collect();
    let mut known = HashSet::from([root.as_raw_pid()]);
    let mut found = Vec::new();
    loop {
        let before = found.len();
        for entry in &all {
            let pid = entry.pid.as_raw_pid();
            if known.contains(&entry.parent) && known.insert(pid) && !entry.is_zombie {
                found.push(entry.seen());
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// All living processes whose [`MARK`] begins with `mark`.
pub(crate) fn marked(mark: &str) -> Vec<Seen> {
    let is_wanted = |variable: &[u8]| is_mark(variable) && variable[MARK.len() + 1..].starts_with(mark.as_bytes());
    let marked = pids().filter(|pid| environment(*pid).any(|variable| is_wanted(&variable)));
    marked.filter_map(entry).filter(|entry| !entry.is_zombie).map(Entry::seen).collect()
}

fn is_mark(variable: impl AsRef<[u8]>) -> bool {
    variable.as_ref().strip_prefix(MARK.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
}

/// The variables that a process was started with.
fn environment(pid: Pid) -> impl Iterator<Item = Vec<u8>> {
    let all = fs::read(format!("/proc/{}/environ", pid.as_raw_pid())).unwrap_or_default();
    all.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect::<Vec<_>>().into_iter()
}

/// When a process was started, to compare it with others.
pub(super) fn started(pid: Pid) -> Option<u64> {
    entry(pid).map(|entry| entry.started)
}

/// Living children of this process that were started since then and have no [`MARK`]: orphans that
/// it inherited and whose environment says nothing.
pub(super) fn unmarked_orphans(since: u64) -> Vec<Seen> {
    let own = getpid().as_raw_pid();
    let orphans = pids().filter_map(entry).filter(|entry| entry.parent == own && entry.started >= since);
    orphans.filter(|entry| !entry.is_zombie && !environment(entry.pid).any(is_mark)).map(Entry::seen).collect()
}

/// Zombies among the children of `parent`.
pub(crate) fn zombies(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_pid();
    let all = pids().filter_map(entry);
    all.filter(|entry| entry.is_zombie && entry.parent == parent).map(|entry| entry.pid).collect()
}

/// Whether a process of this group still runs.
pub(super) fn is_group_alive(group: Pid) -> bool {
    let group = group.as_raw_pid();
    pids().filter_map(entry).any(|entry| entry.group == group && !entry.is_zombie)
}
