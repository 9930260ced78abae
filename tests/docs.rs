//! Runs every command of the documentation and compares what it prints, and holds the tables
//! against the code.
//!
//! In a `console` block a line that starts with `$ ` is a command, the lines after it are what it
//! prints; `…` stands for anything, alone on a line for any lines. `cargo run -p NAME` without
//! a command serves: it runs until the file's end on a free port, which takes the place of 8080. So does
//! a watchdog that is started with `WARM=true`, and kernel mode with the ports of its contracts.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use harness::{Function, binary, has_command, skip, workspace};
use nanofaas::{VARIABLES, watchdog};

/// The command that runs this very test, which cannot run itself; CI runs it from the README.
const ALL_TESTS: &str = "cargo test --workspace";

/// The commands that build and run the watchdog.
const WATCHDOG: [&str; 2] =
    ["cargo run -p nanofaas-sdk --features watchdog", "cargo run -p nanofaas-sdk --features kernel"];

/// The ports of the documentation.
const PORTS: [&str; 3] = ["8080", "8432", "9999"];

#[test]
fn the_commands_of_the_documentation_print_what_it_says() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        skip("curl is not installed, and the documentation's commands use it");
        return;
    }
    if !has_command(&["python3", "--version"]) {
        skip("python3 is not installed, and the watchdog's documentation uses it");
        return;
    }
    let mut commands = 0;
    for file in [
        "README.md",
        "docs/callbacks.md",
        "docs/configuration.md",
        "docs/operation.md",
        "docs/watchdog.md",
        "docs/kernel.md",
        "examples/kernel/README.md",
        "CONTRIBUTING.md",
    ] {
        commands += run_file(file);
    }
    assert!(commands > 10, "only {commands} commands were found");
}

#[test]
fn the_readme_and_ci_run_all_tests_with_the_same_command() {
    assert!(read("README.md").contains(&format!("$ {ALL_TESTS}\n")));
    assert!(read(".ci/run").lines().any(|line| line.trim() == ALL_TESTS));
}

#[test]
fn the_tables_of_variables_are_the_codes_own() {
    for (page, variables) in [
        ("docs/configuration.md", VARIABLES),
        ("docs/watchdog.md", watchdog::VARIABLES),
        ("docs/kernel.md", watchdog::KERNEL_VARIABLES),
    ] {
        let mut table = String::new();
        for variable in variables {
            let (name, default, unit, meaning) = (variable.name, variable.default, variable.unit, variable.meaning);
            writeln!(table, "| `{name}` | {default} | {unit} | {meaning} |").expect("a string grows");
        }
        assert!(read(page).contains(&table), "{page} should have these rows:\n{table}");
    }
}

#[test]
fn links_inside_the_documentation_lead_somewhere() {
    for file in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/callbacks.md",
        "docs/configuration.md",
        "docs/contract.md",
        "docs/deploy.md",
        "docs/handlers.md",
        "docs/operation.md",
        "docs/jupyter.md",
        "docs/kernel.md",
        "docs/watchdog.md",
        "examples/README.md",
        "examples/kernel/README.md",
        "examples/nanofaas-dev/README.md",
        "examples/polyglot/README.md",
    ] {
        let text = read(file);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let page = workspace().join(file);
            let target = if path.is_empty() { page } else { page.parent().expect("a directory").join(path) };
            assert!(target.exists(), "{file} links to {link}, which is not there");
            if !anchor.is_empty() {
                let headings = std::fs::read_to_string(&target).expect("a page");
                let found = headings.lines().any(|line| line.starts_with('#') && slug(line) == anchor);
                assert!(found, "{file} links to {link}, which has no such heading");
            }
        }
    }
}

fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(workspace().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A command and the lines it should print.
struct Step {
    command: String,
    expected: Vec<String>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in text.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        let mut in_block = false;
        for line in block.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => {
                    steps.push(Step { command: command.to_owned(), expected: Vec::new() });
                    in_block = true;
                }
                None => {
                    assert!(in_block, "a console block begins with a command: {line}");
                    steps.last_mut().expect("a command").expected.push(line.to_owned());
                }
            }
        }
    }
    steps
}

