//! The control plane for development as a process, and what it started.

use std::io::{PipeWriter, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{Answer, Connection, Function, Process, binary, eventually, mark};

/// Names the test's tool in the environment of everything that it starts.
const MARK: &str = "NANOFAAS_TESTS_MARK";

/// A running `nanofaas-dev`. It and everything it started are killed when this is dropped.
#[derive(Debug)]
pub struct Dev {
    /// The tool's own process, and the lines that it shows.
    pub tool: Function,
    mark: String,
    address: SocketAddr,
    keyboard: PipeWriter,
}

impl Dev {
    /// Starts one with these functions, and waits until it listens.
    ///
    /// # Panics
    ///
    /// Where it does not listen in time.
    #[must_use]
    pub fn start(functions: &[String]) -> Self {
        Self::start_with(&[], functions)
    }

    /// The same with these variables.
    ///
    /// # Panics
    ///
    /// Where it does not listen in time.
    #[must_use]
    pub fn start_with(variables: &[(&str, &str)], functions: &[String]) -> Self {
        let mark = mark();
        let (stdin, keyboard) = std::io::pipe().expect("a pipe");
        // The harness reads lines from stderr.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", r#"exec "$@" 1>&2"#, "sh"]).arg(binary("nanofaas-dev")).args(["--port", "0"]);
        command.args(functions).env_clear().envs(variables.iter().copied()).env(MARK, &mark).stdin(Stdio::from(stdin));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let tool = Function::launch(command);
        let mut dev = Self { tool, mark: format!("{MARK}={mark}"), address: ([0; 4], 0).into(), keyboard };
        let line = dev.line(&["a control plane for development on"]);
        let port = line.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        dev.address = (Ipv4Addr::LOCALHOST, port).into();
        dev
    }

    /// Starts one without functions, and registers one that runs elsewhere.
    ///
    /// # Panics
    ///
    /// Where the function is not taken.
    #[must_use]
    pub fn with(function: &Function, spec: &Value) -> Self {
        let dev = Self::start(&[]);
        assert_eq!(dev.register(function, spec).status, 201);
        dev
    }

    /// A request on a connection of its own.
    #[must_use]
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        Connection::open(self.address).request(method, path, headers, body.as_bytes())
    }

    /// `GET` on a connection of its own.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], "")
    }

    /// Registers the function as `f`, with these deviations.
    #[must_use]
    pub fn register(&self, function: &Function, spec: &Value) -> Answer {
        let mut body =
            json!({ "name": "f", "image": "i", "endpointUrl": format!("http://{}/invoke", function.address()) });
        for (key, value) in spec.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        self.request("POST", "/v1/functions", &[], &body.to_string())
    }

    /// Invokes a function with this input and waits for its end.
    #[must_use]
    pub fn invoke(&self, name: &str, headers: &[(&str, &str)], input: &Value) -> Answer {
        self.request("POST", &format!("/v1/functions/{name}:invoke"), headers, &json!({ "input": input }).to_string())
    }

    /// Enqueues an input for `f`; the answer's status and the execution's id.
    #[must_use]
    pub fn enqueue(&self, input: &Value) -> (u16, String) {
        let answer = self.request("POST", "/v1/functions/f:enqueue", &[], &json!({ "input": input }).to_string());
        (answer.status, answer.json()["executionId"].as_str().unwrap_or_default().to_owned())
    }

    /// The state of an execution.
    ///
    /// # Panics
    ///
    /// Where there is none.
    #[must_use]
    pub fn execution(&self, id: &str) -> Value {
        let answer = self.get(&format!("/v1/executions/{id}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Waits until an execution has this status.
    #[must_use]
    pub fn wait_for_status(&self, id: &str, status: &str) -> Value {
        eventually(&format!("{id} {status}"), || Some(self.execution(id)).filter(|record| record["status"] == status))
    }

    /// Tells the end of an execution as a function does.
    ///
    /// # Panics
    ///
    /// Where it is not answered with 204.
    pub fn call_back(&self, id: &str, headers: &[(&str, &str)], body: &Value) {
        let path = format!("/v1/internal/executions/{id}:complete");
        assert_eq!(self.request("POST", &path, headers, &body.to_string()).status, 204);
    }

    /// The lines so far that hold all these parts.
    #[must_use]
    pub fn lines(&self, parts: &[&str]) -> Vec<String> {
        let lines = self.tool.log().into_iter();
        lines.filter(|line| parts.iter().all(|part| line.contains(part))).collect()
    }

    /// Waits for a line that holds all these parts.
    #[must_use]
    pub fn line(&self, parts: &[&str]) -> String {
        eventually(&format!("a line with {parts:?}"), || self.lines(parts).into_iter().next())
    }

    /// The process of a function's program that was started last.
    ///
    /// # Panics
    ///
    /// Where none was started.
    #[must_use]
    pub fn process(&self, name: &str) -> Process {
        let lines = self.lines(&[&format!(" {name} "), "started "]);
        let id = lines.last().and_then(|line| line.rsplit(' ').next()?.parse().ok());
        Process(id.expect("a process id"))
    }

    /// Waits until nothing that it started is alive, nor it itself.
    pub fn wait_until_alone(&self) {
        eventually("an end of all processes", || Process::marked(&self.mark).is_empty().then_some(()));
    }

    /// Types these lines.
    ///
    /// # Panics
    ///
    /// Where nobody reads them.
    pub fn type_in(&mut self, lines: &str) {
        self.keyboard.write_all(lines.as_bytes()).expect("a reader");
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        for process in Process::marked(&self.mark) {
            let _ = process.signal("KILL");
        }
    }
}
