//! Handler files in a folder, and a watchdog that runs them without a command.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{ControlPlane, Ended, Function, Scratch, Watchdog, binary, has_command, skip};

/// A folder of a test's own, in which a watchdog looks for its handler.
#[derive(Debug)]
pub struct Handlers {
    folder: Scratch,
    module: String,
}

impl Handlers {
    /// A folder with this `handler.py`; `None`, with a printed reason, where there is no Python.
    #[must_use]
    pub fn python(source: &str) -> Option<Self> {
        if !has_command(&["python3", "-c", "import sys; sys.exit(sys.version_info < (3, 8))"]) {
            skip("python3 (3.8 or newer) is not installed");
            return None;
        }
        Some(Self::empty().with("handler.py", source))
    }

    /// A folder with this handler for Node under a name such as `handler.mjs`; `None`, with a printed
    /// reason, where there is no Node.
    #[must_use]
    pub fn node(name: &str, source: &str) -> Option<Self> {
        let new_enough = "process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)";
        if !has_command(&["node", "-e", new_enough]) {
            skip("node (18 or newer) is not installed");
            return None;
        }
        Some(Self::empty().with(name, source))
    }

    /// An empty folder.
    #[must_use]
    pub fn empty() -> Self {
        Self { folder: Scratch::new(), module: "handler".to_owned() }
    }

    /// With another file, in a folder below where its name says so.
    ///
    /// # Panics
    ///
    /// Where it cannot be written.
    #[must_use]
    pub fn with(self, name: &str, text: &str) -> Self {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        std::fs::write(path, text).expect("a writable folder");
        self
    }

    /// With another `HANDLER_MODULE` than `handler`.
    #[must_use]
    pub fn module(mut self, module: &str) -> Self {
        module.clone_into(&mut self.module);
        self
    }

    /// Where the files are, without symbolic links.
    ///
    /// # Panics
    ///
    /// Never: the folder is there as long as this.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::canonicalize(self.folder.path()).expect("the folder")
    }

    /// Starts a warm watchdog in the folder and waits until it is ready.
    ///
    /// # Panics
    ///
    /// Where it does not become ready.
    #[must_use]
    pub fn start(&self, extra: &[(&str, &str)]) -> Watchdog {
        let mut watchdog = self.spawn(extra);
        watchdog.wait_until_ready();
        watchdog.wait_for_status("/ready", 200);
        watchdog
    }

    /// Starts a warm watchdog in the folder without waiting.
    #[must_use]
    pub fn spawn(&self, extra: &[(&str, &str)]) -> Watchdog {
        let folder = self.path().display().to_string();
        let before = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder.as_str()];
        let own = [("HANDLER_MODULE", self.module.as_str())];
        Watchdog::through(&before, "WORKER", "", &[&own, extra].concat())
    }

    /// Runs a warm watchdog in the folder to its end.
    #[must_use]
    pub fn run(&self, extra: &[(&str, &str)]) -> Ended {
        self.run_with(&[&[("WARM", "true"), ("WARM_PORT", "0")], extra].concat())
    }

    /// Runs the execution `e-1` once in the folder, with its callback to this control plane.
    #[must_use]
    pub fn once(&self, plane: &ControlPlane, payload: &str, extra: &[(&str, &str)]) -> Ended {
        let url = plane.callback_url();
        let own = [("EXECUTION_ID", "e-1"), ("CALLBACK_URL", url.as_str()), ("INVOCATION_PAYLOAD", payload)];
        self.run_with(&[&own, extra].concat())
    }

    fn run_with(&self, extra: &[(&str, &str)]) -> Ended {
        let mut command = Command::new(binary("nanofaas-watchdog"));
        command.current_dir(self.path()).env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs([("EXECUTION_MODE", "WORKER"), ("HANDLER_MODULE", self.module.as_str())]);
        command.envs(extra.iter().copied());
        Function::run_command(command, "")
    }
}
