//! A container of ours, wherever it is described: in a pod or in a Compose file.

use nanofaas::{VARIABLES, Variable, watchdog};

use crate::yaml::Document;

/// Those of every function that a watchdog does not read.
const NOT_THE_WATCHDOGS: [&str; 3] = ["PORT", "FUNCTION_HANDLER", "NANOFAAS_WORKER_THREADS"];
/// What a process may take beyond `NANOFAAS_SHUTDOWN_TIMEOUT`: a second for the callbacks of what was cut off, half
/// a second for open connections. In milliseconds.
const LAST_ANSWERS: u64 = 2000;
/// What a watchdog may take beyond that and `WATCHDOG_KILL_GRACE_MS`, until no process is left.
const LAST_PROCESSES: u64 = 4000;

/// A container of ours, wherever it is described.
pub(crate) struct Container {
    /// For messages.
    pub(crate) place: String,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) description: Document,
}

impl Container {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_watchdog(&self) -> bool {
        ["WARM", "WATCHDOG_CMD", "EXECUTION_MODE"].iter().any(|name| self.get(name).is_some())
    }

    pub(crate) fn is_one_shot(&self) -> bool {
        self.get("INVOCATION_PAYLOAD").is_some()
    }

    /// The variables that its program reads.
    pub(crate) fn variables(&self) -> Vec<&'static Variable> {
        if !self.is_watchdog() {
            return VARIABLES.iter().collect();
        }
        // The watchdog's own come first: where both have one, its default is another.
        let others = VARIABLES.iter().filter(|variable| !NOT_THE_WATCHDOGS.contains(&variable.name));
        watchdog::VARIABLES.iter().chain(others).collect()
    }

    /// A variable's value here, or its default.
    pub(crate) fn setting(&self, name: &str) -> u64 {
        let default =
            || self.variables().iter().find(|variable| variable.name == name).map(|variable| variable.default);
        let value = self.get(name).or_else(default).expect("a variable of this program");
        value.parse().unwrap_or_else(|_| panic!("{}: {name} is {value}", self.place))
    }

    pub(crate) fn port(&self) -> u64 {
        self.setting(if self.is_watchdog() { "WARM_PORT" } else { "PORT" })
    }

    /// How long the end may take, in milliseconds from SIGTERM.
    pub(crate) fn end(&self) -> u64 {
        let children = if self.is_watchdog() { self.setting("WATCHDOG_KILL_GRACE_MS") + LAST_PROCESSES } else { 0 };
        self.setting("NANOFAAS_SHUTDOWN_TIMEOUT") + LAST_ANSWERS + children
    }

    /// Its environment for a process of a test, with other values for these.
    pub(crate) fn with<'a>(&'a self, others: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let own = self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let kept = own.filter(|(name, _)| others.iter().all(|(other, _)| name != other));
        kept.chain(others.iter().copied()).collect()
    }
}

/// The containers of a document, but for those of other programs.
pub(crate) fn containers(file: &str, document: &Document) -> Vec<Container> {
    let members = [document.members("containers"), document.members("services")].concat();
    let described = members.into_iter().map(|path| {
        let description = document.below(&path);
        let mut environment = Vec::new();
        for variable in description.members("env") {
            let variable = description.below(&variable);
            let value = variable.get("value").expect("a variable has a value").to_owned();
            environment.push((variable.get("name").expect("a variable has a name").to_owned(), value));
        }
        let mapping = description.0.iter().filter(|leaf| leaf.path[0] == "environment");
        environment.extend(mapping.map(|leaf| (leaf.path[1].clone(), leaf.value.clone())));
        Container { place: format!("{file} {}", path.join(".")), environment, description }
    });
    // The control plane is no function.
    described.filter(|container| !container.place.ends_with("nanofaas-dev")).collect()
}
