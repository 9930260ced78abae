//! The environment of kernel mode.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

#[cfg(feature = "jupyter")]
use super::interpreter::Kernelspec;
use super::interpreter::{Launcher, command};
use super::session::Rules;
use crate::config::{Config, Reader};
use crate::watchdog::command_line::CommandLine;
#[cfg(feature = "jupyter")]
use crate::watchdog::process::SECRETS;
use crate::watchdog::variables::TABLES;

/// How long start-up code may run where nobody has said so: it may import a lot.
const START_UP: Duration = Duration::from_secs(60);

/// Whose requests are answered beside `/invoke`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    Executor,
    Flowfile,
    None,
}

impl Api {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Executor => "executor",
            Self::Flowfile => "flowfile",
            Self::None => "none",
        }
    }

    /// Where the service of that name listens.
    const fn port(self) -> u16 {
        match self {
            Self::Executor => 8432,
            Self::Flowfile => 9999,
            Self::None => 8080,
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let apis = [Self::Executor, Self::Flowfile, Self::None];
        let find = |text: &str| apis.into_iter().find(|api| api.as_str().eq_ignore_ascii_case(text));
        reader.parse("KERNEL_API", "expected executor, flowfile or none", find).unwrap_or(Self::Executor)
    }
}

/// What kernel mode is told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) api: Api,
    pub(crate) interpreter: CommandLine,
    /// What is started in its place.
    #[cfg(feature = "jupyter")]
    kernelspec: Option<Arc<Kernelspec>>,
    pub(crate) grace: Duration,
    pub(super) ready_timeout: Duration,
    /// The same with the start-up code.
    pub(super) start_limit: Duration,
    /// How long the code of one call may run.
    pub(super) limit: Option<Duration>,
    pub(super) workspace: PathBuf,
    /// Sessions that are always there.
    pub(super) sessions: u32,
    /// Sessions on demand.
    pub(super) max_sessions: usize,
    pub(super) idle: Option<Duration>,
    /// Interpreters that are started ahead; `None` as many as are of use.
    pub(super) spare: Option<usize>,
    pub(super) queue: usize,
    pub(super) output_limit: usize,
    pub(super) memory_limit: u64,
    pub(super) packages: Vec<String>,
}

impl Settings {
    /// Kernel mode with `interpreter` and all defaults, for `/invoke` alone.
    pub(crate) fn plain(interpreter: CommandLine) -> Self {
        let nothing = |_: &str| None;
        let mut reader = Reader::new(&nothing, TABLES);
        Self { api: Api::None, limit: None, sessions: 0, spare: None, ..Self::read(&mut reader, Some(interpreter)) }
    }

