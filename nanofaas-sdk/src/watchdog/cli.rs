//! The command line of the watchdog.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::process::ExitCode;

use super::command_line::CommandLine;
use super::variables::TABLES;
use super::{Watchdog, init};
use crate::cli::{Callbacks, USAGE, check_health, fail, print, refuse};
use crate::config::{Config, Reader};
use crate::start_error::StartError;

/// The whole of the program `nanofaas-watchdog`.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(done) = init::serve_as_another() {
        return ExitCode::from(done);
    }
    let mut words = std::env::args_os().skip(1);
    let first = words.next();
    let asked = first.as_deref().map(|word| word.to_string_lossy().into_owned());
    let rest: Vec<OsString> = words.collect();
    let command = match (asked.as_deref(), rest.is_empty()) {
        (None, _) => None,
        (Some("--"), _) => match CommandLine::from_words(rest) {
            Some(command) => Some(command),
            None => return fail(USAGE, "-- needs a program behind it"),
        },
        (Some("health"), true) => return health(),
        (Some("callbacks"), _) => return callbacks(&rest),
        (Some("help" | "--help" | "-h"), true) => return ExitCode::from(print(&help())),
        (Some("--version" | "-V"), true) => {
            return ExitCode::from(print(concat!("nanofaas-watchdog ", env!("CARGO_PKG_VERSION"), "\n")));
        }
        (Some(known @ ("health" | "help" | "--help" | "-h" | "--version" | "-V")), false) => {
            return fail(USAGE, &format!("{known} takes no more words; see --help"));
        }
        (Some(unknown), _) => {
            let message = format!(
                "there is no command `{unknown}`: expected health, callbacks, --help, --version, or -- and the program to run"
            );
            return fail(USAGE, &message);
        }
    };
    match Watchdog::read(command) {
        Ok(watchdog) => watchdog.run(),
        Err(error) => fail(USAGE, &error.to_string()),
    }
}

/// Asks the watchdog of this machine for its health.
fn health() -> ExitCode {
    let get = |name: &str| std::env::var_os(name);
    let mut reader = Reader::new(&get, TABLES);
    let port = super::config::port(&mut reader);
    match reader.finish(port) {
        Ok(port) => check_health(port),
        Err(error) => fail(USAGE, &error.to_string()),
    }
}

/// Lists or replays what stands in the spool.
fn callbacks(words: &[OsString]) -> ExitCode {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let command = match Callbacks::parse(&words) {
        Ok(command) => command,
        Err(mistake) => return fail(USAGE, &mistake),
    };
    let get = |name: &str| std::env::var_os(name);
    let mut reader = Reader::new(&get, TABLES);
    let config = Config::read_from(&mut reader, "WARM_PORT");
    match reader.finish(config) {
        Ok(config) => match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(event_loop) => event_loop.block_on(command.run(&config)),
            Err(error) => refuse(&StartError::System(error)),
        },
        Err(error) => fail(USAGE, &error.to_string()),
    }
}

fn help() -> String {
    let mut text = "\
nanofaas-watchdog serves a function written in any language.

Usage:
  nanofaas-watchdog                     runs as the environment says
  nanofaas-watchdog -- PROGRAM ARGS..   the same with this command in the place of WATCHDOG_CMD
  nanofaas-watchdog health              asks the watchdog on this machine; exit code 0 or 1
  nanofaas-watchdog callbacks           lists the callbacks of NANOFAAS_CALLBACK_SPOOL_DIR that are not delivered
  nanofaas-watchdog callbacks replay [EXECUTION_ID ..]
                                        posts those again that no running process delivers
  nanofaas-watchdog --help, --version

Environment:
"
    .to_owned();
    let all = TABLES.iter().flat_map(|table| table.iter());
    // A variable that several tables have is told where it is read.
    let mut told = Vec::new();
    for variable in all.filter(|variable| is_read(variable.name)) {
        if told.contains(&variable.name) {
            continue;
        }
        told.push(variable.name);
        let default = match (variable.default, variable.unit) {
            ("", _) => String::new(),
            (default, "ms" | "bytes") => format!(" [{default} {}]", variable.unit),
            (default, _) => format!(" [{default}]"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}{default}\n      {}", variable.name, variable.meaning.replace('`', ""));
    }
    text
}

/// Whether the watchdog reads a variable of functions.
fn is_read(name: &str) -> bool {
    !["PORT", "FUNCTION_HANDLER", "NANOFAAS_WORKER_THREADS"].contains(&name)
}

impl Watchdog {
    fn read(command: Option<CommandLine>) -> Result<Self, crate::ConfigError> {
        super::config::Settings::read(&|name| std::env::var_os(name), command).map(Self::of)
    }

    /// Reads the environment.
    ///
    /// Call it first of all in `main`: the program is started a second time as the guardian of
    /// its children, and that one ends in here.
    ///
    /// # Errors
    ///
    /// Every variable that cannot be used, all at once.
    pub fn from_env() -> Result<Self, crate::ConfigError> {
        if let Some(done) = init::serve_as_another() {
            std::process::exit(i32::from(done));
        }
        Self::read(None)
    }
}
