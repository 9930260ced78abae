//! One CPU for everything: two that are shared add wake-ups which say nothing about a program.

use std::process::{Command, Stdio};

/// This thread and what it starts stay on one CPU as long as this lives.
pub(crate) struct Pinned {
    before: String,
}

impl Pinned {
    /// Only from the first thread of the program, which has the program's id. Through `taskset`, which is not everywhere.
    pub(crate) fn to_one() -> Result<Self, String> {
        let status = std::fs::read_to_string("/proc/self/status").map_err(|error| format!("no /proc: {error}"))?;
        let before = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).map(str::trim);
        let before = before.ok_or("the system does not say which CPUs may be used")?.to_owned();
        let last = before.rsplit([',', '-']).next().unwrap_or_default();
        allow(last)?;
        Ok(Self { before })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Err(reason) = allow(&self.before) {
            eprintln!("still on one CPU: {reason}");
        }
    }
}

fn allow(list: &str) -> Result<(), String> {
    let own = std::process::id().to_string();
    let status = Command::new("taskset").args(["-p", "-c", list, &own]).stdout(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("taskset ended with {status}")),
        Err(error) => Err(format!("taskset: {error}")),
    }
}
