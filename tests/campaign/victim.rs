//! The process that is killed and started again, and its spool.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use harness::{FlakyPlane, Function, Mood, SmallDisk, Spool, Watchdog, child, eventually};

/// How large an output may be: room for it is reserved for each call that runs.
const OUTPUT: usize = 16_384;

/// A process with a spool, on a small disk where one can be mounted.
#[derive(Debug)]
pub(crate) struct Victim {
    kind: &'static str,
    disk: Option<SmallDisk>,
    spool: Spool,
    variables: Vec<(&'static str, String)>,
    running: Mutex<Option<Running>>,
    address: Mutex<Option<SocketAddr>>,
}

#[derive(Debug)]
enum Running {
    Function(Function),
    Watchdog(Box<Watchdog>),
}

impl Running {
    fn function(&mut self) -> &mut Function {
        match self {
            Self::Function(function) => function,
            Self::Watchdog(watchdog) => watchdog,
        }
    }
}

impl Victim {
    pub(crate) fn start(kind: &'static str, calls: usize, plane: &FlakyPlane) -> Self {
        // All of them may have to wait at once.
        let disk = SmallDisk::mount(&format!("size={}k", 16_384 + calls * 12));
        let own = Spool::new();
        let (path, spool) = match &disk {
            Some(disk) => (disk.path("spool"), disk.spool("spool")),
            None => (own.path(), own),
        };
        let variables = vec![
            ("CALLBACK_URL", plane.callback_url()),
            ("NANOFAAS_CALLBACK_SPOOL_DIR", path),
            ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "300".to_owned()),
            ("NANOFAAS_MAX_OUTPUT_BYTES", OUTPUT.to_string()),
            ("NANOFAAS_SHUTDOWN_TIMEOUT", "1500".to_owned()),
            ("RUST_LOG", "warn,nanofaas=info".to_owned()),
        ];
        let victim = Self { kind, disk, spool, variables, running: Mutex::new(None), address: Mutex::new(None) };
        victim.start_again();
        victim
    }

    /// Where it listens; `None` while it does not.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn start_again(&self) {
        let variables: Vec<_> = self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut running = match (self.kind, &self.disk) {
            ("probe", Some(disk)) => Running::Function(disk.spawn("probe", &variables)),
            ("probe", None) => Running::Function(Function::spawn("probe", &variables)),
            (mode, disk) => {
                let words = disk.as_ref().map(SmallDisk::inside).unwrap_or_default();
                let words: Vec<_> = words.iter().map(String::as_str).collect();
                let command = child(&mode.to_lowercase());
                Running::Watchdog(Box::new(Watchdog::through(&words, mode, &command, &variables)))
            }
        };
        running.function().wait_until_ready();
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(running.function().address());
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    }

    /// Ends it with this signal; how it ended.
    fn end(&self, signal: &str) -> Option<i32> {
        // Who calls from now on waits for the next one.
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take().expect("a process");
        running.function().signal(signal);
        let status = running.function().wait();
        if signal == "TERM" {
            assert_eq!(status.code(), Some(0), "{:#?}", running.function().log());
        }
        status.code()
    }

    pub(crate) fn kill(&self) {
        assert_eq!(self.end("KILL"), None, "it was alive");
        self.start_again();
    }

    pub(crate) fn stop(&self) {
        let _ = self.end("TERM");
        self.start_again();
    }

    pub(crate) fn can_fill(&self) -> bool {
        self.disk.is_some()
    }

    /// Takes all room.
    pub(crate) fn fill(&self) {
        self.disk.as_ref().expect("a small disk").fill(0);
    }

    /// Gives it back.
    pub(crate) fn free(&self) {
        self.disk.as_ref().expect("a small disk").free();
    }

    /// All is well: waits until nothing waits any more, and ends it. What is left then.
    pub(crate) fn drain(&self, plane: &FlakyPlane) -> Vec<String> {
        plane.set(Mood::Well);
        plane.open();
        // The pauses of the last trouble are not what is tested.
        self.stop();
        eventually("a spool without entries", || {
            let left = self.spool.entries().len();
            (left == 0).then_some(())
        });
        let _ = self.end("TERM");
        let dead = self.spool.dead().into_iter().map(|entry| format!("{} {}", entry.name(), entry.death()));
        let lanes = self.spool.lanes().into_iter().map(|lane| lane.display().to_string());
        let parts = self.spool.parts().into_iter().map(|part| part.display().to_string());
        dead.chain(lanes).chain(parts).collect()
    }
}
