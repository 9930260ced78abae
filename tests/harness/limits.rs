//! Limits of processes, this one's included.

use crate::{Process, has_command, skip};

impl Process {
    /// Sets one of its soft limits with `prlimit`, such as `nofile` to `64`; false where that is not possible.
    #[must_use]
    pub fn limit(self, what: &str, soft: usize) -> bool {
        has_command(&["prlimit", &format!("--pid={}", self.0), &format!("--{what}={soft}:")])
    }
}

/// Whether this machine can limit processes; else a reason is printed.
#[must_use]
pub fn can_limit() -> bool {
    let can = has_command(&["prlimit", "--version"]);
    if !can {
        skip("there is no `prlimit`");
    }
    can
}

/// Whether this test may open so many connections, after it has tried to raise its own limit; else a reason is printed.
#[must_use]
pub fn may_open(connections: usize) -> bool {
    // Other tests of this process have theirs.
    let needed = connections + 3000;
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    let soft = line.split_whitespace().nth(3).and_then(|soft| soft.parse().ok()).unwrap_or(usize::MAX);
    let may = soft >= needed || Process(std::process::id()).limit("nofile", needed);
    if !may {
        skip(&format!("this process may have {soft} descriptors open, and {needed} are needed"));
    }
    may
}
