//! The end of a process: first asked for, then forced, and always reaped.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, kill_process, kill_process_group};

use super::tree::{Seen, descendants, is_group_alive, marked, started, unmarked_orphans};
use super::{Running, registry};

/// How often those are looked for that neither a signal nor a pipe tells of; doubles every time.
const LOOK: Duration = Duration::from_millis(5);
const LONGEST_LOOK: Duration = Duration::from_millis(100);

/// How long a killed process may take to be gone. The system cannot end one that waits for a broken
/// disk.
const PATIENCE: Duration = Duration::from_secs(5);

impl Running {
    pub(super) async fn exited(&self) {
        // An error would be one of the event loop itself, which is gone then.
        let _ = self.pidfd.readable().await;
    }

    /// SIGTERM to the group, the grace, SIGKILL to the group and to those that left it.
    pub(super) async fn terminate(self) -> io::Result<ExitStatus> {
        // Their parents are known while these live.
        let below = descendants(self.group);
        let since = started(self.group);
        self.signal(Signal::TERM);
        // A stopped process takes no signal before it goes on.
        self.signal(Signal::CONT);
        let quiet = async {
            self.exited().await;
            let mut pause = LOOK;
            while is_group_alive(self.group) {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_LOOK);
            }
        };
        let _ = tokio::time::timeout(self.grace, quiet).await;
        self.force(below, since).await
    }

    /// SIGKILL to the group and to those that left it, without asking first.
    #[cfg(feature = "kernel")]
    pub(super) async fn kill(self) -> io::Result<ExitStatus> {
        let (below, since) = (descendants(self.group), started(self.group));
        self.force(below, since).await
    }

    async fn force(self, below: Vec<Seen>, since: Option<u64>) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.kill_escapees(below, since);
        if tokio::time::timeout(PATIENCE, self.exited()).await.is_err() {
            tracing::error!(target: "nanofaas", pid = self.group.as_raw_pid(), "a child does not end though it was killed");
        }
        self.exited().await;
        // Those that it started at the last moment.
        self.kill_escapees(Vec::new(), since);
        self.reap().await
    }

    /// Takes the status of a process that has exited, and kills what is left of its group; with
    /// `thoroughly` also those that left it.
    pub(super) async fn finish(self, thoroughly: bool) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        if thoroughly {
            self.kill_escapees(descendants(self.group), started(self.group));
        }
        self.reap().await
    }

    /// Signals the group, and the process itself, which may have left it. Safe also when it has
    /// ended: its id is its own until it is reaped.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.group, signal);
        if signal != Signal::CONT {
            let _ = kill_process(self.group, signal);
        }
    }

    /// Signals the group alone, as a terminal does. The process has not been reaped: the id is its own.
    #[cfg(feature = "kernel")]
    pub(super) fn signal_group(&self, signal: Signal) {
        let _ = kill_process_group(self.group, signal);
    }

    /// Whether the process has ended, without the event loop's view of it.
    pub(super) fn has_exited(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&now)), Ok(1..))
    }

    fn kill_escapees(&self, mut escapees: Vec<Seen>, since: Option<u64>) {
        escapees.extend(marked(&self.mark));
        if let Some(since) = since {
            escapees.extend(registry().if_only(self.group, || unmarked_orphans(since)).into_iter().flatten());
        }
        for escapee in escapees.into_iter().filter(|escapee| escapee.pid != self.group) {
            escapee.kill();
        }
    }

    /// Takes the status. Never waits for it in the system: a process that somebody traces is not
    /// reaped before its tracer lets it go.
    async fn reap(mut self) -> io::Result<ExitStatus> {
        let mut pause = LOOK;
        loop {
            let status = self.child.try_wait();
            if let Some(status) = status.transpose() {
                registry().remove(self.group);
                return status;
            }
            // The tracer can only be one of its own.
            self.kill_escapees(descendants(self.group), started(self.group));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_LOOK);
        }
    }

    /// Ends the process where there is no event loop any more.
    pub(super) fn end_now(mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
        registry().remove(self.group);
    }
}

/// `exited with status 3`, `was ended by SIGKILL (signal 9)`.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => match name(signal) {
            Some(name) => format!("was ended by {name} (signal {signal})"),
            None => format!("was ended by signal {signal}"),
        },
        (None, None) => "ended".to_owned(),
    }
}

/// What a shell would report: the status, or 128 and the signal's number.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

fn name(signal: i32) -> Option<&'static str> {
    let names = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::TERM, "SIGTERM"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::XFSZ, "SIGXFSZ"),
        (Signal::SYS, "SIGSYS"),
    ];
    names.iter().find(|(known, _)| known.as_raw() == signal).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_in_words_and_as_a_code() {
        let exited = ExitStatus::from_raw(3 << 8);
        assert_eq!((describe(exited).as_str(), exit_code(exited)), ("exited with status 3", 3));
        let killed = ExitStatus::from_raw(9);
        assert_eq!((describe(killed).as_str(), exit_code(killed)), ("was ended by SIGKILL (signal 9)", 137));
        assert_eq!(describe(ExitStatus::from_raw(40)), "was ended by signal 40");
    }
}
