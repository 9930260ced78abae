//! Runs the tests of the embedded Python program under every Python that is installed, each with a
//! real interpreter as its child.

use std::process::{Command, Stdio};

use harness::{has_command, skip, workspace};

/// The versions that the program is made for.
const VERSIONS: [&str; 7] =
    ["python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14"];

#[test]
fn the_embedded_program_holds_under_every_python() {
    if !has_command(&["python3", "--version"]) {
        skip("python3 is not installed, and runs the tests of the embedded program");
        return;
    }
    let mut found: Vec<_> = VERSIONS.into_iter().filter(|version| has_command(&[version, "--version"])).collect();
    if found.is_empty() {
        found.push("python3");
    }
    println!("with {}", found.join(", "));
    let run = |python: &&str| {
        let mut tests = Command::new("python3");
        tests.args(["-m", "unittest", "discover", "-s", "tests/kernel_python"]).current_dir(workspace());
        tests.env("PYTHON", python).stderr(Stdio::piped()).spawn().expect("python3 runs")
    };
    // They mostly wait.
    let running: Vec<_> = found.iter().map(|python| (python, run(python))).collect();
    for (python, tests) in running {
        let output = tests.wait_with_output().expect("python3 ends");
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "with {python}:\n{printed}");
        for reason in printed.lines().filter(|line| line.contains("skipped")) {
            println!("{python}: {reason}");
        }
    }
}