fn run_file(file: &str) -> usize {
    let mut server: Option<Function> = None;
    let steps = steps(&read(file));
    for Step { command, expected } in &steps {
        if command == ALL_TESTS {
            continue;
        }
        if let Some((name, variables)) = served(command).filter(|_| expected.is_empty()) {
            server = Some(Function::start(name, &variables));
            continue;
        }
        if (command.starts_with("WARM=true ") || command.starts_with("EXECUTION_MODE=KERNEL ")) && expected.is_empty() {
            server = Some(start_watchdog(command));
            continue;
        }
        let printed = run(command, server.as_ref());
        let printed: Vec<_> = printed.lines().map(str::trim_end).collect();
        let expected: Vec<_> = expected.iter().map(|line| line.trim_end()).collect();
        assert!(
            fits(&printed, &expected),
            "{file}: `{command}` printed\n{}\nand not\n{}",
            printed.join("\n"),
            expected.join("\n")
        );
    }
    steps.len()
}

/// The function that a command serves, and the variables in front of it.
fn served(command: &str) -> Option<(&str, Vec<(&str, &str)>)> {
    let (variables, name) = command.split_once("cargo run -p ")?;
    let variables = variables.split_whitespace().map(|variable| variable.split_once('=')).collect::<Option<_>>()?;
    (!name.contains(' ')).then_some((name, variables))
}

/// Starts a watchdog as a shell does, with a free port for itself and one for its child.
fn start_watchdog(command: &str) -> Function {
    let program = binary("nanofaas-watchdog").display().to_string();
    let mut shell = Command::new("sh");
    let exec = format!("exec {program}");
    let command = WATCHDOG.iter().fold(command.to_owned(), |command, run| command.replace(run, &exec));
    shell.arg("-c").arg(command).current_dir(workspace());
    shell.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    shell.env("WARM_PORT", "0").env("RUNTIME_URL", "http://127.0.0.1:0/invoke");
    let mut watchdog = Function::launch(shell);
    watchdog.wait_until_ready();
    watchdog
}

/// Runs a command as a shell does, with the built binaries in the place of `cargo run`.
fn run(command: &str, server: Option<&Function>) -> String {
    let mut line = String::new();
    let mut words = command.split(' ').peekable();
    while let Some(word) = words.next() {
        let mut ahead = words.clone();
        if word == "cargo" && ahead.next() == Some("run") && ahead.next() == Some("-p") {
            let name = ahead.next().expect("a package");
            line.push_str(&binary(name).display().to_string());
            words = ahead;
            words.next_if_eq(&"--");
        } else {
            line.push_str(word);
        }
        line.push(' ');
    }
    // A port that nothing listens on, where no server was started.
    let port = server.map_or_else(free_port, |server| server.address().port());
    let own = format!("localhost:{port}");
    let line = PORTS.iter().fold(line, |line, port| line.replace(&format!("localhost:{port}"), &own));
    let line = line.replace("curl ", "curl -sS ");
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{line} 2>&1")).current_dir(workspace());
    shell.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("PORT", port.to_string());
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
        shell.env("HOME", home);
    }
    let output = shell.output().expect("a shell");
    String::from_utf8_lossy(&output.stdout).replace(&format!("port {port}"), "port 8080")
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// `…` alone on a line stands for any lines, within a line for any text.
fn fits(printed: &[&str], expected: &[&str]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((&"…", rest)) => (0..=printed.len()).any(|skipped| fits(&printed[skipped..], rest)),
        Some((line, rest)) => printed.first().is_some_and(|first| line_fits(first, line)) && fits(&printed[1..], rest),
    }
}

fn line_fits(printed: &str, expected: &str) -> bool {
    match expected.split_once('…') {
        None => printed == expected,
        Some((before, after)) => printed.strip_prefix(before).is_some_and(|rest| rest.ends_with(after)),
    }
}
