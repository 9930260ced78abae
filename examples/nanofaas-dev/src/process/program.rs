//! A function's program: what is started, again and again on the same port.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::watch::Sender;

use super::{Process, token};
use crate::console::{Console, Event};

/// Between SIGTERM and SIGKILL: a second more than a function takes to bring its work to an end by itself.
const GRACE: Duration = Duration::from_secs(6);
/// What a function started elsewhere would be told of one execution.
const NOT_PASSED: [&str; 3] = ["EXECUTION_ID", "TRACE_ID", "INVOCATION_PAYLOAD"];

/// Whether a program can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Starting,
    Ready,
    /// With how it ended.
    Ended(String),
}

pub(crate) struct Program {
    name: String,
    words: Vec<String>,
    pub(super) port: u16,
    callback_url: String,
    authorization: Option<HeaderValue>,
    pub(super) condition: Sender<Condition>,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    process: Option<Arc<Process>>,
    /// It is being ended on purpose.
    is_stopping: bool,
    /// Nothing is started any more.
    is_closed: bool,
}

impl Program {
    /// Takes a free port for it. `words` are the program and its arguments.
    pub(crate) fn new(name: &str, words: Vec<String>, control_plane: u16) -> Result<Self, String> {
        let port = free_port().map_err(|error| format!("there is no free port for `{name}`: {error}"))?;
        let callback_url = format!("http://127.0.0.1:{control_plane}/v1/internal/executions");
        let (condition, _) = tokio::sync::watch::channel(Condition::Starting);
        let (name, authorization) = (name.to_owned(), token::authorization());
        Ok(Self { name, words, port, callback_url, authorization, condition, running: Mutex::default() })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/invoke", self.port)
    }

    /// What its calls carry as `Authorization`.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts it; `None` where it runs, or nothing is started any more.
    pub(crate) fn start(&self, console: &Console) -> Result<Option<Arc<Process>>, String> {
        let mut running = self.lock();
        if running.is_closed || running.process.as_ref().is_some_and(|process| process.is_alive()) {
            return Ok(None);
        }
        self.condition.send_replace(Condition::Starting);
        let started = Process::start(&mut self.command(), &self.name, console);
        let process = started.map_err(|error| self.describe(&error))?;
        running.process = Some(Arc::clone(&process));
        running.is_stopping = false;
        let command = shell_words::join(&self.words);
        console.show(&self.name, &Event::Started { command: &command, port: self.port, process: process.id });
        Ok(Some(process))
    }

    /// The environment of a container, as far as it has a meaning here.
    fn command(&self) -> Command {
        let mut words = self.words.iter();
        let mut command = Command::new(words.next().map_or("", String::as_str));
        command.args(words);
        for variable in NOT_PASSED {
            command.env_remove(variable);
        }
        let port = self.port.to_string();
        command.env("FUNCTION_NAME", &self.name).env("CALLBACK_URL", &self.callback_url);
        // The second port is a watchdog's, which takes calls there when it is warm.
        command.env("PORT", &port).env("WARM_PORT", &port).env("WARM", "true");
        command
    }

    fn describe(&self, error: &io::Error) -> String {
        let program = self.words.first().map_or("", String::as_str);
        let text = match error.kind() {
            io::ErrorKind::NotFound => "there is no such program".to_owned(),
            io::ErrorKind::PermissionDenied => "it is not executable".to_owned(),
            _ => error.to_string(),
        };
        let text = format!("`{}` cannot be started: `{program}`: {text}", self.name);
        self.condition.send_replace(Condition::Ended(text.clone()));
        text
    }

    /// Waits until it is ready or has ended.
    pub(crate) async fn started(&self) -> Condition {
        let mut condition = self.condition.subscribe();
        // The sender is our own.
        condition
            .wait_for(|condition| *condition != Condition::Starting)
            .await
            .map_or(Condition::Ready, |it| it.clone())
    }

    /// Starts nothing from now on.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
    }

    /// Ends what runs, with a grace.
    pub(crate) async fn stop(&self) {
        if let Some(process) = self.stopping() {
            process.terminate(GRACE).await;
            process.noted().await;
        }
    }

    /// Ends what runs, at once.
    pub(crate) async fn kill(&self) {
        if let Some(process) = self.stopping() {
            process.kill().await;
            process.noted().await;
        }
    }

    /// What runs, or ran; its end is nobody's loss from now on.
    fn stopping(&self) -> Option<Arc<Process>> {
        let mut running = self.lock();
        running.is_stopping = true;
        running.process.clone()
    }

    /// Notes that its process has ended; whether somebody has to start it again.
    pub(super) fn has_ended(&self, how: &str) -> bool {
        let running = self.lock();
        self.condition.send_replace(Condition::Ended(how.to_owned()));
        !running.is_stopping
    }
}

/// A port that was free a moment ago. It is kept over restarts, so that the function's URL stays the same.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?.local_addr()?.port())
}
