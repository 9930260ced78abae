//! Which program a child is, with its arguments.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Where programs are looked for when `PATH` is not set.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program and its arguments; never a shell's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommandLine {
    program: OsString,
    arguments: Vec<OsString>,
}

impl CommandLine {
    /// Splits text into words as a shell does: quotes, backslashes and comments, and nothing else of a shell.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.trim_end_matches('\\').len() % 2 != text.len() % 2 {
            return Err("it ends with a backslash that quotes nothing".to_owned());
        }
        let words = shell_words::split(text).map_err(|_| "a quote is not closed".to_owned())?;
        Self::from_words(words.into_iter().map(OsString::from)).ok_or_else(|| "there is no program in it".to_owned())
    }

    /// Takes words as they are; `None` where there are none.
    pub(crate) fn from_words(words: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut words = words.into_iter();
        let program = words.next().filter(|program| !program.is_empty())?;
        Some(Self { program, arguments: words.collect() })
    }

    /// The same with more arguments.
    pub(crate) fn with_arguments<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.arguments.extend(arguments.into_iter().map(OsString::from));
        self
    }

    /// The program as it was written.
    pub(crate) fn program(&self) -> &OsStr {
        &self.program
    }

    pub(crate) fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    /// The program's file, by its absolute path. The error says why there is none.
    pub(crate) fn resolve(&self) -> Result<PathBuf, String> {
        let name = self.program.display();
        let path = Path::new(&self.program);
        if path.components().count() > 1 || path.is_absolute() {
            let path = std::path::absolute(path).map_err(|error| format!("the program {name}: {error}"))?;
            return match executable(&path) {
                Ok(()) => Ok(path),
                Err(reason) => Err(format!("the program {name} {reason}")),
            };
        }
        let directories = env::var_os("PATH").filter(|path| !path.is_empty()).unwrap_or_else(|| PATH.into());
        let mut refused = None;
        for directory in env::split_paths(&directories) {
            let candidate = directory.join(&self.program);
            match executable(&candidate) {
                Ok(()) => return std::path::absolute(&candidate).map_err(|error| error.to_string()),
                Err(reason) if candidate.exists() => {
                    refused.get_or_insert(format!("the program {} {reason}", candidate.display()));
                }
                Err(_) => {}
            }
        }
        Err(refused.unwrap_or_else(|| format!("the program {name} was not found in PATH ({})", directories.display())))
    }
}

fn executable(path: &Path) -> Result<(), String> {
    match fs::metadata(path) {
        Ok(file) if file.is_dir() => Err("is a directory".to_owned()),
        Ok(file) if file.permissions().mode() & 0o111 == 0 => Err("is not executable: chmod +x it".to_owned()),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err("does not exist".to_owned()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_does() {
        let line = CommandLine::parse(r#"sh -c 'echo "a b"' c\ d "" "$HOME" *"#).unwrap();
        assert_eq!(line.program(), "sh");
        assert_eq!(line.arguments(), ["-c", "echo \"a b\"", "c d", "", "$HOME", "*"]);
        assert_eq!(CommandLine::parse("echo 'a").unwrap_err(), "a quote is not closed");
        assert_eq!(CommandLine::parse("a \\").unwrap_err(), "it ends with a backslash that quotes nothing");
        assert!(CommandLine::parse("a \\\\").is_ok());
        assert_eq!(CommandLine::parse("  ").unwrap_err(), "there is no program in it");
        assert_eq!(CommandLine::parse("''").unwrap_err(), "there is no program in it");
    }

    #[test]
    fn a_program_is_found_in_the_path_or_named() {
        let resolve = |text: &str| CommandLine::parse(text).unwrap().resolve();
        assert!(resolve("sh").unwrap().is_absolute());
        assert!(
            resolve("no-such-program").unwrap_err().starts_with("the program no-such-program was not found in PATH")
        );
        assert_eq!(resolve("/no/such").unwrap_err(), "the program /no/such does not exist");
        assert_eq!(resolve("/tmp").unwrap_err(), "the program /tmp is a directory");
        assert!(resolve("/etc/passwd").unwrap_err().contains("is not executable"));
    }
}
