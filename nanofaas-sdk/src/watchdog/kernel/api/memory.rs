//! How much memory the container uses, and how much it may.

use std::fs;

use serde::Serialize;

/// An answer of `GET /memory`.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Memory {
    used_bytes: u64,
    /// The container's limit, or the machine's memory where there is none.
    limit_bytes: u64,
    usage_percent: f64,
}

/// The cgroup's own figures (version 2, then 1), else the machine's.
pub(super) fn read() -> Memory {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let used =
        number("/sys/fs/cgroup/memory.current").or_else(|| number("/sys/fs/cgroup/memory/memory.usage_in_bytes"));
    let limit = number("/sys/fs/cgroup/memory.max").or_else(|| number("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    let machine = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = of_machine(&machine, "MemTotal:");
    let used = used.unwrap_or_else(|| total.saturating_sub(of_machine(&machine, "MemAvailable:")));
    // Version 1 says "no limit" with a number beyond any machine.
    Memory::of(used, limit.filter(|limit| *limit <= total).unwrap_or(total))
}

fn of_machine(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024
}

impl Memory {
    #[expect(clippy::cast_precision_loss, reason = "it is a percentage")]
    fn of(used_bytes: u64, limit_bytes: u64) -> Self {
        let percent = if limit_bytes == 0 { 0.0 } else { used_bytes as f64 * 100.0 / limit_bytes as f64 };
        Self { used_bytes, limit_bytes, usage_percent: (percent * 10.0).round() / 10.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_in_percent() {
        assert!((Memory::of(1, 3).usage_percent - 33.3).abs() < f64::EPSILON);
        assert_eq!(Memory::of(1, 0), Memory { used_bytes: 1, ..Memory::default() });
        assert_eq!(of_machine("MemTotal:       16 kB\nMemAvailable:  2 kB\n", "MemAvailable:"), 2048);
        let memory = read();
        assert!(memory.used_bytes > 0 && memory.limit_bytes >= memory.used_bytes, "{memory:?}");
    }
}
