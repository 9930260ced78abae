//! The embedded Python interpreter: a program of our own that any `python3` from 3.8 on runs.

use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use rustix::process::Signal;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use super::{Event, Finished, Launcher, NotStarted, told};
use crate::protocol::Code;
use crate::watchdog::command_line::CommandLine;
use crate::watchdog::kernel::output::{Output, Stream, Truncated};
use crate::watchdog::kernel::wire::{Frame, Frames, Reply, Request};
use crate::watchdog::process::{Drained, Launch, LineLog, Process, Stdin, Tail, exit_code, spawn};

/// The modules of the program, by name.
const MODULES: &[(&str, &str)] = &[
    ("awaiting", include_str!("../python/awaiting.py")),
    ("cell", include_str!("../python/cell.py")),
    ("excerpt", include_str!("../python/excerpt.py")),
    ("figures", include_str!("../python/figures.py")),
    ("flow_artifacts", include_str!("../python/flow_artifacts.py")),
    ("flow_context", include_str!("../python/flow_context.py")),
    ("flow_display", include_str!("../python/flow_display.py")),
    ("flow_inputs", include_str!("../python/flow_inputs.py")),
    ("flow_log", include_str!("../python/flow_log.py")),
    ("flow_outputs", include_str!("../python/flow_outputs.py")),
    ("flow_shared", include_str!("../python/flow_shared.py")),
    ("flowfile", include_str!("../python/flowfile.py")),
    ("forks", include_str!("../python/forks.py")),
    ("frames", include_str!("../python/frames.py")),
    ("imports", include_str!("../python/imports.py")),
    ("interrupts", include_str!("../python/interrupts.py")),
    ("main", include_str!("../python/main.py")),
    ("payload", include_str!("../python/payload.py")),
    ("repair", include_str!("../python/repair.py")),
    ("rich", include_str!("../python/rich.py")),
    ("sources", include_str!("../python/sources.py")),
    ("startup", include_str!("../python/startup.py")),
    ("streams", include_str!("../python/streams.py")),
    ("threads", include_str!("../python/threads.py")),
    ("tracebacks", include_str!("../python/tracebacks.py")),
    ("wire", include_str!("../python/wire.py")),
];
const BOOTSTRAP: &str = include_str!("../python/bootstrap.py");

/// How long a frame may take from its begin to its end, and a process to end that hung up.
const STALL: Duration = Duration::from_secs(2);

/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;

/// A running Python.
pub(in crate::watchdog::kernel) struct Python {
    process: Process,
    stdout: Pipe,
    stderr: Pipe,
    socket: UnixStream,
    frames: Frames,
    /// What its frames carry at the moment.
    token: u64,
    /// A frame that waits until the pipes are empty.
    held: Option<Frame>,
    unsent: Bytes,
    line: Line,
    /// A signal was sent that may not have been seen yet.
    may_be_interrupted: bool,
}

/// What can still be heard of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Open,
    /// It has closed its end, and has not exited yet.
    HungUp,
    /// It is killed, and nothing is believed.
    GivenUp,
    Exited,
}

/// The command line that runs our program in `interpreter`.
pub(in crate::watchdog::kernel) fn command(interpreter: &CommandLine) -> CommandLine {
    interpreter.clone().with_arguments(["-c", BOOTSTRAP])
}

fn modules() -> Bytes {
    static MODULES_FRAME: OnceLock<Bytes> = OnceLock::new();
    MODULES_FRAME
        .get_or_init(|| {
            let modules: serde_json::Map<_, _> =
                MODULES.iter().map(|(name, source)| ((*name).to_owned(), (*source).into())).collect();
            Request::Modules.frame(0, serde_json::Value::Object(modules).to_string().as_bytes())
        })
        .clone()
}

impl Python {
    /// Starts one and waits until it listens.
    pub(in crate::watchdog::kernel) async fn start(launcher: &Launcher) -> Result<Self, NotStarted> {
        let failed = |code, message, exit_code| NotStarted { code, message, exit_code };
        let of_system =
            |error: io::Error| failed(Code::Spawn, format!("there is no socket for the interpreter: {error}"), 1);
        let (ours, theirs) = StdUnixStream::pair().map_err(of_system)?;
        ours.set_nonblocking(true).map_err(of_system)?;
        let socket = UnixStream::from_std(ours).map_err(of_system)?;
        let launch = Launch {
            command: Arc::clone(&launcher.command),
            environment: Vec::new(),
            stdin: Stdin::Given(theirs.into()),
            grace: launcher.grace,
            keeps: Box::new(()),
        };
        let mut process = spawn(launch).await.map_err(|error| failed(Code::Spawn, error.message().to_owned(), 1))?;
        let mut python = Self {
            stdout: Pipe::new(process.stdout.take()),
            stderr: Pipe::new(process.stderr.take()),
            process,
            socket,
            frames: Frames::default(),
            token: 0,
            held: None,
            unsent: Bytes::new(),
            line: Line::Open,
            may_be_interrupted: false,
        };
        let tail = Tail::default();
        let why = match timeout(launcher.ready_timeout, python.greet(&tail)).await {
            Ok(Ok(())) => return Ok(python),
            Ok(Err(why)) => why,
            Err(_) => {
                let limit = launcher.ready_timeout.as_millis();
                format!("it did not answer within {limit} ms (READY_TIMEOUT_MS)")
            }
        };
        let program = launcher.command.program().display();
        let status = python.process.kill().await;
        let exit_code = status.as_ref().map_or(1, |status| exit_code(*status)).max(1);
        let why = if why.is_empty() { told(status) } else { why };
        Err(failed(Code::Startup, tail.after(&format!("the interpreter {program} did not start: it {why}")), exit_code))
    }

