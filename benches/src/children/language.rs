//! The languages of the functions, and what each is run with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::peers;
use crate::process::target_directory;

/// What the watchdog would start for a worker: the floor is the same program without it.
const LAUNCHERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../nanofaas-sdk/src/watchdog/worker");
const FUNCTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/functions");

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Language {
    Python,
    Node,
}

/// A language that can be run here.
#[derive(Clone)]
pub(super) struct Runtime {
    pub(super) language: Language,
    /// Not a script around it, such as version managers put into the `PATH`: that would be measured, too.
    pub(super) interpreter: String,
    pub(super) version: String,
    /// The functions, in a folder of their own where bytecode may be written.
    pub(super) folder: PathBuf,
}

impl Language {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Node => "Node",
        }
    }

    fn program(self) -> (&'static str, [&'static str; 2]) {
        match self {
            Self::Python => ("python3", ["-c", "import sys; print(sys.executable)"]),
            Self::Node => ("node", ["-p", "process.execPath"]),
        }
    }

    /// Looks for the interpreter.
    pub(super) fn runtime(self) -> Result<Runtime, String> {
        let (program, question) = self.program();
        let output = Command::new(program).args(question).stderr(Stdio::null()).output();
        let output = output.map_err(|error| format!("{program}: {error}"))?;
        let interpreter = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if interpreter.is_empty() {
            return Err(format!("{program} does not say where it is"));
        }
        let version = format!("{} {}", self.name(), version(&interpreter));
        let folder = install().map_err(|error| format!("the functions could not be copied: {error}"))?;
        Ok(Runtime { language: self, interpreter, version, folder })
    }
}

impl Runtime {
    /// The function as a script.
    pub(super) fn script(&self) -> PathBuf {
        self.folder.join(match self.language {
            Language::Python => "script.py",
            Language::Node => "script.mjs",
        })
    }

    /// The file with the function, and the arguments that make the interpreter the launcher around it.
    pub(super) fn handler(&self) -> Result<(PathBuf, Vec<String>), String> {
        let (file, launcher, words): (_, _, &[&str]) = match self.language {
            Language::Python => ("handler.py", "launcher.py", &["-c"]),
            Language::Node => ("handler.mjs", "launcher.mjs", &["--input-type=module", "-e"]),
        };
        let path = Path::new(LAUNCHERS).join(launcher);
        let code = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut arguments: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        arguments.push(code);
        Ok((self.folder.join(file), arguments))
    }
}

/// The number alone.
fn version(interpreter: &str) -> String {
    let said = peers::version(interpreter);
    said.trim_start_matches(|letter: char| !letter.is_ascii_digit()).to_owned()
}

/// Copies the functions, and the peer that imports one of them, to where this program may write.
fn install() -> std::io::Result<PathBuf> {
    let folder = target_directory().join("bench-run/functions");
    std::fs::create_dir_all(&folder)?;
    for name in ["script.py", "script.mjs", "handler.py", "handler.mjs"] {
        std::fs::copy(Path::new(FUNCTIONS).join(name), folder.join(name))?;
    }
    std::fs::copy(peers::source("python_runtime_flask.py"), folder.join("python_runtime_flask.py"))?;
    Ok(folder)
}
