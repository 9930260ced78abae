//! Which kernels are installed, and how each is started (jupyter-client.readthedocs.io, "Kernel specs").

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::Deserialize;

use super::connection::Transport;
use super::folders::{Get, all, folders};
use crate::watchdog::command_line::CommandLine;

/// A kernel that is installed.
#[derive(Debug)]
pub(in crate::watchdog::kernel) struct Kernelspec {
    pub(super) name: String,
    /// The folder of its `kernel.json`.
    folder: PathBuf,
    argv: Vec<String>,
    pub(super) environment: Vec<(&'static str, Option<OsString>)>,
    pub(super) takes_interrupts_as_messages: bool,
    language: String,
    /// How one was reached that has started.
    pub(super) transport: OnceLock<Transport>,
}

/// A `kernel.json`.
#[derive(Deserialize)]
struct Written {
    argv: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    interrupt_mode: Option<String>,
    #[serde(default)]
    language: String,
}

impl Kernelspec {
    /// The kernelspec of this name; the error lists those that there are.
    pub(in crate::watchdog::kernel) fn find(name: &str, get: Get<'_>) -> Result<Self, String> {
        let folders = folders(get);
        let all = all(&folders);
        // As Jupyter does: the case of a name does not count, and the first folder that has it does.
        let Some((known, folder)) = all.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
            let list = |paths: &mut dyn Iterator<Item = String>| paths.collect::<Vec<_>>().join(", ");
            return Err(if all.is_empty() {
                let folders = list(&mut folders.iter().map(|folder| folder.display().to_string()));
                format!("no kernelspec is installed in any of {folders}; JUPYTER_PATH adds other folders")
            } else {
                let installed = list(&mut all.iter().map(|(name, folder)| format!("{name} ({})", folder.display())));
                format!("expected the name of an installed kernelspec: {installed}")
            });
        };
        Self::read(known, folder, get)
    }

    fn read(name: &str, folder: &Path, get: Get<'_>) -> Result<Self, String> {
        let file = folder.join("kernel.json");
        let wrong = |reason: String| format!("the kernelspec {} cannot be used: {reason}", file.display());
        let bytes = fs::read(&file).map_err(|error| wrong(error.to_string()))?;
        let Written { argv, env, interrupt_mode, language } =
            serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if argv.first().is_none_or(String::is_empty) {
            return Err(wrong("its argv names no program".to_owned()));
        }
        let environment = env.into_iter().map(|(name, value)| {
            // Read once per process.
            let name: &'static str = name.leak();
            (name, Some(expanded(&value, get)))
        });
        Ok(Self {
            name: name.to_owned(),
            folder: folder.to_owned(),
            environment: environment.collect(),
            argv,
            takes_interrupts_as_messages: interrupt_mode.as_deref() == Some("message"),
            language,
            transport: OnceLock::new(),
        })
    }

    pub(in crate::watchdog::kernel) fn is_python(&self) -> bool {
        self.language.eq_ignore_ascii_case("python")
    }

    /// The program that runs it, alone.
    pub(in crate::watchdog::kernel) fn program(&self) -> CommandLine {
        self.line(&self.argv[..1])
    }

    /// The command line for a kernel with this connection file.
    pub(super) fn command(&self, connection_file: &Path) -> CommandLine {
        let texts = [
            ("{connection_file}", connection_file.display().to_string()),
            ("{resource_dir}", self.folder.display().to_string()),
        ];
        let filled = |word: &String| texts.iter().fold(word.clone(), |word, (name, text)| word.replace(name, text));
        self.line(&self.argv.iter().map(filled).collect::<Vec<_>>())
    }

    fn line(&self, words: &[String]) -> CommandLine {
        let mut words: Vec<OsString> = words.iter().map(OsString::from).collect();
        if let Some(own) = words.first().and_then(|program| self.own_program(program.to_str()?)) {
            words[0] = own.into();
        }
        CommandLine::from_words(words).unwrap_or_else(|| unreachable!("there is a program"))
    }

