//! A watchdog that executes code.

use std::ops::{Deref, DerefMut};

use serde_json::{Value, json};

use crate::code::extend;
use crate::{Answer, Connection, Events, Gate, Scratch, Watchdog, eventually, flow, has_command, one, skip, wait_at};

/// Clients of both services say what they send.
const JSON: (&str, &str) = ("content-type", "application/json");

/// A running watchdog in kernel mode. It and everything it started are killed when this is dropped.
#[derive(Debug)]
pub struct Kernel {
    watchdog: Watchdog,
    _workspace: Scratch,
}

impl Kernel {
    /// Starts one with the executor's API and waits until it is ready. Its code has ten minutes and its
    /// workspace is empty where `extra` does not say otherwise. `None`, with a printed reason, where
    /// there is no Python.
    #[must_use]
    pub fn executor(extra: &[(&str, &str)]) -> Option<Self> {
        let mut kernel = Self::spawn("executor", extra)?;
        kernel.wait_until_ready();
        kernel.wait_for_status("/ready", 200);
        Some(kernel)
    }

    /// The same with Flowfile's API.
    #[must_use]
    pub fn flowfile(extra: &[(&str, &str)]) -> Option<Self> {
        let mut kernel = Self::spawn("flowfile", extra)?;
        kernel.wait_until_ready();
        Some(kernel)
    }

    /// The same with `/invoke` alone.
    #[must_use]
    pub fn plain(extra: &[(&str, &str)]) -> Option<Self> {
        let mut kernel = Self::spawn("none", extra)?;
        kernel.wait_until_ready();
        Some(kernel)
    }

    /// Starts one with this API without waiting.
    #[must_use]
    pub fn spawn(api: &str, extra: &[(&str, &str)]) -> Option<Self> {
        if !has_python() {
            return None;
        }
        let workspace = Scratch::new();
        let folder = workspace.path().display().to_string();
        let mut own = vec![("EXECUTION_MODE", "KERNEL"), ("KERNEL_API", api), ("WARM_PORT", "0")];
        if api == "executor" {
            own.extend([("EXECUTION_TIMEOUT", "600"), ("WORKSPACE_FOLDER", folder.as_str())]);
        }
        let watchdog = Watchdog::with_variables(&[&own, extra].concat());
        Some(Self { watchdog, _workspace: workspace })
    }

