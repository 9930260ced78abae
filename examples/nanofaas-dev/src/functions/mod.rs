//! The functions that can be called.

mod spec;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Semaphore;

pub(crate) use spec::{FunctionSpec, Registration};

use crate::process::{Condition, Program};

/// A function, and what runs and waits of it.
pub(crate) struct Function {
    pub(crate) spec: FunctionSpec,
    /// One for each execution that runs or waits.
    pub(crate) places: Arc<Semaphore>,
    /// One for each execution that runs.
    pub(crate) slots: Arc<Semaphore>,
    /// What was started for it; `None` for one that runs elsewhere.
    pub(crate) program: Option<Program>,
}

impl Function {
    /// A function that listens already.
    pub(crate) fn remote(spec: FunctionSpec) -> Self {
        let places = Arc::new(Semaphore::new(spec.concurrency + spec.queue_size));
        let slots = Arc::new(Semaphore::new(spec.concurrency));
        Self { spec, places, slots, program: None }
    }

    /// A function that is started here.
    pub(crate) fn local(spec: FunctionSpec, program: Program) -> Self {
        Self { program: Some(program), ..Self::remote(spec) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.spec.name
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.spec.timeout_ms)
    }

    /// Waits while its program starts; the error says that it has ended.
    pub(crate) async fn started(&self) -> Result<(), String> {
        let Some(program) = &self.program else { return Ok(()) };
        match program.started().await {
            Condition::Ended(how) => Err(format!("the function's program has ended: {how}")),
            Condition::Starting | Condition::Ready => Ok(()),
        }
    }

    /// Ends its program, with time to bring its work to an end.
    pub(crate) async fn stop(&self) {
        if let Some(program) = &self.program {
            program.stop().await;
        }
    }

    /// Ends its program for good: with this grace, and nothing is started after it.
    pub(crate) async fn close(&self) {
        if let Some(program) = &self.program {
            program.close();
            program.stop().await;
        }
    }

    /// Ends its program at once.
    pub(crate) async fn kill(&self) {
        if let Some(program) = &self.program {
            program.kill().await;
        }
    }
}

/// All functions, by their names.
#[derive(Default)]
pub(crate) struct Functions(RwLock<BTreeMap<String, Arc<Function>>>);

impl Functions {
    /// Adds one; the error is the one of that name that there is already.
    pub(crate) fn add(&self, function: Function) -> Result<Arc<Function>, Arc<Function>> {
        let mut functions = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = functions.get(function.name()) {
            return Err(Arc::clone(known));
        }
        let function = Arc::new(function);
        functions.insert(function.name().to_owned(), Arc::clone(&function));
        Ok(function)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Function>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Function>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Says that there is none of this name, and which there are.
    pub(crate) fn unknown(&self, name: &str) -> String {
        let names: Vec<String> = self.all().iter().map(|function| format!("`{}`", function.name())).collect();
        if names.is_empty() {
            return format!("there is no function `{name}`, and no other one: register it at POST /v1/functions");
        }
        format!("there is no function `{name}`; there are: {}", names.join(", "))
    }
}
