//! What the machine shows of processes, whoever started them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::eventually;

/// A process, by its id as this test sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process(pub u32);

/// State, parent, group.
struct Stat(String, u32, u32);

impl Process {
    fn file(self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.0))
    }

    fn stat(self) -> Option<Stat> {
        let text = std::fs::read_to_string(self.file("stat")).ok()?;
        // The name before may hold anything, also a parenthesis (proc(5)).
        let mut words = text.rsplit_once(')')?.1.split_whitespace();
        Some(Stat(words.next()?.to_owned(), words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    }

    fn all() -> Vec<Self> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Self)).collect()
    }

    /// Every process that carries this variable in its environment.
    #[must_use]
    pub fn marked(mark: &str) -> Vec<Self> {
        let carries = |process: &Self| {
            let environment = std::fs::read(process.file("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        };
        Self::all().into_iter().filter(|process| process.is_alive() && carries(process)).collect()
    }

    /// Whether it runs; one that has ended and waits for its parent does not.
    #[must_use]
    pub fn is_alive(self) -> bool {
        self.stat().is_some_and(|stat| !["Z", "X"].contains(&stat.0.as_str()))
    }

    /// Whether SIGSTOP holds it.
    #[must_use]
    pub fn is_stopped(self) -> bool {
        self.stat().is_some_and(|stat| stat.0 == "T")
    }

    /// Its process group.
    #[must_use]
    pub fn group(self) -> Option<u32> {
        self.stat().map(|stat| stat.2)
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// Where it does not end in time.
    pub fn wait_until_gone(self) {
        eventually(&format!("the end of {self:?}"), || (!self.is_alive()).then_some(()));
    }

    /// Its children, also those that have ended.
    #[must_use]
    pub fn children(self) -> Vec<Self> {
        Self::all().into_iter().filter(|process| process.stat().is_some_and(|stat| stat.1 == self.0)).collect()
    }

    /// Its children that have ended and that it has not looked after.
    #[must_use]
    pub fn zombies(self) -> Vec<Self> {
        self.children().into_iter().filter(|child| child.stat().is_some_and(|stat| stat.0 == "Z")).collect()
    }

    /// The file it executes.
    #[must_use]
    pub fn program(self) -> Option<PathBuf> {
        std::fs::read_link(self.file("exe")).ok()
    }

    /// How many descriptors it has open.
    #[must_use]
    pub fn descriptors(self) -> usize {
        std::fs::read_dir(self.file("fd")).map_or(0, Iterator::count)
    }

    /// How many threads it has.
    #[must_use]
    pub fn threads(self) -> usize {
        std::fs::read_dir(self.file("task")).map_or(0, Iterator::count)
    }

    /// Memory now, in KiB.
    #[must_use]
    pub fn memory(self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most memory it ever had, in KiB.
    #[must_use]
    pub fn memory_at_most(self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(self, name: &str) -> u64 {
        let text = std::fs::read_to_string(self.file("status")).unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} of {self:?}"))
    }

    /// Sends a signal such as `KILL`; false where it is gone.
    #[must_use]
    pub fn signal(self, signal: &str) -> bool {
        let mut kill = Command::new("kill");
        kill.arg(format!("-{signal}")).arg(self.0.to_string()).stderr(Stdio::null());
        kill.status().is_ok_and(|status| status.success())
    }
}

/// Whether this machine has such a command, and may run it: it is run with these arguments.
#[must_use]
pub fn has_command(command: &[&str]) -> bool {
    let mut words = command.iter();
    let Some(program) = words.next() else { return false };
    let run =
        Command::new(program).args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}
