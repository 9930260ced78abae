//! A child process in a function's place.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::command_line::CommandLine;
use super::file::FilePaths;
use super::http::{Address, HttpChild, HttpServer};
#[cfg(feature = "kernel")]
use super::kernel::{Kernel, Settings};
use super::stdio::{Exchange, PerCall};
use super::warm::Rules;
use super::worker::{Launched, Workers};
use crate::config::ConfigError;
use crate::executor::Executor;
use crate::server::Platform;

/// A program that does a function's work, for [`App::child`](crate::App::child).
///
/// The command is split into words as a shell does and run without one. The program gets the
/// environment of this process without `CALLBACK_URL`, `INVOCATION_PAYLOAD` and the variables with tokens.
#[derive(Clone, Debug)]
pub struct Child {
    command: Arc<CommandLine>,
    mode: Mode,
    grace: Duration,
}

/// How a child takes calls.
#[derive(Clone, Debug)]
pub(super) enum Mode {
    /// One process for many calls.
    Http { address: Address, rules: Rules },
    /// Several processes that take a line per call each.
    Worker { launched: Launched, count: usize, rules: Rules },
    /// One process for each.
    PerCall(Exchange),
    /// Processes that keep state between calls.
    #[cfg(feature = "kernel")]
    Kernel(Box<Settings>),
}

impl Child {
    /// A program that is an HTTP server and is kept between calls: it listens on the port of
    /// `runtime_url`, which it finds in `PORT`, and answers `GET /health` there once it is ready.
    /// Port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// Where the command or the URL cannot be read.
    pub fn http(command: &str, runtime_url: &str) -> Result<Self, ConfigError> {
        let wrong = |reason: String| ConfigError::of(format!("the URL of the child is {runtime_url:?}: {reason}"));
        let address = Address::parse(runtime_url, None).map_err(|mistakes| wrong(mistakes[0].1.clone()))?;
        let address = address.settle().map_err(|error| wrong(error.to_string()))?;
        let rules = Rules::default();
        Ok(Self::of(parse(command)?, Mode::Http { address, rules }, rules.grace))
    }

    /// A program that is run for each call, with the request on its stdin and one JSON value on its
    /// stdout.
    ///
    /// # Errors
    ///
    /// Where the command cannot be read.
    pub fn stdio(command: &str) -> Result<Self, ConfigError> {
        Ok(Self::of(
            parse(command)?,
            Mode::PerCall(Exchange::Stdio { early: false, ahead: None }),
            Rules::default().grace,
        ))
    }

    /// A program that is run for each call, with the request in the file that `INPUT_FILE` names, and
    /// one JSON value in the one that `OUTPUT_FILE` names. Each call has files of its own.
    ///
    /// # Errors
    ///
    /// Where the command cannot be read.
    pub fn file(command: &str) -> Result<Self, ConfigError> {
        let files = Exchange::File(FilePaths::default());
        Ok(Self::of(parse(command)?, Mode::PerCall(files), Rules::default().grace))
    }

    /// A Python interpreter that executes the code of each call, with state between calls: input
    /// `{"code": "..", "session": "name", "timeout_ms": 1000}`, output `{"outputs": [..], "success":
    /// true}`. The command is the interpreter's, such as `python3`.
    ///
    /// # Errors
    ///
    /// Where the command cannot be read.
    #[cfg(feature = "kernel")]
    pub fn kernel(command: &str) -> Result<Self, ConfigError> {
        let command = parse(command)?;
        let settings = Settings::plain(command.clone());
        Ok(Self::of(command, Mode::Kernel(Box::new(settings)), Rules::default().grace))
    }

    pub(super) fn of(command: CommandLine, mode: Mode, grace: Duration) -> Self {
        Self { command: Arc::new(command), mode, grace }
    }

    /// What metrics call it: the program's file name.
    pub(crate) fn name(&self) -> String {
        if let Mode::Worker { launched, .. } = &self.mode
            && let Some(handler) = launched.name()
        {
            return handler.to_owned();
        }
        let program = PathBuf::from(self.command.program());
        program.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Between SIGTERM and SIGKILL.
    pub(super) fn grace(&self) -> Duration {
        self.grace
    }

    /// Whether it is kernel mode, which takes some signals itself.
    pub(super) fn is_kernel(&self) -> bool {
        match self.mode {
            Mode::Http { .. } | Mode::Worker { .. } | Mode::PerCall(_) => false,
            #[cfg(feature = "kernel")]
            Mode::Kernel(_) => true,
        }
    }

    pub(crate) fn into_executor(self) -> (Box<dyn Executor>, Option<Arc<dyn Platform>>) {
        let Self { command, mode, grace } = self;
        match mode {
            Mode::Http { address, rules } => (Box::new(HttpChild::new(HttpServer::new(command, address), rules)), None),
            Mode::Worker { launched, count, rules } => (Box::new(Workers::new(&launched, count, rules)), None),
            Mode::PerCall(exchange) => (Box::new(PerCall::new(command, exchange, grace)), None),
            #[cfg(feature = "kernel")]
            Mode::Kernel(settings) => {
                let kernel = Kernel::new(*settings);
                let platform = kernel.platform();
                (Box::new(kernel), platform)
            }
        }
    }
}

fn parse(command: &str) -> Result<CommandLine, ConfigError> {
    CommandLine::parse(command).map_err(|reason| ConfigError::of(format!("the command is {command:?}: {reason}")))
}
