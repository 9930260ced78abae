//! Interpreters that execute code.

use super::{Settings, calls, command_of};
use crate::config::{Config, ConfigError, Reader};
use crate::watchdog::child::{self, Child};
use crate::watchdog::command_line::CommandLine;

impl Settings {
    pub(super) fn kernel(
        mut reader: Reader<'_>,
        command: Option<CommandLine>,
        mut config: Config,
        passed: Vec<&'static str>,
        is_warm: bool,
    ) -> Result<Self, ConfigError> {
        let command = command.or_else(|| reader.text("WATCHDOG_CMD").and_then(|_| command_of(&mut reader)));
        let settings = crate::watchdog::kernel::Settings::read(&mut reader, command);
        settings.adjust(&mut reader, &mut config);
        let is_idle_set = reader.text("WARM_IDLE_TIMEOUT_MS").is_some();
        calls(&mut reader, &mut config, is_warm);
        if !is_idle_set {
            // Its state would be lost without a word.
            config.idle_timeout = None;
        }
        let (command, grace) = (settings.interpreter.clone(), settings.grace);
        let child = Child::of(command, child::Mode::Kernel(Box::new(settings)), grace);
        reader.finish(Self { child, config, passed })
    }
}
