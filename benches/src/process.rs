//! Services under measurement: started, weighed with all their descendants, and ended without a rest.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Linux counts CPU time for user space in hundredths of a second, whatever the kernel's own clock does: `proc_pid_stat(5)`.
const TICK: Duration = Duration::from_millis(10);
/// What a program sees of this one's environment; the rest could configure it.
const INHERITED: [&str; 4] = ["PATH", "HOME", "LANG", "TMPDIR"];
/// How long a service may take to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// A process that was started here, and whatever it started.
pub(crate) struct Service {
    child: Child,
    log: PathBuf,
}

/// A process at a moment; its start tells it from a later one of the same id.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Process {
    id: u32,
    started: u64,
}

/// Bytes, of several processes together.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    /// Each process's resident pages; those shared between processes are counted in each.
    pub(crate) resident: u64,
    /// Shared pages are divided among the processes of the machine that share them.
    pub(crate) proportional: u64,
}

impl Service {
    /// Starts a program whose output goes to the file `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self, String> {
        let child = File::create(log).and_then(|file| {
            let copy = file.try_clone()?;
            command.stdin(Stdio::null()).stdout(file).stderr(copy).spawn()
        });
        let child = child.map_err(|error| format!("{} does not start: {error}", command.get_program().display()))?;
        Ok(Self { child, log: log.into() })
    }

    /// Starts a program that is talked to through its stdin and stdout; the rest goes to the file `log`.
    pub(crate) fn piped(command: &mut Command, log: &Path) -> Result<(Self, ChildStdin, ChildStdout), String> {
        let program = command.get_program().display().to_string();
        let child = File::create(log)
            .and_then(|file| command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file).spawn());
        let mut child = child.map_err(|error| format!("{program} does not start: {error}"))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let service = Self { child, log: log.into() };
        let (stdin, stdout) = pipes.ok_or_else(|| format!("{program} has no pipes"))?;
        Ok((service, stdin, stdout))
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// The last lines that it wrote.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    /// The service and its descendants.
    pub(crate) fn tree(&self) -> Vec<Process> {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some((id, parent)) = id.and_then(|id| Some((id, *stat(id)?.get(1)?))) {
                children.entry(u32::try_from(parent).unwrap_or_default()).or_default().push(id);
            }
        }
        let mut ids = vec![self.child.id()];
        let mut next = 0;
        while let Some(id) = ids.get(next) {
            ids.extend(children.remove(id).unwrap_or_default());
            next += 1;
        }
        ids.into_iter().filter_map(Process::of).collect()
    }

    /// Ends it and what it started, by request first.
    fn stop(&mut self) {
        let tree = self.tree();
        if !self.has_ended() {
            signal("TERM", &[self.child.id()]);
        }
        let began = Instant::now();
        while !self.has_ended() && began.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(5));
        }
        let left: Vec<u32> = tree.iter().filter(|process| process.lives()).map(|process| process.id).collect();
        if !left.is_empty() {
            signal("KILL", &left);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Process {
    /// This program.
    pub(crate) fn own() -> Option<Self> {
        Self::of(std::process::id())
    }

    fn of(id: u32) -> Option<Self> {
        Some(Self { id, started: *stat(id)?.get(19)? })
    }

    fn lives(self) -> bool {
        Self::of(self.id) == Some(self)
    }
}

/// A program to be started with little of this one's environment.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}

/// What these processes take now. Reading the proportional share walks all page tables: not for a fast succession.
pub(crate) fn memory(processes: &[Process]) -> Memory {
    processes.iter().fold(Memory::default(), |sum, process| {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", process.id)).unwrap_or_default();
        let (resident, proportional) = (kilobytes(&rollup, "Rss:"), kilobytes(&rollup, "Pss:"));
        Memory { resident: sum.resident + resident, proportional: sum.proportional + proportional }
    })
}

/// Their resident bytes now; cheap.
pub(crate) fn resident(processes: &[Process]) -> u64 {
    let status = |process: &Process| fs::read_to_string(format!("/proc/{}/status", process.id)).unwrap_or_default();
    processes.iter().map(|process| kilobytes(&status(process), "VmRSS:")).sum()
}

/// What they have computed since each started, with their children that have ended and were waited for.
pub(crate) fn cpu_time(processes: &[Process]) -> Duration {
    let ticks = |process: &Process| stat(process.id).and_then(|fields| Some(fields.get(11..=14)?.iter().sum::<u64>()));
    let ticks: u64 = processes.iter().filter_map(ticks).sum();
    TICK * u32::try_from(ticks).unwrap_or(u32::MAX)
}

/// An address where nobody listens now.
pub(crate) fn free_address() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    listener.map_err(|error| format!("no free port: {error}"))
}

/// Where cargo built this program, and where the rest goes.
pub(crate) fn target_directory() -> PathBuf {
    let own = std::env::current_exe().ok();
    own.and_then(|own| Some(own.parent()?.parent()?.to_owned())).unwrap_or_else(|| "target".into())
}

/// The line `name   123 kB`, in bytes.
fn kilobytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or_default() * 1024
}

/// `/proc/ID/stat` from the third field, the state, which becomes 0. None for what is no more, but was not reaped.
fn stat(id: u32) -> Option<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    let dead = fields.starts_with(['Z', 'X']);
    (!dead).then(|| fields.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect())
}

/// Through a shell, which can do it without `unsafe` and wherever there is one.
fn signal(name: &str, ids: &[u32]) {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    let script = format!("kill -s {name} {} 2>/dev/null", ids.join(" "));
    let _ = Command::new("sh").args(["-c", &script]).status();
}
