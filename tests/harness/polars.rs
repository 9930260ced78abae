//! A Python that has polars, for the tests that read and write real tables.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::{Process, has_command, skip};

/// How long an installation may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The interpreter of a virtual environment with polars below the target directory. It is made once,
/// by whichever test comes first. `None`, with a printed reason, where it cannot be made.
///
/// # Panics
///
/// Where the target directory cannot be written.
#[must_use]
pub fn polars() -> Option<String> {
    static MADE: OnceLock<Result<String, String>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        // The test itself is {target}/{profile}/deps/{test}.
        let test = std::env::current_exe().expect("the test's own path");
        let folder = test.ancestors().nth(3).expect("a target directory").join("tmp");
        std::fs::create_dir_all(&folder).expect("a writable target directory");
        make(&folder)
    });
    made.as_ref().inspect_err(|reason| skip(reason)).ok().cloned()
}

fn make(folder: &Path) -> Result<String, String> {
    let (place, lock) = (folder.join("python-with-polars"), folder.join("python-with-polars.lock"));
    let python = place.join("bin/python3").display().to_string();
    let is_there = || has_command(&[&python, "-c", "import polars"]);
    let until = Instant::now() + PATIENCE;
    loop {
        if is_there() {
            return Ok(python);
        }
        if let Ok(mut file) = OpenOptions::new().write(true).create_new(true).open(&lock) {
            let _ = write!(file, "{}", std::process::id());
            let installed = if is_there() { Ok(()) } else { install(&place, &python) };
            let _ = std::fs::remove_file(&lock);
            return installed.map(|()| python);
        }
        // One that was killed at it leaves its lock.
        let owner = std::fs::read_to_string(&lock).ok().and_then(|text| text.parse().ok());
        if owner.is_some_and(|owner| !Process(owner).is_alive()) {
            let _ = std::fs::remove_file(&lock);
        }
        if Instant::now() > until {
            return Err("another test run does not come to an end of installing polars".to_owned());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn install(place: &Path, python: &str) -> Result<(), String> {
    let run = |command: &mut Command| {
        let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
        let told = String::from_utf8_lossy(&output.stderr);
        let last = told.trim().lines().last().unwrap_or_default().to_owned();
        if output.status.success() { Ok(()) } else { Err(format!("polars cannot be installed: {last}")) }
    };
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(place))?;
    run(Command::new(python).args(["-m", "pip", "install", "--quiet", "polars"]))
}
