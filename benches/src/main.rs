//! Measures this repository's programs against other ways to do the same: on one machine, in one run, taking turns.
//!
//! ```console
//! $ cargo build --release -p nanofaas-sdk --features kernel --bin nanofaas-watchdog
//! $ cargo run --release -p nanofaas-benches -- kernel
//! $ cargo run --release -p nanofaas-benches -- children
//! $ cargo build --release -p hello
//! $ cargo run --release -p nanofaas-benches -- callbacks
//! ```
//!
//! A subject is a module: what contends, its figures with their targets, and scenarios that find numbers. It prints a markdown
//! table, writes it to the target directory, and the program ends with 1 when a target is missed. Durations depend on what else
//! the machine does; the ratios between contenders that took turns say more. Peers are installed into a virtual environment
//! of their own on first use, and left out where they cannot be.

mod callbacks;
mod children;
mod figures;
mod http;
mod kernel;
mod measure;
mod peers;
mod pin;
mod process;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
cargo run --release -p nanofaas-benches -- SUBJECT [OPTIONS]

Subjects:
  callbacks what a callback costs its invocation: none, in memory, on disk
  children  scripts started ahead (STDIO) and workers (WORKER), against a spawn per call and Flask on Gunicorn
  kernel    code execution with state (EXECUTION_MODE=KERNEL), both contracts, against services on FastAPI

Options:
  --watchdog PATH  the watchdog's binary [nanofaas-watchdog in release/ of the target directory]
  --output FILE    where the tables are written too [bench-SUBJECT.md in the target directory]
  --quick          few rounds: whether it runs, not how fast
  --no-check       ends with 0 when targets are missed, too
";

/// Exit code of a command line that cannot be understood (`EX_USAGE` of sysexits).
const USAGE: u8 = 64;

/// Measures, and returns the targets that are missed. Err: it could not be measured.
type Subject = fn(&Options) -> Result<Vec<String>, String>;

/// What the command line asks of a subject.
struct Options {
    watchdog: PathBuf,
    output: PathBuf,
    quick: bool,
    check: bool,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (run, options): (Subject, _) = match words.as_slice() {
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        [subject @ "callbacks", options @ ..] => (callbacks::run, Options::parse(subject, options)),
        [subject @ "children", options @ ..] => (children::run, Options::parse(subject, options)),
        [subject @ "kernel", options @ ..] => (kernel::run, Options::parse(subject, options)),
        _ => return fail(USAGE, "expected a subject: callbacks, children or kernel; see --help"),
    };
    let options = match options {
        Ok(options) => options,
        Err(mistake) => return fail(USAGE, &mistake),
    };
    match run(&options) {
        Ok(missed) if missed.is_empty() => ExitCode::SUCCESS,
        Ok(missed) => {
            eprintln!(
                "{} missed:\n  {}",
                if missed.len() == 1 { "a target is" } else { "targets are" },
                missed.join("\n  ")
            );
            ExitCode::from(u8::from(options.check))
        }
        Err(reason) => fail(1, &reason),
    }
}

impl Options {
    fn parse(subject: &str, words: &[&str]) -> Result<Self, String> {
        let target = process::target_directory();
        let mut options = Self {
            watchdog: target.join("release/nanofaas-watchdog"),
            output: target.join(format!("bench-{subject}.md")),
            quick: false,
            check: true,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().map(PathBuf::from).ok_or_else(|| format!("{word} needs a value"));
            match *word {
                "--watchdog" => options.watchdog = value()?,
                "--output" => options.output = value()?,
                "--quick" => options.quick = true,
                "--no-check" => options.check = false,
                _ => return Err(format!("there is no option `{word}`; see --help")),
            }
        }
        Ok(options)
    }
}

fn fail(code: u8, message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(code)
}
