//! What runs in a kernel before its first call.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::run::{Run, Work};
use super::{Jupyter, Kernelspec};
use crate::watchdog::kernel::interpreter::Event;

/// `exit()` is an error of the cell, as `sys.exit()` is, and not the end of the kernel.
const STAY: &str = "\
try:
    def _stay():
        raise SystemExit
    get_ipython().ask_exit = _stay
except NameError:
    pass
finally:
    del _stay
";

/// Code that is under way, and what comes after it.
pub(super) struct StartUp {
    /// Where it comes from; `None` for our own.
    file: Option<PathBuf>,
    pub(super) rest: VecDeque<PathBuf>,
}

impl StartUp {
    /// What the log says of a file that failed.
    pub(super) fn told(&self, name: &str, value: &str, traceback: &str) -> String {
        let what = self.file.as_ref().map_or("the preparation of the kernel".into(), |file| file.to_string_lossy());
        format!("{what} failed and is skipped: {name}: {value}\n{traceback}\n")
    }
}

/// The files that are to run, in their order. They are Python; other kernels cannot run them.
pub(super) fn work(spec: &Kernelspec, workspace: Option<&str>) -> Vec<PathBuf> {
    let entries = workspace.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let is_wanted = |path: &Path| {
        let is_hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"_"));
        path.extension().is_some_and(|extension| extension == "py") && !is_hidden && path.is_file()
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| is_wanted(path)).collect();
    files.sort();
    if !spec.is_python() && !files.is_empty() {
        tracing::warn!(
            target: "nanofaas",
            files = files.len(),
            "the *.py of WORKSPACE_FOLDER are skipped: the kernel {} is no Python",
            spec.name,
        );
        files.clear();
    }
    files
}

impl Jupyter {
    /// Runs our own code, then the files.
    pub(super) fn prepare(&mut self, files: VecDeque<PathBuf>) {
        if self.spec.is_python() {
            self.run_silently(STAY, StartUp { file: None, rest: files });
        } else {
            self.start_up(files);
        }
    }

    /// Runs the next file.
    pub(super) fn start_up(&mut self, mut files: VecDeque<PathBuf>) {
        let Some(file) = files.pop_front() else {
            self.events.push_back(Event::Ready(Vec::new()));
            return;
        };
        // A string of JSON is one of Python.
        let path = json!(file.to_string_lossy()).to_string();
        let code =
            format!("with open({path}, 'rb') as _file:\n    exec(compile(_file.read(), {path}, 'exec'))\ndel _file\n");
        self.run_silently(&code, StartUp { file: Some(file), rest: files });
    }

    fn run_silently(&mut self, code: &str, start_up: StartUp) {
        let content = json!({
            "code": code,
            "silent": true,
            "store_history": false,
            "user_expressions": {},
            "allow_stdin": false,
            "stop_on_error": false,
        });
        let id = self.send_shell("execute_request", &content);
        self.work = Work::StartUp(Run::new(id, false), start_up);
    }
}
