//! Builds images and runs them, where there is a container engine. Nothing is pulled: the images hold
//! static binaries and nothing else.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use harness::{Answer, Connection, ControlPlane, Scratch, eventually, has_command, skip, workspace};
use serde_json::json;

/// The target of a fully static build here; `None`, with a printed reason, where there is none.
fn target() -> Option<String> {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc");
    let text = String::from_utf8_lossy(&rustc.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host").to_owned();
    if host.ends_with("-linux-gnu") {
        return Some(host);
    }
    skip(&format!("images are built on linux-gnu, and this is {host}"));
    None
}

fn has_engine() -> bool {
    let is_there = has_command(&["docker", "info"]);
    if !is_there {
        skip("no Docker engine answers");
    }
    is_there
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    output
}

fn docker(arguments: &[&str]) -> String {
    String::from_utf8_lossy(&run(Command::new("docker").args(arguments)).stdout).trim().to_owned()
}

/// The archive of the image of `hello`, made once by the documented command.
fn archive() -> &'static Path {
    static ARCHIVE: OnceLock<PathBuf> = OnceLock::new();
    ARCHIVE.get_or_init(|| {
        let output = workspace().join("target/tests/hello.oci.tar");
        std::fs::create_dir_all(output.parent().expect("a folder")).expect("a target directory");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["run", "--quiet", "-p", "xtask", "--", "image", "hello", "--tag", "nanofaas-test-hello:latest"]);
        run(cargo.arg("--output").arg(&output).current_dir(workspace()));
        output
    })
}

/// A running container, removed at the end.
struct Container {
    id: String,
}

impl Container {
    /// Runs an image as the documentation advises: read-only, with little memory, without rights.
    fn start(image: &str, options: &[&str]) -> Self {
        let hardened = ["run", "--detach", "--read-only", "--cap-drop=ALL", "--publish=127.0.0.1::8080"];
        let id = docker(&[&hardened[..], options, &[image]].concat());
        Self { id }
    }

    fn connect(&self) -> Connection {
        let address = docker(&["port", &self.id, "8080/tcp"]);
        Connection::open(address.lines().next().expect("a port").parse().expect("an address"))
    }

    fn invoke(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = [&[("X-Execution-Id", "e-1")], headers].concat();
        self.connect().request("POST", "/invoke", &headers, body.as_bytes())
    }

    fn wait_until_ready(&self) {
        eventually("a ready line in the container's log", || {
            let logs = Command::new("docker").args(["logs", &self.id]).output().expect("docker");
            String::from_utf8_lossy(&logs.stderr).contains("\"ready\"").then_some(())
        });
    }

    fn inspect(&self, what: &str) -> String {
        docker(&["inspect", "--format", what, &self.id])
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "--force", &self.id]).output();
    }
}

#[test]
fn an_image_is_made_without_an_engine_and_is_the_same_every_time() {
    let Some(target) = target() else { return };
    let scratch = Scratch::new();
    let again = scratch.path().join("again.tar");
    let binary = workspace().join("target").join(target).join("release/hello");
    let first = archive();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "-p", "xtask", "--", "image", "hello", "--tag", "nanofaas-test-hello:latest"]);
    run(cargo.arg("--binary").arg(binary).arg("--output").arg(&again).current_dir(workspace()));
    let (first, again) = (std::fs::read(first).expect("an archive"), std::fs::read(again).expect("an archive"));
    assert!(first == again, "two archives of one binary differ");
    assert!(first.len() < 3_400_000, "{} bytes", first.len());
}

#[test]
fn other_tools_read_the_archive() {
    if target().is_none() {
        return;
    }
    for (tool, arguments) in [("skopeo", &["inspect"][..]), ("podman", &["load", "--input"])] {
        if !has_command(&[tool, "--version"]) {
            skip(&format!("{tool} is not installed"));
            continue;
        }
        let archive = archive().display().to_string();
        let source = if tool == "skopeo" { format!("oci-archive:{archive}") } else { archive };
        run(Command::new(tool).args(arguments).arg(source));
    }
}

#[test]
fn a_function_runs_in_an_image_of_its_own_binary_alone() {
    if target().is_none() || !has_engine() {
        return;
    }
    docker(&["load", "--input", &archive().display().to_string()]);
    let options = ["--memory=16m", "--health-cmd=/hello health", "--health-interval=1s", "--user=65534:65534"];
    let container = Container::start("nanofaas-test-hello:latest", &options);
    container.wait_until_ready();
    let answer = container.invoke(&[], r#"{"input": "hello"}"#);
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"result":"HELLO"}"#));
    assert_eq!(docker(&["exec", &container.id, "/hello", "health"]), "healthy");
    docker(&["stop", "--time", "20", &container.id]);
    assert_eq!(container.inspect("{{.State.ExitCode}}"), "0");
}

