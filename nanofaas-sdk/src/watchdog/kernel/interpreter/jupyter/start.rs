//! Starts a kernel, by the transport that it takes.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::connection::{Channels, Connection, Transport};
use super::run::Work;
use super::{Heard, Interrupts, Jupyter, Kernelspec};
use crate::protocol::Code;
use crate::watchdog::kernel::interpreter::pipe::Pipe;
use crate::watchdog::kernel::interpreter::{Launcher, NotStarted, told};
use crate::watchdog::process::{Launch, LineLog, Process, Stdin, Tail, aside, exit_code, spawn};

/// After which time a kernel is asked once more whether it listens.
const AGAIN: Duration = Duration::from_millis(20);
const UNANSWERED: Duration = Duration::from_secs(1);

/// The longest path of the folder for temporary files with which sockets have paths that fit
/// (`unix(7)`: 108 bytes).
const LONGEST_FOLDER: usize = 40;

/// Why a kernel was not reached.
enum Unreached {
    /// It cannot be started at all.
    Never(NotStarted),
    /// Perhaps in another way.
    Now(NotStarted),
}

impl Kernelspec {
    /// By which ways it is tried to be reached. A port may be taken between choosing and using it.
    fn ways(&self) -> &'static [Transport] {
        use Transport::{Ipc, Tcp};
        let is_too_long = std::env::temp_dir().as_os_str().len() > LONGEST_FOLDER;
        match self.transport.get() {
            Some(Ipc) => &[Ipc],
            Some(Tcp) => &[Tcp, Tcp],
            None if is_too_long => &[Tcp, Tcp],
            None => &[Ipc, Tcp, Tcp],
        }
    }
}

impl Jupyter {
    /// Starts one and waits until it listens.
    pub(in crate::watchdog::kernel) async fn start(
        spec: &Arc<Kernelspec>,
        launcher: &Launcher,
    ) -> Result<Self, NotStarted> {
        let end = Instant::now() + launcher.ready_timeout;
        let mut ways = spec.ways().iter().peekable();
        loop {
            let Some(way) = ways.next() else { unreachable!("the last way ends it") };
            // A kernel may wait for ever at an address that it does not understand.
            let is_last = ways.peek().is_none() || Instant::now() >= end;
            let end = if is_last || *way == Transport::Tcp { end } else { Instant::now() + launcher.ready_timeout / 2 };
            match Self::attempt(spec, launcher, *way, end).await {
                Ok(kernel) => {
                    let _ = spec.transport.set(*way);
                    return Ok(kernel);
                }
                Err(Unreached::Never(why)) => return Err(why),
                Err(Unreached::Now(why)) if is_last => return Err(why),
                Err(Unreached::Now(why)) => {
                    tracing::info!(target: "nanofaas", transport = ?way, error = why.message, "another transport is tried");
                }
            }
        }
    }

