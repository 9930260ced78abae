//! Children that take a line per call.

use std::path::PathBuf;

use super::command_of;
use crate::config::{Config, Reader};
use crate::watchdog::command_line::CommandLine;
use crate::watchdog::worker::{Handler, Launched};

/// The program of workers: `command`, `WATCHDOG_CMD`, or a launcher around `HANDLER_MODULE`.
pub(super) fn launched(reader: &mut Reader<'_>, command: Option<CommandLine>) -> Option<Launched> {
    let acknowledges = reader.flag("OW_WAIT_FOR_ACK").unwrap_or(false);
    let module = reader.text("HANDLER_MODULE");
    let function = reader.text("HANDLER_FUNCTION").unwrap_or_else(|| "handle".to_owned());
    if command.is_some() || reader.text("WATCHDOG_CMD").is_some() {
        let command = command.or_else(|| command_of(reader))?;
        return Some(Launched::program(command, acknowledges));
    }
    let Some(module) = module else {
        reader.complain(
            "neither HANDLER_MODULE nor WATCHDOG_CMD is set: name a handler's file, such as `handler.py`, or a program that \
             reads lines"
                .to_owned(),
        );
        return None;
    };
    let interpreter = reader.text("HANDLER_INTERPRETER").map(|text| (CommandLine::parse(&text), text));
    let interpreter = match interpreter {
        Some((Err(reason), text)) => {
            reader.mistake("HANDLER_INTERPRETER", &text, &reason);
            return None;
        }
        Some((Ok(interpreter), _)) => Some(interpreter),
        None => None,
    };
    let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    match Handler::find(&module, &function, &folder) {
        Ok(handler) => Some(Launched::handler(handler, interpreter)),
        Err(reason) => {
            reader.mistake("HANDLER_MODULE", &module, &reason);
            None
        }
    }
}

/// How many workers there are: as many calls run at once.
pub(super) fn count(reader: &mut Reader<'_>, config: &mut Config) -> usize {
    if reader.text("WATCHDOG_WORKERS").is_some() {
        config.max_concurrent_handlers = reader.number("WATCHDOG_WORKERS", 1..=1_024);
    }
    config.max_concurrent_handlers
}