#[test]
fn a_function_on_the_hosts_network_calls_back_by_name() {
    if target().is_none() || !has_engine() {
        return;
    }
    docker(&["load", "--input", &archive().display().to_string()]);
    let plane = ControlPlane::start();
    let port = plane.host().rsplit(':').next().expect("a port").to_owned();
    let url = format!("CALLBACK_URL=http://control-plane:{port}/v1/internal/executions");
    let options = ["--rm", "--network=host", "--add-host=control-plane:127.0.0.1", "--read-only", "--memory=16m"];
    let once = ["--env", &url, "--env", "EXECUTION_ID=e-1", "--env", "INVOCATION_PAYLOAD={\"input\":\"hello\"}"];
    docker(&[&["run"], &options[..], &once[..], &["nanofaas-test-hello:latest"]].concat());
    assert_eq!(plane.accepted("e-1").output(), &json!({ "result": "HELLO" }));
}

/// An image of the watchdog and a static child, built with the engine.
fn watchdog_image() -> String {
    static IMAGE: OnceLock<String> = OnceLock::new();
    let image = IMAGE.get_or_init(|| {
        let host = target().expect("a target");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--workspace", "--bins", "--target", &host]).current_dir(workspace());
        cargo.arg("--target-dir").arg(workspace().join("target/tests/static"));
        run(cargo.env("RUSTFLAGS", "-C target-feature=+crt-static"));
        let built = workspace().join("target/tests/static").join(host).join("debug");
        let scratch = Scratch::new();
        for name in ["nanofaas-watchdog", "child"] {
            std::fs::copy(built.join(name), scratch.path().join(name)).expect("a static binary");
        }
        let file = "FROM scratch\nCOPY nanofaas-watchdog child /\nUSER 65534:65534\nENV WARM=true\n\
                    HEALTHCHECK --interval=1s CMD [\"/nanofaas-watchdog\", \"health\"]\nENTRYPOINT [\"/nanofaas-watchdog\"]\n";
        std::fs::write(scratch.path().join("Dockerfile"), file).expect("a Dockerfile");
        docker(&["build", "--quiet", "--tag", "nanofaas-test-watchdog", &scratch.path().display().to_string()]);
        "nanofaas-test-watchdog:latest".to_owned()
    });
    image.clone()
}

#[test]
fn the_watchdog_is_the_first_process_of_its_image_and_turns_healthy() {
    if target().is_none() || !has_engine() {
        return;
    }
    let options = ["--env=EXECUTION_MODE=HTTP", "--env=WATCHDOG_CMD=/child http", "--memory=64m"];
    let container = Container::start(&watchdog_image(), &options);
    container.wait_until_ready();
    eventually("a healthy container", || (container.inspect("{{.State.Health.Status}}") == "healthy").then_some(()));
    let mut running = container.connect();
    running.begin(&[("X-Execution-Id", "e-1")], r#"{"input": {"sleep_ms": 1500}}"#);
    eventually("a running call", || {
        let metrics = container.connect().request("GET", "/metrics", &[], b"").text();
        metrics.lines().any(|line| line.contains("active_handlers{") && line.ends_with(" 1")).then_some(())
    });
    // The call is answered although the engine has said SIGTERM.
    let stopping = std::thread::spawn({
        let id = container.id.clone();
        move || docker(&["stop", "--time", "20", &id])
    });
    assert_eq!(running.answer().expect("an answer").status, 200);
    stopping.join().expect("docker stop");
    assert_eq!(container.inspect("{{.State.ExitCode}}"), "0");
}

#[test]
fn a_child_that_runs_out_of_memory_fails_alone() {
    if target().is_none() || !has_engine() {
        return;
    }
    let options =
        ["--env=EXECUTION_MODE=STDIO", "--env=WATCHDOG_CMD=/child stdio", "--memory=64m", "--memory-swap=64m"];
    let container = Container::start(&watchdog_image(), &options);
    container.wait_until_ready();
    let answer = container.invoke(&[], r#"{"input": {"allocate": 268435456}}"#);
    assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{answer:?}");
    assert!(answer.text().contains("SIGKILL"), "{}", answer.text());
    assert_eq!(container.invoke(&[], r#"{"input": 1}"#).status, 200);
    assert_eq!(container.inspect("{{.State.Running}}"), "true");
}