    /// Hands over the program and waits for its first word. The error is empty where the process
    /// ended.
    async fn greet(&mut self, tail: &Tail) -> Result<(), String> {
        self.unsent = modules();
        let mut log = LineLog::new("stderr", Some(tail.clone()), || None);
        loop {
            match self.next_frame().await {
                Heard::Frame(frame) if frame.reply == Reply::Hello => return Ok(()),
                Heard::Piped(_, bytes) => log.push(&bytes).await,
                Heard::Exited => {
                    log.end();
                    return Err(String::new());
                }
                Heard::Frame(_) => return Err("said something before its first word".to_owned()),
                Heard::Broken(why) => return Err(format!("sent {why}")),
            }
        }
    }

    /// Sends a request under a token that all which follows has to carry, while
    /// [`next`](Self::next) is waited for.
    pub(in crate::watchdog::kernel) fn send(&mut self, request: Request, token: u64, payload: &[u8]) {
        self.token = token;
        self.unsent = request.frame(token, payload);
    }

    /// What it says from now on belongs to no execution.
    pub(in crate::watchdog::kernel) fn rest(&mut self) {
        self.token = 0;
    }

    /// Believes nothing any more, and kills it.
    pub(in crate::watchdog::kernel) fn give_up(&mut self) {
        if self.line != Line::Exited {
            self.line = Line::GivenUp;
        }
        self.frames.buffer.clear();
        self.held = None;
        self.kill();
    }

    /// What happens next. Nothing is lost where this is dropped early.
    pub(in crate::watchdog::kernel) async fn next(&mut self) -> Event {
        match self.next_frame().await {
            Heard::Frame(frame) => event(frame),
            Heard::Piped(stream, bytes) if self.token != 0 => Event::Stream(stream, bytes),
            Heard::Piped(_, bytes) => Event::Log(bytes),
            Heard::Exited => Event::Exited,
            Heard::Broken(why) => Event::Broken(why),
        }
    }

    async fn next_frame(&mut self) -> Heard {
        loop {
            if self.held.is_some() || self.line == Line::Exited {
                if let Some((stream, bytes)) = self.piped_now() {
                    return Heard::Piped(stream, bytes);
                }
                if let Some(frame) = self.held.take() {
                    return Heard::Frame(frame);
                }
            }
            match self.frames.take(self.token) {
                Ok(Some(frame)) if frame.pipes_first => {
                    self.held = Some(frame);
                    continue;
                }
                Ok(Some(frame)) => return Heard::Frame(frame),
                Ok(None) => {}
                Err(_) if self.line == Line::Exited => return Heard::Exited,
                Err(why) => return Heard::Broken(why),
            }
            if self.line == Line::Exited {
                return Heard::Exited;
            }
            if let Some(heard) = self.wait().await {
                return heard;
            }
        }
    }

    /// Waits until something happens; `None` where it may be a frame.
    async fn wait(&mut self) -> Option<Heard> {
        let is_stalled = self.line == Line::HungUp || self.frames.is_within_frame();
        self.frames.buffer.reserve(PIECE);
        let (mut reader, mut writer) = self.socket.split();
        tokio::select! {
            biased;
            written = writer.write_buf(&mut self.unsent), if !self.unsent.is_empty() => {
                if written.is_err() {
                    // It has hung up, which reading tells.
                    self.unsent.clear();
                }
                None
            }
            read = reader.read_buf(&mut self.frames.buffer), if self.line == Line::Open => {
                if !matches!(read, Ok(1..)) {
                    self.line = Line::HungUp;
                }
                None
            }
            bytes = self.stdout.read() => Some(Heard::Piped(Stream::Stdout, bytes)),
            bytes = self.stderr.read() => Some(Heard::Piped(Stream::Stderr, bytes)),
            () = self.process.exited() => {
                // What it sent before is still there.
                if self.line == Line::Open {
                    self.read_now();
                }
                self.line = Line::Exited;
                None
            }
            () = sleep(STALL), if is_stalled => {
                let (closed, cut) = ("an end of its connection", "a frame that does not end");
                Some(Heard::Broken(if self.line == Line::HungUp { closed } else { cut }))
            }
        }
    }

