//! Kernel mode with installed Jupyter kernels: ipykernel, and Deno as one that is no Python.

mod configuration;
mod deno;
mod environment;
mod ipykernel;
mod lost;

use std::io::{Read, Write};
use std::net::TcpStream;

use environment::Environment;
use harness::{Scratch, Watchdog};
use serde_json::{Value, json};

/// A watchdog whose sessions are kernels, with a home of its own.
struct Kernels {
    watchdog: Watchdog,
    home: Scratch,
}

impl Kernels {
    /// Starts it; `None`, with a printed reason, where kernels cannot be installed.
    fn start(spec: &str, extra: &[(&str, &str)]) -> Option<Self> {
        let environment = Environment::get()?;
        let home = Scratch::new();
        let text = |path: &std::path::Path| path.to_str().expect("a path in UTF-8").to_owned();
        let (kernels, own, temporary) = (environment.jupyter_path(), text(home.path()), text(&home.path().join("tmp")));
        let no_workspace = format!("{own}/none");
        std::fs::create_dir_all(&temporary).expect("a directory");
        let variables = [
            ("KERNEL_SPEC", spec),
            ("JUPYTER_PATH", kernels.as_str()),
            ("HOME", own.as_str()),
            ("TMPDIR", temporary.as_str()),
            ("WORKSPACE_FOLDER", no_workspace.as_str()),
            ("READY_TIMEOUT_MS", "30000"),
            ("EXECUTION_TIMEOUT", "20"),
        ];
        // What comes later counts.
        let watchdog = Watchdog::start("KERNEL", "python3", &[&variables[..], extra].concat());
        Some(Self { watchdog, home })
    }

    /// The answer to this code in session 0.
    fn execute(&self, code: &str) -> Value {
        self.execute_in("", code)
    }

    fn execute_in(&self, session: &str, code: &str) -> Value {
        let body = json!({ "code": code }).to_string();
        let path = format!("{session}/execute");
        let answer = self.watchdog.connect().request("POST", &path, &[], body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// The outputs of this code in session 0.
    fn outputs(&self, code: &str) -> Value {
        self.execute(code)["outputs"].clone()
    }

    /// The events of this code, as lines of JSON.
    fn events(&self, code: &str) -> Vec<Value> {
        let body = json!({ "code": code }).to_string();
        let mut stream = TcpStream::connect(self.watchdog.address()).expect("a connection");
        let head = "POST /execute HTTP/1.1\r\nhost: k\r\nconnection: close\r\naccept: application/x-ndjson\r\n";
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).expect("a request is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(Value::is_object).collect()
    }

    /// Ends the watchdog, and nothing may be left of it.
    fn stop(mut self) {
        self.watchdog.stop();
        assert!(self.watchdog.family().is_empty(), "{:?}", self.watchdog.family());
        let left: Vec<_> = std::fs::read_dir(self.home.path().join("tmp")).expect("it is there").flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

fn text(name: &str, text: &str) -> Value {
    json!({"type": "stream", "name": name, "text": text})
}

fn result(text: &str) -> Value {
    json!({"type": "result", "data": {"text/plain": text}})
}
