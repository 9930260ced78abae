//! Which program a worker is: the user's own, or a launcher of ours around a handler file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::watchdog::command_line::CommandLine;
use crate::watchdog::stdio::IDS;

const PYTHON: &str = include_str!("launcher.py");
const NODE: &str = include_str!("launcher.mjs");

/// Where the launchers are for: the endings of a handler's file, and how each is run.
const LANGUAGES: [(&str, Language); 4] =
    [("py", Language::Python), ("mjs", Language::Node), ("js", Language::Node), ("cjs", Language::Node)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Python,
    Node,
}

/// A worker's program.
#[derive(Clone, Debug)]
pub(crate) struct Launched {
    pub(crate) command: Arc<CommandLine>,
    /// Whether its first line says that it is ready.
    pub(super) acknowledges: bool,
    handler: Option<Handler>,
}

/// A handler file and the function in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Handler {
    /// An absolute path.
    file: PathBuf,
    /// The folder that the module's name begins in.
    root: PathBuf,
    /// The module as Python calls it.
    module: String,
    function: String,
    language: Language,
}

impl Launched {
    /// A program that speaks the protocol.
    pub(crate) fn program(command: CommandLine, acknowledges: bool) -> Self {
        Self { command: Arc::new(command), acknowledges, handler: None }
    }

    /// A handler with one of our launchers around it, run by `interpreter`.
    pub(crate) fn handler(handler: Handler, interpreter: Option<CommandLine>) -> Self {
        let (program, arguments): (_, &[&str]) = match handler.language {
            Language::Python => ("python3", &["-c", PYTHON]),
            Language::Node => ("node", &["--input-type=module", "-e", NODE]),
        };
        let interpreter = interpreter.or_else(|| CommandLine::from_words([program.into()]));
        let command = interpreter.unwrap_or_else(|| unreachable!("there is a word"));
        let command = command.with_arguments(arguments.iter().copied());
        Self { command: Arc::new(command), acknowledges: true, handler: Some(handler) }
    }

    pub(super) fn environment(&self) -> Vec<(&'static str, Option<OsString>)> {
        // Those of this process are no call's.
        let mut environment: Vec<_> = IDS.into_iter().map(|name| (name, None)).collect();
        if self.acknowledges {
            environment.push(("__OW_WAIT_FOR_ACK", Some("1".into())));
        }
        if let Some(Handler { file, root, module, function, .. }) = &self.handler {
            environment.push(("HANDLER_FILE", Some(file.into())));
            environment.push(("HANDLER_ROOT", Some(root.into())));
            environment.push(("HANDLER_MODULE", Some(module.into())));
            environment.push(("HANDLER_FUNCTION", Some(function.into())));
        }
        environment
    }

    /// What metrics call it: the handler's module, or `None` where the program's name is enough.
    pub(crate) fn name(&self) -> Option<&str> {
        self.handler.as_ref().map(|handler| handler.module.as_str())
    }
}

impl Handler {
    /// Looks for the file of `module` in `folder`; the error says where that was.
    pub(crate) fn find(module: &str, function: &str, folder: &Path) -> Result<Self, String> {
        if module.contains(':') {
            return Err("the function is named in HANDLER_FUNCTION, without a colon here".to_owned());
        }
        let ending = Path::new(module).extension();
        let is_known = ending.is_some_and(|ending| LANGUAGES.iter().any(|(known, _)| *known == ending));
        if !is_known && folder.join(module).is_file() {
            return Err("the endings of handlers are .py, .mjs, .js and .cjs".to_owned());
        }
        let candidates = candidates(module, folder);
        let found: Vec<_> = candidates.iter().filter(|(path, _)| path.is_file()).collect();
        let (file, language) = match found.as_slice() {
            [one] => one,
            [] => {
                let looked: Vec<_> = candidates.iter().map(|(path, _)| path.display().to_string()).collect();
                return Err(format!("there is no such file: looked for {}", looked.join(", ")));
            }
            several => {
                let names: Vec<_> = several.iter().map(|(path, _)| path.display().to_string()).collect();
                return Err(format!("there are several: {}; say which one with its ending", names.join(", ")));
            }
        };
        let own = module.strip_suffix(".py").unwrap_or(module);
        let is_path = Path::new(own).is_absolute() || own.contains("..");
        let (root, module) = if *language == Language::Python && !is_path {
            (folder.to_owned(), own.trim_start_matches("./").replace('/', "."))
        } else {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (file.parent().unwrap_or(folder).to_owned(), stem)
        };
        Ok(Self { file: file.clone(), root, module, function: function.to_owned(), language: *language })
    }
}

/// The files that a module may be in.
fn candidates(module: &str, folder: &Path) -> Vec<(PathBuf, Language)> {
    let ending = Path::new(module).extension().and_then(|ending| ending.to_str());
    if let Some((_, language)) = LANGUAGES.iter().find(|(known, _)| Some(*known) == ending) {
        return vec![(folder.join(module), *language)];
    }
    // Python's packages are told with dots.
    let path = folder.join(if module.contains('/') { module.to_owned() } else { module.replace('.', "/") });
    let mut all: Vec<_> = LANGUAGES.iter().map(|(ending, language)| (with_ending(&path, ending), *language)).collect();
    all.push((path.join("__init__.py"), Language::Python));
    all
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> PathBuf {
        let name = format!("nanofaas-handler-{}-{}", std::process::id(), files.join("-").replace('/', "_"));
        let folder = std::env::temp_dir().join(name);
        for file in files {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    #[test]
    fn a_handler_is_found_with_and_without_its_ending() {
        let folder = folder(&["handler.py", "other.mjs", "pkg/deep.py", "all/__init__.py"]);
        for (module, file, name) in [
            ("handler", "handler.py", "handler"),
            ("handler.py", "handler.py", "handler"),
            ("other", "other.mjs", "other"),
            ("pkg.deep", "pkg/deep.py", "pkg.deep"),
            ("pkg/deep.py", "pkg/deep.py", "pkg.deep"),
            ("all", "all/__init__.py", "all"),
        ] {
            let handler = Handler::find(module, "handle", &folder).unwrap();
            assert_eq!((handler.file, handler.module.as_str()), (folder.join(file), name), "{module}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn none_and_several_are_told_by_their_paths() {
        let folder = folder(&["handler.py", "handler.js"]);
        assert!(Handler::find("handler", "handle", &folder).unwrap_err().contains("handler.js; say which"));
        assert!(Handler::find("nobody", "handle", &folder).unwrap_err().contains("nobody.mjs"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
