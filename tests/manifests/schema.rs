//! Runs `check.py` with packages of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::{has_command, skip, workspace};

fn folder() -> PathBuf {
    workspace().join("tests/manifests")
}

/// A Python that has the pinned packages; `None`, with a printed reason, where there can be none.
pub(crate) fn python() -> Option<PathBuf> {
    if !has_command(&["python3", "--version"]) {
        skip("python3 is not installed, and the schemas are read with it");
        return None;
    }
    let environment = workspace().join("target/tests/manifests");
    let python = environment.join("bin/python");
    let requirements = std::fs::read_to_string(folder().join("requirements.txt")).expect("the list of packages");
    // Left behind by a run that came to its end.
    let complete = environment.join("complete");
    if std::fs::read_to_string(&complete).is_ok_and(|installed| installed == requirements) {
        return Some(python);
    }
    let made = Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment).output().expect("python3");
    if !made.status.success() {
        skip(&format!("`python3 -m venv` makes no environment for the schemas: {}", last_line(&made)));
        return None;
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]);
    pip.args(["--retries=1", "--timeout=15", "-r"]).arg(folder().join("requirements.txt"));
    let installed = pip.output().expect("pip");
    if !installed.status.success() {
        skip(&format!("the packages with the schemas cannot be installed: {}", last_line(&installed)));
        return None;
    }
    std::fs::write(complete, requirements).expect("a writable target directory");
    Some(python)
}

/// Whether the checker takes these files, and what it says.
pub(crate) fn check(python: &Path, files: &[PathBuf]) -> (bool, String) {
    let output = Command::new(python).arg(folder().join("check.py")).args(files).output().expect("the checker");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text.into_owned())
}

fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    text.lines().last().unwrap_or("no message").to_owned()
}