    /// `POST` of this JSON.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_raw(path, body.to_string())
    }

    /// `POST` of this body as it stands.
    #[must_use]
    pub fn post_raw(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.request("POST", path, body)
    }

    /// Any request on a connection of its own.
    #[must_use]
    pub fn request(&self, method: &str, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.connect().request(method, path, &[JSON], body.as_ref())
    }

    /// `POST` of this JSON, without waiting for the answer.
    #[must_use]
    pub fn begin(&self, path: &str, body: &Value) -> Connection {
        let mut connection = self.connect();
        connection.begin_at(path, &[JSON], &body.to_string());
        connection
    }

    /// `POST` of this JSON, whose answer is read event by event.
    #[must_use]
    pub fn stream(&self, path: &str, accept: &str, body: &Value) -> Events {
        let mut connection = self.connect();
        connection.begin_at(path, &[JSON, ("accept", accept)], &body.to_string());
        Events::of(connection)
    }

    /// Executes code at the executor's `/execute`, and returns all of the answer.
    ///
    /// # Panics
    ///
    /// Where it is not answered with 200.
    #[must_use]
    pub fn execute(&self, code: &str) -> Value {
        self.execute_at("/execute", code)
    }

    /// The same at another path, such as `/session/1/execute`.
    ///
    /// # Panics
    ///
    /// Where it is not answered with 200.
    #[must_use]
    pub fn execute_at(&self, path: &str, code: &str) -> Value {
        let answer = self.post(path, &json!({ "code": code }));
        assert_eq!(answer.status, 200, "{code}\n{}\n{:#?}", answer.text(), self.log());
        answer.json()
    }

    /// Executes code that prepares something.
    ///
    /// # Panics
    ///
    /// Where it fails.
    pub fn run(&self, code: &str) {
        self.run_at("/execute", code);
    }

    /// The same at another path.
    ///
    /// # Panics
    ///
    /// Where it fails.
    pub fn run_at(&self, path: &str, code: &str) {
        let answer = self.execute_at(path, code);
        let mut outputs = answer["outputs"].as_array().into_iter().flatten();
        assert!(outputs.all(|output| output["type"] != "error"), "{code}\n{answer:#}");
    }

    /// Begins to execute code that waits at this gate, and waits until it does.
    #[must_use]
    pub fn hold_code(&self, before: &str, gate: &Gate, after: &str) -> Connection {
        let code = format!("{before}\n{}\n{after}", wait_at(gate));
        let connection = self.begin("/execute", &json!({ "code": code }));
        let _ = gate.entered_by();
        connection
    }

    /// The text of the result of this code.
    ///
    /// # Panics
    ///
    /// Where it has another outcome.
    #[must_use]
    pub fn value(&self, code: &str) -> String {
        let answer = self.execute(code);
        let result = one(&answer, "result");
        result["data"]["text/plain"].as_str().unwrap_or_else(|| panic!("no text: {answer:#}")).to_owned()
    }

    /// Whether the next call is served, whatever happened before.
    ///
    /// # Panics
    ///
    /// Where it is not.
    pub fn serves(&self) {
        assert_eq!(self.get("/health").status, 200);
        assert_eq!(self.value("40 + 2"), "42");
    }

    /// Asks for a restart and waits for its end.
    ///
    /// # Panics
    ///
    /// Where it is refused.
    pub fn restart(&self) {
        let answer = self.request("POST", "/restart", "");
        assert_eq!((answer.status, answer.json()), (200, json!({ "status": "restarting" })));
        self.wait_until_restarted();
    }

    /// Waits for the end of a restart.
    pub fn wait_until_restarted(&self) {
        eventually("the end of a restart", || {
            (self.get("/restart-status").json() == json!({ "restarting": false })).then_some(())
        });
        self.wait_for_status("/ready", 200);
    }

    /// Executes code as this node of flow 0.
    #[must_use]
    pub fn node(&self, node: impl Into<Value>, code: &str) -> Value {
        self.node_with(node, code, &json!({}))
    }

    /// Executes code as this node, with further keys of the request.
    ///
    /// # Panics
    ///
    /// Where it is not answered with 200.
    #[must_use]
    pub fn node_with(&self, node: impl Into<Value>, code: &str, keys: &Value) -> Value {
        let answer = self.post("/execute", &flow(node, code, keys));
        assert_eq!(answer.status, 200, "{code}\n{}\n{:#?}", answer.text(), self.log());
        answer.json()
    }

    /// Executes code as this node, which has to succeed.
    ///
    /// # Panics
    ///
    /// Where it does not.
    pub fn node_succeeds(&self, node: impl Into<Value>, code: &str, keys: &Value) -> Value {
        let answer = self.node_with(node, code, keys);
        assert_eq!((&answer["success"], &answer["error"]), (&json!(true), &json!(null)), "{code}\n{answer:#}");
        answer
    }

    /// Invokes code at `/invoke`, with further keys of the input.
    #[must_use]
    pub fn invoke_code(&self, execution_id: &str, code: &str, keys: &Value) -> Answer {
        let mut input = json!({ "code": code });
        extend(&mut input, keys);
        self.invoke(execution_id, &input)
    }
}

/// Whether there is a Python that is new enough; says so where there is none.
fn has_python() -> bool {
    let there = has_command(&["python3", "-c", "import sys; sys.exit(sys.version_info < (3, 8))"]);
    if !there {
        skip("python3 (3.8 or newer) is not installed");
    }
    there
}

impl Deref for Kernel {
    type Target = Watchdog;

    fn deref(&self) -> &Watchdog {
        &self.watchdog
    }
}

impl DerefMut for Kernel {
    fn deref_mut(&mut self) -> &mut Watchdog {
        &mut self.watchdog
    }
}
