//! Children that are started for one call each.

use std::path::PathBuf;

use crate::config::Reader;
use crate::watchdog::child;
use crate::watchdog::file::FilePaths;
use crate::watchdog::prespawn::Ahead;
use crate::watchdog::stdio::Exchange;

pub(super) fn stdio(reader: &mut Reader<'_>) -> Exchange {
    let early = reader.flag("WATCHDOG_EARLY_REPLY").unwrap_or(false);
    let children = reader.number("WATCHDOG_PRESPAWN", 0..=1_024);
    let max_idle = reader.milliseconds("WATCHDOG_PRESPAWN_MAX_IDLE_MS", 0);
    let has_ids = |text: &str| match text.to_ascii_lowercase().as_str() {
        "strict" => Some(true),
        "none" => Some(false),
        _ => None,
    };
    let has_ids = reader.parse("WATCHDOG_PRESPAWN_ENV", "expected strict or none", has_ids).unwrap_or(false);
    if has_ids && children > 0 {
        reader.complain(
            "WATCHDOG_PRESPAWN starts children before their calls, so that EXECUTION_ID and TRACE_ID cannot be in their \
             environment: set WATCHDOG_PRESPAWN_ENV=none where the program does without"
                .to_owned(),
        );
    }
    let max_idle = (!max_idle.is_zero()).then_some(max_idle);
    Exchange::Stdio { early, ahead: (children > 0).then_some(Ahead { children, max_idle, give_way: early }) }
}

pub(super) fn file(reader: &mut Reader<'_>, at_once: usize) -> child::Mode {
    let mut path =
        |name| reader.text(name).map(|path| std::path::absolute(&path).unwrap_or_else(|_| PathBuf::from(path)));
    let paths = FilePaths { input: path("INPUT_FILE"), output: path("OUTPUT_FILE") };
    if paths.are_shared() && at_once > 1 {
        reader.complain(format!(
            "INPUT_FILE and OUTPUT_FILE are shared by all calls, and NANOFAAS_MAX_CONCURRENT_HANDLERS lets {at_once} run at \
             once: unset the paths, so that each call has files of its own"
        ));
    }
    if paths.input.is_some() && paths.input == paths.output {
        reader.complain("INPUT_FILE and OUTPUT_FILE are the same file".to_owned());
    }
    child::Mode::PerCall(Exchange::File(paths))
}
