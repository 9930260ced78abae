//! The command line.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};

use reqwest::Url;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
nanofaas-dev, a control plane for development: no security, no persistence, this machine only

usage: nanofaas-dev [--host 127.0.0.1] [--port 9090] [FUNCTION...]

FUNCTION is one of
  NAME=http://HOST:PORT/invoke   a function that runs already
  NAME='COMMAND LINE'            a program that is started with PORT and CALLBACK_URL set

  --host IP     the address to listen on; 0.0.0.0 lets other machines in, and asks nobody for a password
  --port N      where the control plane listens; 0 takes a free port
  --help        this text
  --version     the version

example: nanofaas-dev hello='cargo run -p hello'
";

/// The port where none is given.
const PORT: u16 = 9090;
/// What a function's argument looks like, for messages.
const EXPECTED: &str = "NAME=http://HOST:PORT/invoke or NAME='COMMAND LINE'";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Help,
    Version,
    Serve(Arguments),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    pub(crate) functions: Vec<NamedFunction>,
}

/// A function of the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NamedFunction {
    pub(crate) name: String,
    pub(crate) source: Source,
}

/// Where a function comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// It listens there already.
    Url(String),
    /// It is started: a program and its arguments.
    Program(Vec<String>),
}

impl Arguments {
    pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Asked, String> {
        let mut arguments = Self { host: Ipv4Addr::LOCALHOST.into(), port: PORT, functions: Vec::new() };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let word = word.into_string().map_err(|word| format!("`{}` is not UTF-8", word.display()))?;
            match word.as_str() {
                "--help" | "-h" => return Ok(Asked::Help),
                "--version" | "-V" => return Ok(Asked::Version),
                "--host" => {
                    let value = words.next().ok_or("`--host` needs an address after it, such as `--host 0.0.0.0`")?;
                    arguments.host = host(&value.to_string_lossy())?;
                }
                option if option.starts_with("--host=") => arguments.host = host(&option["--host=".len()..])?,
                "--port" => {
                    let value = words.next().ok_or("`--port` needs a number after it, such as `--port 9090`")?;
                    arguments.port = port(&value.to_string_lossy())?;
                }
                option if option.starts_with("--port=") => arguments.port = port(&option["--port=".len()..])?,
                option if option.starts_with('-') => return Err(format!("there is no option `{option}`")),
                _ => arguments.add(NamedFunction::parse(&word)?)?,
            }
        }
        Ok(Asked::Serve(arguments))
    }

    fn add(&mut self, function: NamedFunction) -> Result<(), String> {
        if self.functions.iter().any(|known| known.name == function.name) {
            return Err(format!("there are two functions named `{}`: give one of them another name", function.name));
        }
        self.functions.push(function);
        Ok(())
    }
}

fn host(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is not an address: one such as 127.0.0.1 or 0.0.0.0 is expected"))
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("`{text}` is not a port: a number from 0 to 65535 is expected"))
}

impl NamedFunction {
    fn parse(word: &str) -> Result<Self, String> {
        let (name, value) =
            word.split_once('=').ok_or_else(|| format!("`{word}` is not a function: expected {EXPECTED}"))?;
        check_name(name).map_err(|reason| format!("in `{word}`: {reason}; expected {EXPECTED}"))?;
        let source = if value.contains("://") && !value.contains(char::is_whitespace) {
            check_url(value).map_err(|reason| format!("in `{word}`: {reason}"))?;
            Source::Url(value.to_owned())
        } else {
            let words = shell_words::split(value).map_err(|_| format!("in `{word}`: a quote is not closed"))?;
            if words.first().is_none_or(String::is_empty) {
                return Err(format!("in `{word}`: nothing to start; expected {EXPECTED}"));
            }
            Source::Program(words)
        };
        Ok(Self { name: name.to_owned(), source })
    }
}

/// A name is a part of URLs and goes before a `:`.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let is_known = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if !name.is_empty() && name.chars().all(is_known) {
        return Ok(());
    }
    Err(format!("the name `{name}` is not letters, digits, `-`, `_` and `.`"))
}

/// A function is called at this URL as it stands.
pub(crate) fn check_url(text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    if url.scheme() == "http" && url.has_host() {
        return Ok(());
    }
    Err(format!("`{text}` is not an http:// URL, and this tool calls no others"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Asked, String> {
        Arguments::parse(words.iter().map(OsString::from))
    }

    #[test]
    fn a_function_is_a_url_or_a_command_line() {
        let Ok(Asked::Serve(arguments)) = parse(&["--port", "0", "a=http://localhost:8080/invoke", "b=sh -c 'x y'"])
        else {
            panic!("a good command line");
        };
        assert_eq!(arguments.port, 0);
        assert_eq!(arguments.functions[0].source, Source::Url("http://localhost:8080/invoke".into()));
        let words = ["sh", "-c", "x y"].map(str::to_owned).to_vec();
        assert_eq!(arguments.functions[1], NamedFunction { name: "b".into(), source: Source::Program(words) });
    }

    #[test]
    fn a_program_may_have_urls_among_its_arguments() {
        let function = NamedFunction::parse("a=env UPSTREAM=http://x/ hello").unwrap();
        assert!(matches!(function.source, Source::Program(words) if words.len() == 3));
    }

    #[test]
    fn each_mistake_says_what_is_expected() {
        for (word, expected) in [
            ("hello", "`hello` is not a function: expected NAME=http://HOST:PORT/invoke or NAME='COMMAND LINE'"),
            ("a:b=c", "the name `a:b` is not letters, digits, `-`, `_` and `.`"),
            ("=c", "the name `` is not letters"),
            ("a=", "nothing to start"),
            ("a=''", "nothing to start"),
            ("a='b", "a quote is not closed"),
            ("a=https://b/invoke", "is not an http:// URL"),
            ("a=http://", "is not a URL"),
            ("--prot", "there is no option `--prot`"),
            ("--port=x", "`x` is not a port"),
        ] {
            let mistake = parse(&[word]).unwrap_err();
            assert!(mistake.contains(expected), "{word}: {mistake}");
        }
        assert!(parse(&["--port"]).unwrap_err().contains("needs a number"));
        assert!(parse(&["a=b", "a=c"]).unwrap_err().contains("two functions named `a`"));
    }
}
