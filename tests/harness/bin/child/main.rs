//! Every kind of child that a watchdog may have. The first argument is how it is spoken to (`http`,
//! `stdio`, `file` or `worker`); what it does with a call is in the call's input, see `act`.
//!
//! Options: `--late GATE` does nothing before the gate opens, `--unready GATE` is not healthy before,
//! `--pids FILE` adds a line with its process id, `--stderr N` writes a line of N bytes without its
//! end before it reads anything, `--unread` never reads its stdin, `--ack LINE` is the first line of a
//! worker; an empty one is none.

mod act;
mod answer;
mod http;
mod report;
mod worker;

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use act::act;

/// How often a gate is looked at.
const LOOK: Duration = Duration::from_millis(2);

fn main() {
    report::remember_the_start();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| arguments.iter().skip_while(|word| *word != name).nth(1).cloned();
    if let Some(file) = option("--pids") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).expect("a list of processes");
        file.write_all(format!("{}\n", std::process::id()).as_bytes()).expect("a list of processes");
    }
    if let Some(gate) = option("--late") {
        wait_at(Path::new(&gate));
    }
    if let Some(length) = option("--stderr") {
        let line = "x".repeat(length.parse().expect("a number of bytes"));
        std::io::stderr().write_all(line.as_bytes()).expect("stderr");
    }
    match arguments.first().map(String::as_str) {
        Some("http") => http::serve(option("--unready").map(PathBuf::from)),
        Some("stdio") => {
            let mut payload = Vec::new();
            if !arguments.iter().any(|word| word == "--unread") {
                std::io::stdin().read_to_end(&mut payload).expect("stdin");
            }
            let mut stdout = std::io::stdout();
            act(&payload, &[]).write_body(&mut stdout).and_then(|()| stdout.flush()).expect("stdout");
        }
        Some("file") => {
            let path =
                |name: &str| PathBuf::from(std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set")));
            let payload = std::fs::read(path("INPUT_FILE")).expect("INPUT_FILE");
            let mut answer = Vec::new();
            act(&payload, &[]).write_body(&mut answer).expect("a buffer");
            std::fs::write(path("OUTPUT_FILE"), answer).expect("OUTPUT_FILE");
        }
        Some("worker") => worker::serve(option("--ack")).expect("descriptor 3"),
        other => panic!("a child of this kind is not known: {other:?}"),
    }
}

/// Says with a file `.entered` which process is here, and waits until the gate's file exists.
fn wait_at(gate: &Path) {
    let draft = gate.with_extension(format!("draft-{}", std::process::id()));
    std::fs::write(&draft, std::process::id().to_string()).expect("a gate's directory");
    std::fs::rename(draft, gate.with_extension("entered")).expect("a gate's directory");
    while !gate.exists() {
        std::thread::sleep(LOOK);
    }
}
