//! The program inside the interpreter, which is part of this one.

use std::sync::OnceLock;

use bytes::Bytes;

use crate::watchdog::command_line::CommandLine;
use crate::watchdog::kernel::wire::Request;

/// The modules of the program, by name.
const MODULES: &[(&str, &str)] = &[
    ("awaiting", include_str!("../../python/awaiting.py")),
    ("cell", include_str!("../../python/cell.py")),
    ("excerpt", include_str!("../../python/excerpt.py")),
    ("figures", include_str!("../../python/figures.py")),
    ("flow_artifacts", include_str!("../../python/flow_artifacts.py")),
    ("flow_context", include_str!("../../python/flow_context.py")),
    ("flow_display", include_str!("../../python/flow_display.py")),
    ("flow_inputs", include_str!("../../python/flow_inputs.py")),
    ("flow_log", include_str!("../../python/flow_log.py")),
    ("flow_outputs", include_str!("../../python/flow_outputs.py")),
    ("flow_shared", include_str!("../../python/flow_shared.py")),
    ("flowfile", include_str!("../../python/flowfile.py")),
    ("forks", include_str!("../../python/forks.py")),
    ("frames", include_str!("../../python/frames.py")),
    ("imports", include_str!("../../python/imports.py")),
    ("interrupts", include_str!("../../python/interrupts.py")),
    ("main", include_str!("../../python/main.py")),
    ("payload", include_str!("../../python/payload.py")),
    ("repair", include_str!("../../python/repair.py")),
    ("rich", include_str!("../../python/rich.py")),
    ("sources", include_str!("../../python/sources.py")),
    ("startup", include_str!("../../python/startup.py")),
    ("streams", include_str!("../../python/streams.py")),
    ("threads", include_str!("../../python/threads.py")),
    ("tracebacks", include_str!("../../python/tracebacks.py")),
    ("wire", include_str!("../../python/wire.py")),
];
const BOOTSTRAP: &str = include_str!("../../python/bootstrap.py");

/// The command line that runs our program in `interpreter`.
pub(in crate::watchdog::kernel) fn command(interpreter: &CommandLine) -> CommandLine {
    interpreter.clone().with_arguments(["-c", BOOTSTRAP])
}

pub(super) fn modules() -> Bytes {
    static MODULES_FRAME: OnceLock<Bytes> = OnceLock::new();
    MODULES_FRAME
        .get_or_init(|| {
            let modules: serde_json::Map<_, _> =
                MODULES.iter().map(|(name, source)| ((*name).to_owned(), (*source).into())).collect();
            Request::Modules.frame(0, serde_json::Value::Object(modules).to_string().as_bytes())
        })
        .clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_of_the_program_is_part_of_it() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/watchdog/kernel/python");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let mut names: Vec<_> = files
            .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|name| name != "bootstrap")
            .collect();
        names.sort_unstable();
        let known: Vec<_> = MODULES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, known);
    }
}
