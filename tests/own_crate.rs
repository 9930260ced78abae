//! A crate of one's own, made from nothing but what the README shows.

use std::process::{Command, Output};

use harness::{Scratch, workspace};

/// The code of the README's block that begins with `start`.
fn block(readme: &str, language: &str, contains: &str) -> String {
    let fence = format!("```{language}\n");
    let blocks = readme.split(&fence).skip(1).filter_map(|rest| rest.split("```").next());
    blocks.into_iter().find(|block| block.contains(contains)).expect("the README's block").to_owned()
}

#[test]
fn the_readmes_function_runs_as_a_crate_of_its_own() {
    let readme = std::fs::read_to_string(workspace().join("README.md")).expect("the README");
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path().join("src")).expect("a private directory");
    let package = "[package]\nname = \"my-function\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n";
    let sdk = workspace().join("nanofaas-sdk").display().to_string();
    let manifest =
        package.to_owned() + &block(&readme, "toml", "[dependencies]").replace("../nanofaas/nanofaas-sdk", &sdk);
    std::fs::write(scratch.path().join("Cargo.toml"), manifest).expect("a manifest");
    std::fs::write(scratch.path().join("src/main.rs"), block(&readme, "rust,no_run", "enum OrderError"))
        .expect("a function");
    // The versions that are here already: nothing is fetched.
    std::fs::copy(workspace().join("Cargo.lock"), scratch.path().join("Cargo.lock")).expect("a lock file");

    let commands: Vec<_> = block(&readme, "sh", "cargo run -- invoke").lines().map(str::to_owned).collect();
    for command in &commands[..2] {
        let (command, printed) = command.split_once('#').expect("what it prints stands behind it");
        let output = run(&scratch, command);
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(text.trim(), printed.trim(), "{command}");
    }
}

fn run(scratch: &Scratch, command: &str) -> Output {
    let line = command.replace("cargo run", "\"$CARGO\" run --quiet --offline");
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).current_dir(scratch.path()).env("CARGO", env!("CARGO"));
    shell.env("CARGO_TARGET_DIR", workspace().join("target/tests/own-crate")).env_remove("PORT");
    shell.output().expect("a shell")
}
