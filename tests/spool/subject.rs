//! Everything that has a spool: functions and a watchdog in each of its modes.

use std::ops::{Deref, DerefMut};

use harness::{FlakyPlane, Function, Kernel, Spool, Watchdog, child};
use serde_json::{Value, json};

/// Two functions and each mode in which a watchdog serves.
pub(crate) const SUBJECTS: [&str; 7] = ["probe", "hello", "STDIO", "FILE", "HTTP", "WARM", "WORKER"];

/// A running process with a spool, whatever it is.
pub(crate) struct Subject {
    kind: &'static str,
    process: Running,
}

enum Running {
    Function(Function),
    Watchdog(Box<Watchdog>),
    Kernel(Box<Kernel>),
}

impl Subject {
    /// Starts one of these, with callbacks to this control plane.
    pub(crate) fn start(kind: &'static str, plane: &FlakyPlane, spool: &Spool, extra: &[(&str, &str)]) -> Self {
        let (url, path) = (plane.callback_url(), spool.path());
        let own = [("CALLBACK_URL", url.as_str()), ("NANOFAAS_CALLBACK_SPOOL_DIR", path.as_str())];
        let all = [&own, extra].concat();
        let process = match kind {
            "probe" | "hello" => Running::Function(Function::start(kind, &all)),
            mode => Running::Watchdog(Box::new(Watchdog::start(mode, &command(mode), &all))),
        };
        Self { kind, process }
    }

    /// Starts a kernel; `None`, with a printed reason, where there is no Python.
    pub(crate) fn kernel(plane: &FlakyPlane, spool: &Spool) -> Option<Self> {
        let (url, path) = (plane.callback_url(), spool.path());
        let own = [("CALLBACK_URL", url.as_str()), ("NANOFAAS_CALLBACK_SPOOL_DIR", path.as_str())];
        let kernel = Kernel::plain(&own)?;
        Some(Self { kind: "KERNEL", process: Running::Kernel(Box::new(kernel)) })
    }

    /// Invokes with an input of this execution's own; it is answered with 200.
    pub(crate) fn call(&self, id: &str) {
        let input = match self.kind {
            "hello" => json!(id),
            "KERNEL" => json!({ "code": format!("'{id}'") }),
            _ => json!({ "n": id }),
        };
        let answer = self.invoke(id, &input);
        assert_eq!(answer.status, 200, "{} {id} {}", self.kind, answer.text());
    }

    /// What the callback of that call has to say.
    pub(crate) fn expected(&self, id: &str) -> Value {
        let output = match self.kind {
            "hello" => json!({ "result": id.to_uppercase() }),
            "KERNEL" => {
                let result = json!({ "type": "result", "data": { "text/plain": format!("'{id}'") } });
                json!({ "outputs": [result], "success": true })
            }
            _ => json!({ "echo": { "n": id } }),
        };
        json!({ "success": true, "output": output, "error": null })
    }
}

/// A child that is spoken to as the mode says.
pub(crate) fn command(mode: &str) -> String {
    child(&if mode == "WARM" { "http".to_owned() } else { mode.to_lowercase() })
}

impl Deref for Subject {
    type Target = Function;

    fn deref(&self) -> &Function {
        match &self.process {
            Running::Function(function) => function,
            Running::Watchdog(watchdog) => watchdog,
            Running::Kernel(kernel) => kernel,
        }
    }
}

impl DerefMut for Subject {
    fn deref_mut(&mut self) -> &mut Function {
        match &mut self.process {
            Running::Function(function) => function,
            Running::Watchdog(watchdog) => watchdog,
            Running::Kernel(kernel) => kernel,
        }
    }
}