    /// Reads it; mistakes are the reader's.
    pub(crate) fn read(reader: &mut Reader<'_>, interpreter: Option<CommandLine>) -> Self {
        let api = Api::read(reader);
        let is_executor = api == Api::Executor;
        let interpreter = interpreter.or_else(|| CommandLine::from_words(["python3".into()]));
        let interpreter = interpreter.unwrap_or_else(|| unreachable!("there is a word"));
        #[cfg(feature = "jupyter")]
        let kernelspec = kernelspec(reader, api);
        #[cfg(feature = "jupyter")]
        let interpreter = kernelspec.as_ref().map_or(interpreter, |spec| spec.program());
        #[cfg(not(feature = "jupyter"))]
        reader.not_yet("KERNEL_SPEC", "this build has no Jupyter kernels (feature `jupyter`)");
        let sessions = reader.number("KERNEL_SESSIONS", 1..=1_000);
        let idle = reader.milliseconds("KERNEL_SESSION_IDLE_TIMEOUT_MS", 0);
        let (ready_timeout, is_said) =
            (reader.milliseconds("READY_TIMEOUT_MS", 1), reader.text("READY_TIMEOUT_MS").is_some());
        let packages = reader.text("KERNEL_PACKAGES").unwrap_or_default();
        Self {
            api,
            interpreter,
            #[cfg(feature = "jupyter")]
            kernelspec,
            grace: reader.milliseconds("WATCHDOG_KILL_GRACE_MS", 0),
            ready_timeout,
            start_limit: if is_said || !is_executor { ready_timeout } else { START_UP },
            limit: seconds(reader, if is_executor { Some(Duration::from_secs(3)) } else { None }),
            workspace: reader.text("WORKSPACE_FOLDER").map_or_else(|| "/code".into(), PathBuf::from),
            sessions: if is_executor { sessions } else { 0 },
            max_sessions: reader.number("KERNEL_MAX_SESSIONS", 1..=10_000),
            idle: (!idle.is_zero()).then_some(idle),
            spare: match reader.text("KERNEL_SPARE") {
                Some(_) => Some(reader.number("KERNEL_SPARE", 0..=100)),
                None if is_executor => Some(0),
                None => None,
            },
            queue: reader.number("KERNEL_QUEUE", 0..=1_000_000),
            output_limit: reader.number("KERNEL_OUTPUT_LIMIT_BYTES", 1..=1 << 30),
            memory_limit: reader.number("KERNEL_MEMORY_LIMIT_BYTES", 0..=u64::MAX >> 1),
            packages: packages
                .split([',', ' ', '\n'])
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    }

    /// What kernel mode changes in the configuration that all executors share.
    pub(crate) fn adjust(&self, reader: &mut Reader<'_>, config: &mut Config) {
        (config.port, config.port_variable) = port(reader, self.api);
        if reader.text("NANOFAAS_MAX_CONCURRENT_HANDLERS").is_none() {
            config.max_concurrent_handlers = 32;
        }
    }

    pub(super) fn launcher(&self) -> Launcher {
        Launcher {
            command: Arc::new(command(&self.interpreter)),
            #[cfg(feature = "jupyter")]
            kernelspec: self.kernelspec.clone(),
            grace: self.grace,
            ready_timeout: self.ready_timeout,
        }
    }

    pub(super) fn rules(&self) -> Rules {
        let workspace = (self.api == Api::Executor).then_some(&self.workspace);
        Rules {
            init: json!({
                "api": self.api.as_str(),
                "workspace": workspace,
                "output_limit": self.output_limit,
                "memory_limit": self.memory_limit,
            }),
            queue: self.queue,
            start_limit: self.start_limit,
            output_limit: self.output_limit,
            grace: self.grace,
            idle: self.idle,
        }
    }
}

/// Where kernel mode listens, and the variable that says so. No child needs `PORT` here.
pub(crate) fn port(reader: &mut Reader<'_>, api: Api) -> (u16, &'static str) {
    for name in ["WARM_PORT", "PORT"] {
        if reader.text(name).is_some() {
            return (reader.number(name, 0..=u16::MAX), name);
        }
    }
    (api.port(), "WARM_PORT")
}

/// `KERNEL_SPEC`, and what cannot be had with it.
#[cfg(feature = "jupyter")]
fn kernelspec(reader: &mut Reader<'_>, api: Api) -> Option<Arc<Kernelspec>> {
    let name = reader.text("KERNEL_SPEC")?;
    // `${NAME}` in a kernelspec stands for a variable that the kernel could inherit.
    let get = |name: &str| if SECRETS.contains(&name) { None } else { std::env::var_os(name) };
    match Kernelspec::find(&name, &get) {
        Err(reason) => {
            reader.mistake("KERNEL_SPEC", &name, &reason);
            None
        }
        Ok(_) if api == Api::Flowfile => {
            reader.mistake("KERNEL_SPEC", &name, "KERNEL_API=flowfile has the embedded Python only; unset one of them");
            None
        }
        Ok(spec) => {
            if !spec.is_python() && reader.text("KERNEL_PACKAGES").is_some() {
                reader.mistake("KERNEL_SPEC", &name, "KERNEL_PACKAGES are for kernels of Python; unset one of them");
            }
            Some(Arc::new(spec))
        }
    }
}

/// `EXECUTION_TIMEOUT`; 0 is none.
fn seconds(reader: &mut Reader<'_>, default: Option<Duration>) -> Option<Duration> {
    if reader.text("EXECUTION_TIMEOUT").is_none() {
        return default;
    }
    let parse = |text: &str| {
        let seconds: f64 = text.parse().ok()?;
        // A year, as for all other times.
        (0.0..=366.0 * 24.0 * 3600.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
    };
    let limit = reader.parse("EXECUTION_TIMEOUT", "expected seconds, such as 3 or 0.5; 0 is no limit", parse)?;
    (!limit.is_zero()).then_some(limit)
}
