//! What contends: the watchdog in each of its ways, what others serve functions with, and nothing at all.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::language::Runtime;
use super::running::{Line, Pipe, Running, Script};
use crate::http::Client;
use crate::process::{self, Service, free_address, target_directory};

/// How long an answer may take, and how long a service may take until it gives the first one.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two questions whether it is there.
const STEP: Duration = Duration::from_micros(500);

/// A way to run a function.
#[derive(Clone)]
pub(super) enum Way {
    /// The script, started by this program for each call.
    Spawn,
    /// The same, started when the one before has answered.
    Waiting,
    /// The worker, on a pipe of this program.
    Pipe,
    /// The watchdog, with these variables.
    Watchdog(PathBuf, &'static [(&'static str, &'static str)]),
    /// Gunicorn with these arguments, on the Python that has it.
    Gunicorn(PathBuf, &'static [&'static str]),
}

pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) way: Way,
    pub(super) runtime: Runtime,
}

impl Contender {
    /// Starts it, and returns when it has answered a call.
    pub(super) fn start(&self) -> Result<Running, String> {
        let began = Instant::now();
        let mut running = match &self.way {
            Way::Spawn => Running::new(None, Line::Spawn(self.script())),
            Way::Waiting => Running::new(None, Line::Waiting(self.script(), None)),
            Way::Pipe => self.pipe()?,
            Way::Watchdog(program, variables) => self.serve(&mut self.watchdog(program, variables), "WARM_PORT")?,
            Way::Gunicorn(python, arguments) => self.serve(&mut gunicorn(python, arguments), "PORT")?,
        };
        while let Err(reason) = running.call() {
            if running.has_ended() || began.elapsed() > PATIENCE {
                return Err(format!("{reason}; its last words:\n{}", running.last_words()));
            }
            std::thread::sleep(STEP);
        }
        running.started = began.elapsed();
        Ok(running)
    }

    fn script(&self) -> Script {
        Script { program: self.runtime.interpreter.clone(), path: self.runtime.script() }
    }

    /// A launcher whose fd 3 is our pipe. The shell is gone before it begins.
    fn pipe(&self) -> Result<Running, String> {
        let (file, arguments) = self.runtime.handler()?;
        let mut command = process::command("sh");
        command.args(["-c", "exec \"$@\" 3>&1 1>&2", "sh", &self.runtime.interpreter]).args(arguments);
        command.env("HANDLER_FILE", file).env("HANDLER_FUNCTION", "handle").current_dir(&self.runtime.folder);
        let (service, stdin, stdout) = Service::piped(&mut command, &self.log())?;
        Ok(Running::new(Some(service), Line::Pipe(Pipe::open(stdin, stdout)?)))
    }

    fn watchdog(&self, program: &Path, variables: &[(&str, &str)]) -> Command {
        let mut command = process::command(program);
        let (interpreter, script) = (&self.runtime.interpreter, self.runtime.script());
        // What the other modes do not know is not read.
        command.env("WATCHDOG_CMD", format!("'{interpreter}' '{}'", script.display()));
        if variables.contains(&("EXECUTION_MODE", "WORKER")) {
            command.env_remove("WATCHDOG_CMD").env("HANDLER_INTERPRETER", format!("'{interpreter}'"));
            let file = self.runtime.handler().map(|(file, _)| file).unwrap_or_default();
            command.env("HANDLER_MODULE", file.file_name().unwrap_or_default());
        }
        command.env("WARM", "true").env("WARM_IDLE_TIMEOUT_MS", "0").envs(variables.iter().copied());
        command
    }

    fn serve(&self, command: &mut Command, port: &str) -> Result<Running, String> {
        let address = free_address()?;
        command.env(port, address.port().to_string());
        if matches!(self.way, Way::Gunicorn(..)) {
            // More arguments; from `PORT` alone it would listen to the outside.
            command.env("GUNICORN_CMD_ARGS", format!("--bind {address}"));
        }
        let service = Service::start(command.current_dir(&self.runtime.folder), &self.log())?;
        Ok(Running::new(Some(service), Line::Http(address, Client::new(address, PATIENCE))))
    }

    fn log(&self) -> PathBuf {
        let name: String =
            self.name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
        target_directory().join(format!("bench-run/{}-{name}.log", self.runtime.language.name()))
    }
}

fn gunicorn(python: &Path, arguments: &[&str]) -> Command {
    let mut command = process::command(python);
    command.args(["-m", "gunicorn", "--workers", "1"]).args(arguments).arg("python_runtime_flask:app");
    command
}