    /// Takes what has arrived, whatever the event loop knows of it.
    fn read_now(&mut self) {
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = rustix::io::read(&self.socket, &mut piece) {
            self.frames.buffer.extend_from_slice(&piece[..length]);
        }
    }

    /// What stands in the pipes at this moment.
    fn piped_now(&mut self) -> Option<(Stream, Bytes)> {
        let stdout = self.stdout.read_now().map(|bytes| (Stream::Stdout, bytes));
        stdout.or_else(|| self.stderr.read_now().map(|bytes| (Stream::Stderr, bytes)))
    }

    /// Asks the running code to end.
    pub(in crate::watchdog::kernel) fn interrupt(&mut self) {
        self.may_be_interrupted = true;
        self.process.signal(Signal::INT);
    }

    /// Whether a signal that was sent may still be on its way: one that asks is told when none is.
    pub(in crate::watchdog::kernel) fn takes_doubt(&mut self) -> bool {
        std::mem::take(&mut self.may_be_interrupted)
    }

    /// Kills it; [`next`](Self::next) tells of its end.
    pub(in crate::watchdog::kernel) fn kill(&self) {
        self.process.signal(Signal::KILL);
    }

    pub(in crate::watchdog::kernel) fn is_alive(&self) -> bool {
        !self.process.has_exited()
    }

    /// Ends what is left of it; how it ended, in words.
    pub(in crate::watchdog::kernel) async fn end(self) -> String {
        let Self { process, line, .. } = self;
        told(if line == Line::Exited { process.finish_all().await } else { process.kill().await })
    }
}

/// Something that a process did.
enum Heard {
    Frame(Frame),
    Piped(Stream, Bytes),
    Exited,
    Broken(&'static str),
}

/// One of the pipes that a process writes to beside its frames.
pub(super) struct Pipe {
    stream: Option<Drained>,
    piece: Vec<u8>,
}

impl Pipe {
    pub(super) fn new(stream: Option<Drained>) -> Self {
        Self { stream, piece: vec![0; PIECE] }
    }

    /// The next bytes; never ends where there are none to come.
    pub(super) async fn read(&mut self) -> Bytes {
        if let Some(stream) = &mut self.stream {
            if let Ok(length @ 1..) = stream.read(&mut self.piece).await {
                return Bytes::copy_from_slice(&self.piece[..length]);
            }
            self.stream = None;
        }
        std::future::pending().await
    }

    pub(super) fn read_now(&mut self) -> Option<Bytes> {
        let length = self.stream.as_mut()?.read_now(&mut self.piece);
        (length > 0).then(|| Bytes::copy_from_slice(&self.piece[..length]))
    }
}

fn event(frame: Frame) -> Event {
    const UNREADABLE: Event = Event::Broken("a frame that cannot be read");
    let Frame { reply, payload, .. } = frame;
    match reply {
        Reply::Hello => Event::Broken("a greeting in the middle"),
        Reply::Ready => Event::Ready,
        Reply::Stdout => Event::Stream(Stream::Stdout, payload),
        Reply::Stderr => Event::Stream(Stream::Stderr, payload),
        Reply::Log => Event::Log(payload),
        Reply::Display => match serde_json::from_slice::<Shown>(&payload) {
            Ok(Shown { data, title }) => Event::Shown(Output::Display { data, title }, payload.len()),
            Err(_) => UNREADABLE,
        },
        Reply::Result => match serde_json::from_slice::<Shown>(&payload) {
            Ok(Shown { data, .. }) => Event::Shown(Output::Result { data }, payload.len()),
            Err(_) => UNREADABLE,
        },
        Reply::Error => match serde_json::from_slice::<Raised>(&payload) {
            Ok(Raised { name, value, traceback }) => Event::Failed(Output::Error { name, value, traceback }),
            Err(_) => UNREADABLE,
        },
        Reply::Finished => match serde_json::from_slice::<Ended>(&payload) {
            Ok(ended) => Event::Finished(Finished {
                truncated: Truncated {
                    stdout: ended.stdout_truncated,
                    stderr: ended.stderr_truncated,
                    rich: ended.rich_truncated,
                },
                flow: ended.flow,
            }),
            Err(_) => UNREADABLE,
        },
        Reply::Answer => Event::Answer(payload),
        Reply::Pong => Event::Pong,
    }
}

#[derive(Deserialize)]
struct Shown {
    data: Box<RawValue>,
    #[serde(default)]
    title: String,
}

#[derive(Deserialize)]
struct Raised {
    name: String,
    value: String,
    traceback: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ended {
    stdout_truncated: bool,
    stderr_truncated: bool,
    rich_truncated: bool,
    flow: Option<Box<RawValue>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_of_the_program_is_part_of_it() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/watchdog/kernel/python");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let mut names: Vec<_> = files
            .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|name| name != "bootstrap")
            .collect();
        names.sort_unstable();
        let known: Vec<_> = MODULES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, known);
    }
}
