//! Runs the examples in other languages as their README says, where the language is there.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use harness::{Function, Watchdog, binary, has_command, skip, workspace};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    workspace().join("examples/polyglot")
}

/// The lines of the README that start a watchdog, each with the folder that it belongs to.
fn commands() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(folder().join("README.md")).expect("a README");
    let lines: Vec<_> = text.lines().collect();
    let pairs = lines.windows(2).filter(|pair| pair[1].starts_with("WARM=true ") && pair[0].starts_with("# "));
    pairs.map(|pair| (pair[0][2..].to_owned(), pair[1].to_owned())).collect()
}

/// The program that a folder's language needs, and how it is asked whether it is there.
fn language(name: &str) -> (&'static str, [&'static str; 2]) {
    match name.split('-').next() {
        Some("python") => ("python", ["python3", "--version"]),
        Some("node") => ("node", ["node", "--version"]),
        Some("bash") => ("bash", ["bash", "--version"]),
        Some("java") => ("java", ["java", "--version"]),
        other => panic!("no language is known for {other:?}"),
    }
}

/// Starts the example as a shell would in its folder, on free ports; `None` without its language.
fn start(name: &str) -> Option<Function> {
    let (language, version) = language(name);
    if !has_command(&version) {
        skip(&format!("{language} is not installed, and {name} is written in it"));
        return None;
    }
    let commands = commands();
    let (_, command) = commands.iter().find(|(folder, _)| folder == name).expect("a command in the README");
    let program = binary("nanofaas-watchdog").display().to_string();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command.replace("nanofaas-watchdog", &format!("exec {program}")));
    shell.current_dir(folder().join(name)).env_clear();
    shell.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    shell.env("WARM_PORT", "0").env("RUNTIME_URL", "http://127.0.0.1:0/invoke").env("READY_TIMEOUT_MS", "60000");
    let mut watchdog = Function::launch(shell);
    watchdog.wait_until_ready();
    Some(watchdog)
}

/// What every example does, and how it fails.
fn check(name: &str, bad_input: u16) {
    let Some(mut watchdog) = start(name) else { return };
    let language = language(name).0;
    for text in ["hello", "grüße, мир, 世界", "a \"quote\", a \\ and a\nline"] {
        let answer = watchdog.invoke("e-1", &json!(text));
        assert_eq!((answer.status, answer.json()), (200, expected(text, language)), "{name}");
    }
    let line = watchdog.wait_for_log("a line of the example's own", |line| line["target"] == "child");
    assert_eq!(line["execution_id"], "e-1", "{name} {line}");
    let answer = watchdog.invoke("e-2", &json!(7));
    assert_eq!(answer.failure(), (bad_input, "FUNCTION_ERROR".to_owned()), "{name}");
    assert!(answer.text().contains("input must be a string"), "{name}: {}", answer.text());
    watchdog.stop();
}

fn expected(text: &str, language: &str) -> Value {
    // Bash knows no letter that becomes two.
    let upper = if language == "bash" {
        text.replace('ß', "\0").to_uppercase().replace('\0', "ß")
    } else {
        text.to_uppercase()
    };
    json!({ "result": upper, "language": language })
}

/// The example answers with a status and a header of its own.
fn check_own_status(name: &str) {
    let Some(mut watchdog) = start(name) else { return };
    let answer = watchdog.post(&[("X-Execution-Id", "e-2")], r#"{"input": "hello", "metadata": {"store": true}}"#);
    assert_eq!((answer.status, answer.header("location")), (201, Some("/results/e-2")), "{answer:?}");
    assert_eq!(answer.header("x-nanofaas-function-status"), Some("true"), "{answer:?}");
    watchdog.stop();
}

#[test]
fn python_http() {
    check("python-http", 400);
    check_own_status("python-http");
}

#[test]
fn python_stdio() {
    check("python-stdio", 500);
    check_own_status("python-stdio");
}

#[test]
fn node_http() {
    check("node-http", 400);
}

#[test]
fn node_stdio() {
    check("node-stdio", 500);
}

#[test]
fn bash_file() {
    check("bash-file", 500);
}

#[test]
fn java_http() {
    check("java-http", 400);
}

#[test]
fn python_worker() {
    check("python-worker", 500);
}

#[test]
fn node_worker() {
    check("node-worker", 500);
}

#[test]
fn the_readme_and_the_images_run_what_is_there() {
    let mut names: Vec<_> = std::fs::read_dir(folder()).expect("a folder").flatten().collect();
    names.retain(|entry| entry.path().is_dir());
    let mut names: Vec<_> = names.into_iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let mut told: Vec<_> = commands().into_iter().map(|(name, _)| name).collect();
    told.sort();
    assert_eq!(told, names);
    for name in names {
        let image = std::fs::read_to_string(folder().join(&name).join("Dockerfile")).expect("a Dockerfile");
        for part in ["WARM=true", "EXECUTION_MODE=", "USER 65534", "/nanofaas-watchdog", "\"health\""] {
            assert!(image.contains(part), "{name} lacks {part}");
        }
    }
}

/// The programs are of use without a watchdog, too.
#[test]
fn a_script_runs_by_itself() {
    if !has_command(&["python3", "--version"]) {
        return skip("python3 is not installed");
    }
    let mut script = Command::new("sh");
    script.arg("-c").arg(r#"echo '{"input": "hello"}' | python3 python-stdio/handler.py"#);
    let output = script.current_dir(folder()).stderr(Stdio::null()).output().expect("a shell");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "{\"result\":\"HELLO\",\"language\":\"python\"}\n");
}

/// A program of another language is a function to a platform: it is called back for.
#[test]
fn a_one_shot_of_another_language_is_called_back() {
    if !has_command(&["python3", "--version"]) {
        return skip("python3 is not installed");
    }
    let plane = harness::ControlPlane::start();
    let script = folder().join("python-stdio/handler.py").display().to_string();
    let ended = Watchdog::once("STDIO", &format!("python3 '{script}'"), &plane, r#"{"input":"hello"}"#, &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(plane.accepted("e-1").output()["result"], "HELLO");
}
