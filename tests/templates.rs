//! Generates from every template with the real tool, then builds, tests and runs what comes out, against
//! the SDK of this checkout.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::{Function, Scratch, Watchdog, has_command, skip, workspace};
use serde_json::json;

/// The newest version that Rust 1.95 builds.
const TOOL: &str = "cargo install cargo-generate --version 0.23.14 --locked";

/// Generates a project; `None`, with a printed reason, without the tool.
fn generate(template: &str, name: &str, answers: &[(&str, &str)], into: &Scratch) -> Option<PathBuf> {
    if !has_command(&["cargo-generate", "--version"]) {
        skip(&format!("cargo-generate is not installed: {TOOL}"));
        return None;
    }
    let mut cargo = Command::new("cargo-generate");
    cargo.args(["generate", "--silent", "--vcs", "none", "--name", name, "--path"]);
    cargo.arg(workspace().join("templates").join(template)).current_dir(into.path());
    for (key, value) in answers {
        cargo.arg("--define").arg(format!("{key}={value}"));
    }
    succeeded(&cargo.output().expect("cargo-generate"));
    let project = into.path().join(name);
    no_answer_is_missing(&project);
    Some(project)
}

/// Nothing of the template's own language is left in what was generated.
fn no_answer_is_missing(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a project").flatten() {
        if entry.path().is_dir() {
            no_answer_is_missing(&entry.path());
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).expect("text");
        for mark in ["{{", "{%", "project-name"] {
            assert!(!text.contains(mark), "{} has {mark} in it", entry.path().display());
        }
    }
}

fn succeeded(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

/// Runs cargo in a generated crate, with what is built of the SDK shared among all of them.
fn cargo(project: &Path, arguments: &[&str]) -> Output {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).current_dir(project).env("CARGO_TARGET_DIR", target());
    cargo.output().expect("cargo")
}

fn target() -> PathBuf {
    workspace().join("target/tests/templates")
}

#[test]
fn every_kind_of_function_builds_passes_its_tests_and_runs() {
    let scratch = Scratch::new();
    let sdk = workspace().join("nanofaas-sdk").display().to_string();
    for (style, input) in [("sync", "typed"), ("sync", "any"), ("async", "typed"), ("async", "any")] {
        let name = format!("greeter-{style}-{input}");
        let answers =
            [("sdk", sdk.as_str()), ("style", style), ("input", input), ("description", "Greets whoever calls")];
        let Some(project) = generate("function", &name, &answers, &scratch) else { return };
        // The versions that are here already: nothing is fetched.
        std::fs::copy(workspace().join("Cargo.lock"), project.join("Cargo.lock")).expect("a lock file");
        succeeded(&cargo(&project, &["fmt", "--check"]));
        succeeded(&cargo(&project, &["test", "--quiet", "--offline"]));
        let mut command = Command::new(target().join("debug").join(&name));
        command.env_clear().env("PORT", "0");
        let mut function = Function::launch(command);
        function.wait_until_ready();
        let answer = function.invoke("e-1", &json!({ "name": "Ada" }));
        assert_eq!((answer.status, answer.json()), (200, json!({ "message": "Hello, Ada!" })), "{name}");
        assert_eq!(function.invoke("e-2", &json!({ "name": "" })).failure(), (422, "NAMELESS".to_owned()), "{name}");
        function.stop();
    }
}

#[test]
fn a_git_address_is_taken_as_one() {
    let scratch = Scratch::new();
    let answers = [("sdk", "https://git.example/nanofaas.git")];
    let Some(project) = generate("function", "from-git", &answers, &scratch) else { return };
    let manifest = std::fs::read_to_string(project.join("Cargo.toml")).expect("a manifest");
    assert!(manifest.contains("nanofaas-sdk = { git = \"https://git.example/nanofaas.git\" }"), "{manifest}");
}

/// What stands in a manifest, without its comments and under this name.
fn essence(file: &Path, known_as: &str, name: &str) -> String {
    let mut text = std::fs::read_to_string(file).expect("a manifest");
    if !known_as.is_empty() {
        text = text.replace(known_as, name);
    }
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.fold(String::new(), |text, line| text + line + "\n")
}

#[test]
fn the_manifests_of_a_function_are_those_that_are_checked() {
    let scratch = Scratch::new();
    let deploy = workspace().join("templates/deploy");
    for (template, manifest, known_as) in [
        ("function", "kubernetes.yaml", "hello"),
        ("watchdog-python", "kubernetes-watchdog.yaml", "python-http"),
        ("watchdog-node", "kubernetes-watchdog.yaml", "python-http"),
    ] {
        let name = format!("greeter-{template}");
        let Some(project) = generate(template, &name, &[], &scratch) else { return };
        let expected = essence(&deploy.join(manifest), known_as, &name);
        assert_eq!(essence(&project.join("kubernetes.yaml"), "", ""), expected, "{template}");
    }
}

/// Generates a function in another language, runs its tests, and serves it with its image's settings.
fn check(template: &str, tests: &[&str]) {
    if !has_command(&[tests[0], "--version"]) {
        return skip(&format!("{} is not installed", tests[0]));
    }
    let scratch = Scratch::new();
    let Some(project) = generate(template, "greeter", &[], &scratch) else { return };
    let mut command = Command::new(tests[0]);
    succeeded(&command.args(&tests[1..]).current_dir(&project).output().expect("its tests"));
    let image = std::fs::read_to_string(project.join("Dockerfile")).expect("a Dockerfile");
    let command = image.split("WATCHDOG_CMD=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a command");
    let command = command.replace("/app/", &format!("{}/", project.display()));
    let watchdog = Watchdog::start("STDIO", &command, &[]);
    let answer = watchdog.invoke("e-1", &json!({ "name": "Ada" }));
    assert_eq!((answer.status, answer.json()), (200, json!({ "message": "Hello, Ada!" })), "{template}");
    let answer = watchdog.invoke("e-2", &json!(null));
    assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{template}");
    assert!(answer.text().contains("`name` is missing"), "{template}: {}", answer.text());
}

#[test]
fn a_python_function_passes_its_tests_and_runs() {
    check("watchdog-python", &["python3", "-m", "unittest"]);
}

#[test]
fn a_node_function_passes_its_tests_and_runs() {
    check("watchdog-node", &["node", "--test"]);
}
