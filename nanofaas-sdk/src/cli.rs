//! The command line of a function binary.

mod callbacks;
mod command;
mod health;
mod print;

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;

use bytes::Bytes;

use crate::app::App;
use crate::config::Config;
use crate::event_loop;
use crate::handler::{Function, select};
use crate::invocation::{Answer, Caller, Invocation};
use crate::protocol::{RequestBody, check_json};
use crate::runtime::process_began;
use crate::service::{self, Service};
use crate::shutdown::Signals;
use crate::start_error::StartError;
use crate::{one_shot, server, telemetry};
#[cfg(feature = "watchdog")]
pub(crate) use callbacks::Callbacks;
use command::{Command, Input};
#[cfg(feature = "watchdog")]
pub(crate) use health::check as check_health;
use print::complain;
pub(crate) use print::print;

/// What `nanofaas::main!` knows at compile time.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Program {
    pub name: &'static str,
    pub version: &'static str,
}

/// Exit code for what has to be changed before a next start (sysexits' `EX_USAGE`).
pub(crate) const USAGE: u8 = 64;

/// The whole of `fn main` for registered handlers: `path` and `given` name one, else there is one
/// or `FUNCTION_HANDLER` chooses; `prepare` adds init.
#[doc(hidden)]
#[must_use]
pub fn main(program: Program, given: Option<App>, prepare: impl FnOnce(App) -> App) -> ExitCode {
    process_began();
    let command = match Command::from_args(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(mistake) => return fail(USAGE, &mistake),
    };
    if let Some(done) = command.without_function(Some(program)) {
        return done;
    }
    let config = Config::from_env();
    let asked = match &config {
        Ok(config) => config.handler.clone(),
        // Its mistakes and those of the handlers are shown together.
        Err(_) => std::env::var("FUNCTION_HANDLER").ok().filter(|name| !name.trim().is_empty()),
    };
    let (config, app) = match (config, chosen(given, asked.as_deref())) {
        (Ok(config), Ok(app)) => (config, app),
        (Ok(_), Err(mistake)) => return fail(USAGE, &mistake),
        (Err(error), Ok(_)) => return refuse(&error.into()),
        (Err(error), Err(mistake)) => return refuse(&error.and(mistake).into()),
    };
    let app = prepare(app.config(config.clone()));
    let run = event_loop::run(config.worker_threads, config.max_concurrent_handlers, move |guard| {
        execute(command, app.guarded_by(guard))
    });
    run.unwrap_or_else(|error| refuse(&StartError::System(error)))
}

fn chosen(given: Option<App>, asked: Option<&str>) -> Result<App, String> {
    match given {
        None => select(asked).map(|chosen| App::of(Function::registered(chosen))).map_err(|error| error.to_string()),
        Some(app) => match asked.filter(|asked| *asked != app.work.name()) {
            None => Ok(app),
            Some(asked) => {
                Err(format!("FUNCTION_HANDLER is `{asked}`, but this binary serves `{}` alone", app.work.name()))
            }
        },
    }
}

/// The whole of [`App::run`], on the caller's event loop.
pub(crate) async fn run(app: App) -> ExitCode {
    process_began();
    let command = match Command::from_args(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(mistake) => return fail(USAGE, &mistake),
    };
    match command.without_function(None) {
        Some(done) => done,
        None => execute(command, app).await,
    }
}

async fn execute(command: Command, app: App) -> ExitCode {
    match command {
        Command::Schema => ExitCode::from(print(&format!("{:#}\n", app.work.schema().to_json()))),
        Command::Callbacks(callbacks) => {
            telemetry::init(telemetry::RUNNING_ONCE);
            match app.config.map_or_else(Config::from_env, Ok) {
                Ok(config) => callbacks.run(&config).await,
                Err(error) => refuse(&error.into()),
            }
        }
        Command::Invoke(input) => {
            telemetry::init(telemetry::RUNNING_ONCE);
            invoke(app, input).await
        }
        _ => {
            telemetry::init(telemetry::SERVING);
            match serve(app).await {
                // A thread that still computes would hold up the end of the caller's event loop.
                Ok(served) if served.is_busy => std::process::exit(i32::from(served.exit_code)),
                Ok(served) => ExitCode::from(served.exit_code),
                Err(error) => refuse(&error),
            }
        }
    }
}

