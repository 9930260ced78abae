//! Runs the tests of the programs that are part of the watchdog: the one in the interpreters of kernel
//! mode, and the launchers of workers. Each runs under every Python that is installed.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use harness::{has_command, skip, workspace};

/// The versions that the programs are made for.
const VERSIONS: std::ops::RangeInclusive<u32> = 8..=14;

#[test]
fn the_program_of_kernel_mode_holds_under_every_python() {
    run("tests/kernel_python");
}

#[test]
fn the_launchers_hold_under_every_python() {
    if !has_command(&["node", "--version"]) {
        skip("node is not installed, and one of the launchers is for it");
    }
    run("tests/launchers");
}

fn run(folder: &str) {
    if !has_command(&["python3", "--version"]) {
        skip("python3 is not installed, and runs these tests");
        return;
    }
    let mut found: Vec<_> = VERSIONS.filter_map(python).collect();
    if found.is_empty() {
        found.push("python3".to_owned());
    }
    println!("with {}", found.join(", "));
    // Together: they mostly wait.
    let running: Vec<_> = found.iter().map(|python| (python, start(folder, python))).collect();
    for (python, tests) in running {
        let output = tests.wait_with_output().expect("python3 ends");
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "with {python}:\n{printed}");
        for reason in printed.lines().filter(|line| line.contains("skipped")) {
            println!("{python}: {reason}");
        }
    }
}

/// Python 3 of this minor version: on the path, or among those of pyenv.
fn python(minor: u32) -> Option<String> {
    let name = format!("python3.{minor}");
    if has_command(&[&name, "--version"]) {
        return Some(name);
    }
    let home = || std::env::home_dir().map(|home| home.join(".pyenv"));
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from).or_else(home)?;
    let installed = std::fs::read_dir(root.join("versions")).ok()?.flatten();
    let mut programs = installed.map(|version| version.path().join("bin").join(&name));
    programs.find(|program| program.is_file()).map(|program| program.display().to_string())
}

fn start(folder: &str, python: &str) -> Child {
    let mut tests = Command::new("python3");
    tests.args(["-m", "unittest", "discover", "-s", folder]).current_dir(workspace());
    tests.env("PYTHON", python).stderr(Stdio::piped()).spawn().expect("python3 runs")
}
