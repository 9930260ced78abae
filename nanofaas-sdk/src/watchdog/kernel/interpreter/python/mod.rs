//! The embedded Python interpreter: a program of our own that any `python3` from 3.8 on runs.

mod program;
mod reply;

use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use super::pipe::Pipe;
use super::{Event, Launcher, NotStarted, told};
use crate::protocol::Code;
use crate::watchdog::kernel::output::Stream;
use crate::watchdog::kernel::wire::{Frame, Frames, Reply, Request};
use crate::watchdog::process::{Launch, LineLog, Process, Stdin, Tail, exit_code, spawn};
pub(in crate::watchdog::kernel) use program::command;

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
        self.unsent = program::modules();
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
            Heard::Frame(frame) => reply::event(frame),
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
                Ok(Some(frame)) => {
                    let Some([stdout, stderr]) = frame.after else { return Heard::Frame(frame) };
                    // Some of it may have been read already, and more may have been written.
                    self.held = Some(frame);
                    self.count_pipes(stdout, stderr);
                    continue;
                }
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
                self.count_pipes(usize::MAX, usize::MAX);
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

    fn count_pipes(&mut self, stdout: usize, stderr: usize) {
        self.stdout.count(stdout);
        self.stderr.count(stderr);
    }

    /// What stood in the pipes when they were counted.
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
