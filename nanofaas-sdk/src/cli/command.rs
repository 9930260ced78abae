//! Which command was asked for.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::callbacks::Callbacks;
use super::print::print;
use super::{Program, health};
use crate::config::VARIABLES;

/// What a function binary can do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Serve,
    Invoke(Input),
    Schema,
    Health,
    Callbacks(Callbacks),
    Help,
    Version,
}

/// Where the input of `invoke` is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    Text(String),
    Stdin,
    File(PathBuf),
}

impl Command {
    pub(super) fn from_args(args: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut words = Vec::new();
        for word in args {
            words.push(word.into_string().map_err(|word| format!("the argument {} is not UTF-8", word.display()))?);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            [] | ["serve"] => Ok(Self::Serve),
            ["invoke", input] => Ok(Self::Invoke(Input::parse(input))),
            ["invoke"] => Err("invoke needs an input: invoke JSON, invoke @file, or invoke - for stdin".to_owned()),
            ["schema"] if cfg!(feature = "schema") => Ok(Self::Schema),
            ["schema"] => Err("schema needs a binary built with the feature `schema` of nanofaas-sdk".to_owned()),
            ["health"] => Ok(Self::Health),
            ["callbacks", rest @ ..] => Callbacks::parse(rest).map(Self::Callbacks),
            ["help" | "--help" | "-h"] => Ok(Self::Help),
            ["--version" | "-V"] => Ok(Self::Version),
            [known @ ("serve" | "invoke" | "schema" | "health"), .., last] => {
                Err(format!("{known} does not take `{last}` as well; see --help"))
            }
            [unknown, ..] => Err(format!(
                "there is no command `{unknown}`: expected serve, invoke, schema, health, callbacks, --help or --version"
            )),
        }
    }

    /// Does what needs no function; `None` where the command needs one.
    pub(super) fn without_function(&self, program: Option<Program>) -> Option<ExitCode> {
        let name = program.map_or_else(program_name, |program| program.name.to_owned());
        let sdk = env!("CARGO_PKG_VERSION");
        let text = match (self, program) {
            (Self::Help, _) => help(&name),
            (Self::Version, Some(Program { version, .. })) => format!("{name} {version} (nanofaas {sdk})\n"),
            (Self::Version, None) => format!("{name} (nanofaas {sdk})\n"),
            (Self::Health, _) => return Some(health::check_configured()),
            (Self::Callbacks(_) | Self::Serve | Self::Invoke(_) | Self::Schema, _) => return None,
        };
        Some(ExitCode::from(print(&text)))
    }
}

impl Input {
    fn parse(word: &str) -> Self {
        match word.strip_prefix('@') {
            Some(path) => Self::File(path.into()),
            None if word == "-" => Self::Stdin,
            None => Self::Text(word.to_owned()),
        }
    }
}

fn program_name() -> String {
    let program = std::env::args_os().next().map(PathBuf::from);
    let name = program.as_deref().and_then(|path| path.file_name());
    name.map_or_else(|| "function".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn help(name: &str) -> String {
    let mut text = format!(
        "{name}: a nanofaas function\n\n\
         Usage: {name} [COMMAND]\n\n\
         Commands:\n  \
           serve            serve POST /invoke, GET /health, /ready and /metrics (default)\n  \
           invoke JSON      run the function once with this input and print its output;\n                   \
                            @file reads the input from a file, - from stdin\n  \
           schema           print the JSON Schema of input and output (feature `schema`)\n  \
           health           ask the server on this machine whether it is healthy, for HEALTHCHECK\n  \
           callbacks        list the callbacks of NANOFAAS_CALLBACK_SPOOL_DIR that are not delivered\n  \
           callbacks replay [EXECUTION_ID ..]\n                   \
                            post those again that no running process delivers\n  \
           --help           print this\n  \
           --version        print the versions\n\n\
         Environment:\n"
    );
    for variable in VARIABLES {
        let default = if variable.default.is_empty() { String::new() } else { format!(" [{}]", variable.default) };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:<34} {}{default}", variable.name, variable.meaning);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Command, String> {
        Command::from_args(words.iter().map(OsString::from))
    }

    #[test]
    fn no_argument_serves() {
        assert_eq!(parse(&[]), Ok(Command::Serve));
    }

    #[test]
    fn an_input_comes_from_the_argument_a_file_or_stdin() {
        assert_eq!(parse(&["invoke", "{}"]), Ok(Command::Invoke(Input::Text("{}".to_owned()))));
        assert_eq!(parse(&["invoke", "-"]), Ok(Command::Invoke(Input::Stdin)));
        assert_eq!(parse(&["invoke", "@in.json"]), Ok(Command::Invoke(Input::File("in.json".into()))));
    }

    #[test]
    fn a_wrong_command_says_what_is_right() {
        for (words, part) in [
            (&["invok"][..], "no command `invok`: expected serve, invoke"),
            (&["invoke"], "invoke JSON"),
            (&["invoke", "{}", "x"], "invoke does not take `x`"),
            (&["health", "x"], "health does not take `x`"),
        ] {
            let mistake = parse(words).unwrap_err();
            assert!(mistake.contains(part), "{mistake}");
        }
    }

    #[test]
    fn the_help_lists_every_variable() {
        let help = help("f");
        assert!(VARIABLES.iter().all(|variable| help.contains(variable.name)));
    }
}