/// How serving ended.
pub(crate) struct Served {
    pub(crate) exit_code: u8,
    /// A function still works, though nobody waits for it any more.
    is_busy: bool,
}

/// Serves until told to stop, or runs the one invocation of the environment.
pub(crate) async fn serve(app: App) -> Result<Served, StartError> {
    let signals = Signals::listen().map_err(StartError::System)?;
    let mut service = Service::assemble(app)?;
    if service.config().invocation_payload.is_some() {
        let delivered = one_shot::run(service, signals).await?;
        return Ok(Served { exit_code: u8::from(!delivered), is_busy: false });
    }
    service.open().await?;
    let (port, variable) = (service.config().port, service.config().port_variable);
    let listener = server::bind(port).map_err(|error| StartError::Bind { variable, port, error })?;
    let runtime = service.runtime().clone();
    let ended = service::serve(service, listener, signals.first_then_force()).await?;
    Ok(Served { exit_code: ended.exit_code(), is_busy: runtime.has_running_work() })
}

/// Runs the function once and prints what it answers.
async fn invoke(app: App, input: Input) -> ExitCode {
    let input = match input.read() {
        Ok(input) => input,
        Err(mistake) => return fail(USAGE, &mistake),
    };
    let mut service = match Service::assemble(app) {
        Ok(service) => service,
        Err(error) => return refuse(&error),
    };
    if let Err(error) = service.initialise().await {
        return refuse(&error);
    }
    let config = service.config();
    let caller = Caller {
        execution_id: Some(config.execution_id.clone().unwrap_or_else(|| "local".to_owned())),
        trace_id: config.trace_id.clone(),
        ..Caller::default()
    };
    let invocation = Invocation::new(caller, RequestBody::of_input(input), None);
    let runtime = service.runtime().clone();
    let outcome = match runtime.invoke(invocation).await {
        Answer::Ended { outcome, .. } => outcome,
        Answer::Refused(failure) => Err(failure),
    };
    service.end().await;
    let code = match outcome {
        Ok(output) => print(&format!("{}\n", String::from_utf8_lossy(output.json()))),
        Err(failure) => {
            let hint = if failure.code == "INVALID_INPUT" { "the input does not fit: " } else { "" };
            complain(&format!("{hint}{} ({})", failure.message, failure.code));
            1
        }
    };
    if runtime.has_running_work() {
        std::process::exit(i32::from(code));
    }
    ExitCode::from(code)
}

impl Input {
    fn read(self) -> Result<Bytes, String> {
        let text = match self {
            Self::Text(text) => text.into_bytes(),
            Self::Stdin => {
                let mut text = Vec::new();
                if std::io::stdin().is_terminal() {
                    // Only a hint: it may get lost.
                    let _ = writeln!(std::io::stderr(), "reading the input from the terminal; end it with Ctrl-D");
                }
                std::io::stdin()
                    .lock()
                    .read_to_end(&mut text)
                    .map_err(|error| format!("stdin cannot be read: {error}"))?;
                text
            }
            Self::File(path) => {
                std::fs::read(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?
            }
        };
        check_json(&text).map_err(|error| {
            format!("the input is not JSON: {error}; a string needs its quotes: invoke '\"hello\"'")
        })?;
        Ok(text.into())
    }
}

pub(crate) fn refuse(error: &StartError) -> ExitCode {
    fail(error.exit_code(), &error.to_string())
}

pub(crate) fn fail(code: u8, message: &str) -> ExitCode {
    complain(message);
    ExitCode::from(code)
}
