//! A local control plane for the development of functions: it starts or finds them, calls them as a
//! nanofaas control plane would, takes their callbacks, and shows everything that happens.

mod api;
mod arguments;
mod console;
mod dispatch;
mod executions;
mod functions;
mod keyboard;
mod platform;
mod process;
mod run;
mod signals;

use std::process::ExitCode;

use arguments::{Arguments, Asked};
use console::Console;

/// The status for a command line that is wrong, as of every function (`EX_USAGE` in sysexits.h).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(Asked::Help) => {
            print!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Asked::Version) => {
            println!("nanofaas-dev {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Ok(Asked::Serve(arguments)) => arguments,
        Err(mistake) => {
            eprintln!("error: {mistake}\n\n{}", arguments::HELP);
            return ExitCode::from(USAGE);
        }
    };
    let console = Console::start();
    let result = start(arguments, &console);
    console.finish();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments, console: &Console) -> Result<(), String> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.enable_all().build().map_err(|error| format!("the event loop does not start: {error}"))?;
    let result = runtime.block_on(run::run(arguments, console.clone()));
    // What still runs has nobody left to answer to.
    runtime.shutdown_background();
    result
}