    async fn attempt(
        spec: &Arc<Kernelspec>,
        launcher: &Launcher,
        transport: Transport,
        end: Instant,
    ) -> Result<Self, Unreached> {
        let failed = |code, message, exit_code| NotStarted { code, message, exit_code };
        let name = spec.name.clone();
        let prepared = aside(move || Connection::prepare(&name, transport)).await.and_then(|prepared| prepared);
        let (connection, folder) = prepared.map_err(|error| {
            let message = format!("there is no connection file for the kernel {}: {error}", spec.name);
            Unreached::Never(failed(Code::Spawn, message, 1))
        })?;
        let launch = Launch {
            command: Arc::new(spec.command(&connection.file)),
            environment: spec.environment.clone(),
            stdin: Stdin::Empty,
            grace: launcher.grace,
            keeps: Box::new(folder),
        };
        let mut process = spawn(launch)
            .await
            .map_err(|error| Unreached::Never(failed(Code::Spawn, error.message().to_owned(), 1)))?;
        let mut pipes = [Pipe::new(process.stdout.take()), Pipe::new(process.stderr.take())];
        let tail = Tail::default();
        let why = match reach(&connection, &process, &mut pipes, &tail, end).await {
            Ok(channels) => {
                let [stdout, stderr] = pipes;
                let mut kernel = Self {
                    spec: Arc::clone(spec),
                    connection,
                    channels,
                    process,
                    stdout,
                    stderr,
                    work: Work::Nothing,
                    events: std::collections::VecDeque::new(),
                    is_ipython: false,
                    is_given_up: false,
                    has_exited: false,
                    interrupts: Interrupts::default(),
                };
                match kernel.greet(&tail, end).await {
                    Ok(()) => return Ok(kernel),
                    Err(why) => {
                        process = kernel.process;
                        why
                    }
                }
            }
            Err(why) => why,
        };
        let status = process.kill().await;
        let exit_code = status.as_ref().map_or(1, |status| exit_code(*status)).max(1);
        let why = match why {
            None => told(status),
            Some("") => format!("did not answer within {} ms (READY_TIMEOUT_MS)", launcher.ready_timeout.as_millis()),
            Some(what) => format!("sent {what}"),
        };
        let message = tail.after(&format!("the kernel {} did not start: it {why}", spec.name));
        Err(Unreached::Now(failed(Code::Startup, message, exit_code)))
    }

    /// Waits until it answers, and until we hear what it tells everybody: it does not know who listens,
    /// so it is asked until something is heard. The error is as that of [`reach`].
    async fn greet(&mut self, tail: &Tail, end: Instant) -> Result<(), Option<&'static str>> {
        let mut log = LineLog::new("stderr", Some(tail.clone()), || None);
        let (mut is_heard, mut is_answered) = (false, false);
        self.send_shell("kernel_info_request", &json!({}));
        let mut again = Instant::now() + UNANSWERED;
        while !(is_heard && is_answered) {
            let heard = tokio::select! {
                biased;
                () = sleep_until(end) => return Err(Some("")),
                heard = self.heard() => heard,
                () = sleep_until(again) => Heard::Due,
            };
            match heard {
                Heard::Iopub(_) => is_heard = true,
                Heard::Shell(message) if message.kind == "kernel_info_reply" => {
                    is_answered = true;
                    let info: Info = message.content().unwrap_or_default();
                    self.is_ipython = info.implementation == "ipython";
                    again = Instant::now() + AGAIN;
                }
                Heard::Shell(_) | Heard::Control(_) | Heard::Stdin(_) => {}
                Heard::Piped(_, bytes) => log.push(&bytes).await,
                Heard::Exited => {
                    log.end();
                    self.has_exited = true;
                    return Err(None);
                }
                Heard::Broken(what) => return Err(Some(what)),
                Heard::Due => {
                    self.send_shell("kernel_info_request", &json!({}));
                    again = Instant::now() + UNANSWERED;
                }
            }
        }
        log.end();
        Ok(())
    }
}

/// What a kernel says of itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Info {
    implementation: String,
}

/// Connects, while what the kernel writes is logged. The error is `None` where the process ended, and
/// empty where the time did.
async fn reach(
    connection: &Connection,
    process: &Process,
    [stdout, stderr]: &mut [Pipe; 2],
    tail: &Tail,
    end: Instant,
) -> Result<Channels, Option<&'static str>> {
    let mut log = LineLog::new("stderr", Some(tail.clone()), || None);
    let mut connecting = std::pin::pin!(connection.connect());
    loop {
        tokio::select! {
            biased;
            channels = &mut connecting => {
                log.end();
                return channels.map_err(Some);
            }
            bytes = stdout.read() => log.push(&bytes).await,
            bytes = stderr.read() => log.push(&bytes).await,
            () = process.exited() => {
                for pipe in [&mut *stdout, &mut *stderr] {
                    pipe.count(usize::MAX);
                    while let Some(bytes) = pipe.read_now() {
                        log.push(&bytes).await;
                    }
                }
                log.end();
                return Err(None);
            }
            () = sleep_until(end) => return Err(Some("")),
        }
    }
}
