//! What others offer, installed on demand into a virtual environment of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::target_directory;

/// The peers' sources, and what they need: exact versions, so that two runs compare the same.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

/// The Python that has the peers' packages, or why there is none.
pub(crate) fn python() -> Result<PathBuf, String> {
    let home = target_directory().join("bench-venv");
    let python = home.join("bin/python");
    let wanted =
        fs::read_to_string(source("requirements.txt")).map_err(|error| format!("requirements.txt: {error}"))?;
    // Written last: an installation that was interrupted has none.
    let stamp = home.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    eprintln!("installing the peers into {}", home.display());
    succeed(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    succeed(Command::new(&python).args(pip).arg(source("requirements.txt")))?;
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(python)
}

/// A file of the directory `peers`.
pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(SOURCES).join(name)
}

/// What a program answers to `--version`.
pub(crate) fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").stderr(Stdio::null()).output();
    output.map_or_else(|_| format!("no {program}"), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().display().to_string();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{name}` ended with {status} while the peers were installed")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}
