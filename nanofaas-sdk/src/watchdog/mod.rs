#![doc = include_str!("watchdog.md")]

mod attend;
mod child;
mod cli;
pub(crate) mod command_line;
mod config;
mod file;
pub(crate) mod http;
mod init;
#[cfg(feature = "kernel")]
pub(crate) mod kernel;
pub(crate) mod output;
mod prespawn;
mod process;
mod stdio;
mod variables;
mod warm;
pub(crate) mod worker;

use std::process::ExitCode;

use crate::app::App;
use crate::runtime::process_began;
use crate::start_error::StartError;
use crate::telemetry;
pub use child::Child;
pub use cli::main;
use config::Settings;
#[cfg(feature = "kernel")]
pub use variables::KERNEL_VARIABLES;
pub use variables::VARIABLES;

/// A whole watchdog: a child, its supervision, and the server in front of it.
///
/// ```no_run
/// use std::process::ExitCode;
/// use nanofaas::watchdog::Watchdog;
///
/// fn main() -> Result<ExitCode, nanofaas::ConfigError> {
///     Ok(Watchdog::from_env()?.run())
/// }
/// ```
#[derive(Debug)]
pub struct Watchdog(Settings);

impl Watchdog {
    fn of(settings: Settings) -> Self {
        Self(settings)
    }

    /// Runs until it is told to stop, or has run the one call of the environment.
    ///
    /// This process is the watchdog's from now on: it reaps every orphan below it, passes signals
    /// on, and leaves no process behind. The exit code is 0 after a clean end or a delivered
    /// callback, 1 where binding failed, work was cut off or a callback was not delivered, the
    /// child's own where its end is the watchdog's (128 and the number after a signal), and 128 and
    /// the signal's number after a second signal.
    #[must_use]
    pub fn run(self) -> ExitCode {
        process_began();
        telemetry::init(telemetry::SERVING);
        init::own_process(self.0.config.invoke_token.is_some() || self.0.config.callback_token.is_some());
        let Settings { child, config, passed } = self.0;
        process::pass(passed);
        let (grace, is_kernel) = (child.grace(), child.is_kernel());
        let event_loop = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(event_loop) => event_loop,
            Err(error) => return crate::cli::refuse(&StartError::System(error)),
        };
        let code = event_loop.block_on(async {
            init::attend(!is_kernel);
            let served = crate::cli::serve(App::child(child).config(config)).await;
            init::leave_nothing(grace).await;
            match served {
                Ok(served) => ExitCode::from(served.exit_code),
                Err(StartError::Child { code, message, exit_code }) => {
                    tracing::error!(target: "nanofaas", code, error = message, "the child did not start");
                    ExitCode::from(exit_code)
                }
                Err(error) => crate::cli::refuse(&error),
            }
        });
        event_loop.shutdown_background();
        code
    }
}
