//! The end of a process: first asked for, then forced, and always reaped.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Signal, kill_process, kill_process_group};

use super::tree::{descendants, is_gone, is_group_alive, marked, started, unmarked_orphans};
use super::{Running, registry};

/// How often those are looked for that neither a signal nor a pipe tells of.
const LOOK: Duration = Duration::from_millis(10);

impl Running {
    pub(super) async fn exited(&self) {
        // An error would be one of the event loop itself, which is gone then.
        let _ = self.pidfd.readable().await;
    }

    /// SIGTERM to the group, the grace, SIGKILL to the group and to those that left it.
    pub(super) async fn terminate(self) -> io::Result<ExitStatus> {
        // Their parents are known while these live.
        let mut escapees = descendants(self.group);
        let since = started(self.group);
        let _ = kill_process_group(self.group, Signal::TERM);
        // A stopped process takes no signal before it goes on.
        let _ = kill_process_group(self.group, Signal::CONT);
        let quiet = async {
            self.exited().await;
            while is_group_alive(self.group) {
                tokio::time::sleep(LOOK).await;
            }
        };
        let _ = tokio::time::timeout(self.grace, quiet).await;
        self.kill_group();
        self.exited().await;
        escapees.extend(marked(&self.mark));
        if let (Some(since), true) = (since, registry().is_only(self.group)) {
            escapees.extend(unmarked_orphans(since));
        }
        escapees.retain(|pid| *pid != self.group && !is_gone(*pid));
        for escapee in escapees {
            let _ = kill_process(escapee, Signal::KILL);
        }
        self.reap()
    }

    /// Safe also when the process has ended: its id is its own until it is reaped.
    pub(super) fn kill_group(&self) {
        let _ = kill_process_group(self.group, Signal::KILL);
    }

    /// Takes the status of a process that has ended or is about to.
    pub(super) fn reap(mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait();
        registry().remove(self.group);
        status
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
