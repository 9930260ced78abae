//! The kernels, in an environment of their own that is made once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use harness::skip;

/// What is installed. The package `deno` is the program itself.
const PACKAGES: [&str; 2] = ["ipykernel", "deno"];

/// A virtual environment with kernels.
pub(crate) struct Environment(PathBuf);

impl Environment {
    /// The one for all tests; `None`, with a printed reason, where it cannot be made.
    pub(crate) fn get() -> Option<&'static Self> {
        static ENVIRONMENT: OnceLock<Result<Environment, String>> = OnceLock::new();
        match ENVIRONMENT.get_or_init(Self::make) {
            Ok(environment) => Some(environment),
            Err(reason) => {
                skip(&format!("no Jupyter kernels here: {reason}"));
                None
            }
        }
    }

    fn make() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("jupyter");
        let done = root.join("complete");
        if !done.exists() {
            let _ = std::fs::remove_dir_all(&root);
            run(Command::new("python3").args(["-m", "venv"]).arg(&root))?;
            let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
            run(Command::new(root.join("bin/python")).args(pip).args(PACKAGES))?;
            let folder = root.join("share/jupyter/kernels/deno");
            let spec = serde_json::json!({
                "argv": [root.join("bin/deno"), "jupyter", "--kernel", "--conn", "{connection_file}"],
                "display_name": "Deno",
                "language": "typescript",
                "interrupt_mode": "message",
            });
            let written = std::fs::create_dir_all(&folder)
                .and_then(|()| std::fs::write(folder.join("kernel.json"), spec.to_string()))
                .and_then(|()| std::fs::write(&done, ""));
            written.map_err(|error| error.to_string())?;
        }
        Ok(Self(root))
    }

    pub(crate) fn jupyter_path(&self) -> String {
        self.0.join("share/jupyter").display().to_string()
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