    /// `python` in a kernelspec means that of the environment which the kernelspec belongs to.
    fn own_program(&self, program: &str) -> Option<PathBuf> {
        if program.contains('/') || !program.starts_with("python") {
            return None;
        }
        // {environment}/share/jupyter/kernels/{name}
        let own = self.folder.ancestors().nth(4)?.join("bin").join(program);
        own.is_file().then_some(own)
    }
}

/// A value of a kernelspec's environment, in which `${NAME}` stands for a variable of ours.
fn expanded(value: &str, get: Get<'_>) -> OsString {
    let mut expanded = OsString::new();
    let mut rest = value;
    while let Some((before, behind)) = rest.split_once("${") {
        expanded.push(before);
        let found = behind.split_once('}').and_then(|(name, behind)| Some((get(name)?, behind)));
        match found {
            Some((value, behind)) => {
                expanded.push(value);
                rest = behind;
            }
            // As Jupyter leaves it.
            None => {
                expanded.push("${");
                rest = behind;
            }
        }
    }
    expanded.push(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with these files, removed when this is dropped.
    struct Scratch(PathBuf);

    impl Scratch {
        fn with(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("nanofaas-spec-{}-{name}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(root)
        }

        fn path(&self, path: &str) -> String {
            self.0.join(path).display().to_string()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn find(name: &str, variables: &[(&str, String)]) -> Result<Kernelspec, String> {
        let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Kernelspec::find(name, &get)
    }

    #[test]
    fn the_first_folder_that_has_a_name_counts() {
        let files = ["a", "b", "u/jupyter", "v/share/jupyter"]
            .map(|at| (format!("{at}/kernels/One/kernel.json"), format!(r#"{{"argv":["{at}"]}}"#)));
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let scratch = Scratch::with("order", &files);
        let mut variables = vec![
            ("JUPYTER_PATH", format!("{}:{}", scratch.path("a"), scratch.path("b"))),
            ("VIRTUAL_ENV", scratch.path("v")),
            ("XDG_DATA_HOME", scratch.path("u")),
        ];
        for expected in ["a", "v/share/jupyter", "u/jupyter"] {
            assert_eq!(find("one", &variables).unwrap().argv, [expected]);
            variables.remove(0);
        }
        variables.push(("JUPYTER_DATA_DIR", scratch.path("b")));
        assert_eq!(find("ONE", &variables).unwrap().argv, ["b"]);
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_that_are_installed() {
        let scratch = Scratch::with("unknown", &[("k/kernels/ir/kernel.json", "{"), ("k/kernels/empty/x", "")]);
        let variables = [("JUPYTER_PATH", scratch.path("k"))];
        let error = find("python3", &variables).unwrap_err();
        assert!(error.contains("ir (") && !error.contains("empty"), "{error}");
        let error = find("ir", &variables).unwrap_err();
        assert!(error.contains("kernel.json cannot be used"), "{error}");
    }

    #[test]
    fn a_command_line_is_filled_in() {
        let spec = r#"{"argv":["python","-f","{connection_file}","--in={resource_dir}"],"env":{"A":"x${HOME}y${NONE}"},
            "interrupt_mode":"message","language":"Python"}"#;
        let files = [("e/share/jupyter/kernels/p/kernel.json", spec), ("e/bin/python", "")];
        let scratch = Scratch::with("command", &files);
        let spec = find("p", &[("VIRTUAL_ENV", scratch.path("e")), ("HOME", "/h".to_owned())]).unwrap();
        let command = spec.command(Path::new("/c.json"));
        assert_eq!(command.program(), OsString::from(scratch.path("e/bin/python")).as_os_str());
        let folder = scratch.path("e/share/jupyter/kernels/p");
        assert_eq!(command.arguments(), ["-f", "/c.json", &format!("--in={folder}")].map(OsString::from));
        assert_eq!(spec.environment, [("A", Some("x/hy${NONE}".into()))]);
        assert!(spec.takes_interrupts_as_messages && spec.is_python());
    }
}
