//! Any Jupyter kernel in the place of the embedded interpreter (feature `jupyter`).
//!
//! [`spec`] finds it, [`start`] starts it, [`connection`] is where it listens. A [`channel`] is one of its
//! sockets, which speak [`zmtp`]; what they carry are [`message`]s, and [`hear`] says what these mean for the
//! [`run`] under way.
//!
//! What a kernel shows is only ever added to: `clear_output` takes nothing back, and an updated display
//! is another one. It numbers its cells itself.

mod assembler;
mod channel;
mod connection;
mod folders;
mod hear;
mod message;
mod run;
mod spec;
mod start;
mod start_up;
mod text;
mod zmtp;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use super::pipe::Pipe;
use super::{Event, Execute, told};
use crate::watchdog::kernel::output::Stream;
use crate::watchdog::process::Process;
use connection::{Channels, Connection};
use message::{Message, compose};
use run::{Run, Work};
pub(in crate::watchdog::kernel) use spec::Kernelspec;

/// How long a process may take to end whose sockets have.
const STALL: Duration = Duration::from_secs(2);

/// How long what a dead kernel had sent may take to be read.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Reads from a pipe at the end of an execution, at most: something else may write there for ever.
const LAST_READS: usize = 64;

/// A running kernel.
pub(in crate::watchdog::kernel) struct Jupyter {
    spec: Arc<Kernelspec>,
    connection: Connection,
    channels: Channels,
    process: Process,
    stdout: Pipe,
    stderr: Pipe,
    work: Work,
    /// What has happened and was not told yet.
    events: VecDeque<Event>,
    /// It is `IPython`'s: nothing of an execution comes after its end, and it shows by itself what is
    /// written to the pipes, and writes it there as well.
    is_ipython: bool,
    is_given_up: bool,
    has_exited: bool,
    interrupts: Interrupts,
}

/// What is known of interrupts that were sent.
#[derive(Default)]
struct Interrupts {
    /// One may not have been seen yet.
    is_on_its_way: bool,
    /// Requests that were not answered.
    unanswered: usize,
}

/// Something that a kernel did.
enum Heard {
    Iopub(Message),
    Shell(Message),
    Control(Message),
    Stdin(Message),
    Piped(Stream, Bytes),
    Exited,
    Broken(&'static str),
    /// Nothing, for as long as was waited for.
    Due,
}

impl Jupyter {
    /// Prepares a session; [`Event::Ready`] tells when its start-up code has run.
    pub(in crate::watchdog::kernel) fn init(&mut self, options: &Value) {
        if let Some(limit @ 1..) = options["memory_limit"].as_u64() {
            self.process.limit_memory(limit);
        }
        let work = start_up::work(&self.spec, options["workspace"].as_str());
        self.prepare(work.into());
    }

    /// Executes code.
    pub(in crate::watchdog::kernel) fn execute(&mut self, execute: &Execute<'_>) {
        let content = json!({
            "code": execute.code,
            "silent": false,
            "store_history": true,
            "user_expressions": {},
            "allow_stdin": false,
            "stop_on_error": false,
        });
        let id = self.send_shell("execute_request", &content);
        self.work = Work::Call(Run::new(id, execute.auto_display));
    }

    /// Asks for something that only the embedded interpreter has: this one is started again.
    pub(in crate::watchdog::kernel) fn ask(&mut self) {
        self.events.push_back(Event::Broken("no answer to a question that Jupyter kernels do not know"));
    }

    /// [`Event::Pong`] tells when it has done all that it was asked before.
    pub(in crate::watchdog::kernel) fn ping(&mut self) {
        let id = self.send_shell("kernel_info_request", &json!({}));
        self.work = Work::Ping { id, answered: None };
    }

    fn send_shell(&mut self, kind: &str, content: &Value) -> String {
        let (message, id) = compose(&self.connection.key, &self.connection.session, kind, content);
        self.channels.shell.send(&message);
        id
    }

    /// What it says from now on belongs to no execution.
    pub(in crate::watchdog::kernel) fn rest(&mut self) {
        self.work = Work::Nothing;
    }

    /// Believes nothing any more, and kills it.
    pub(in crate::watchdog::kernel) fn give_up(&mut self) {
        self.is_given_up = true;
        self.kill();
    }

    /// Asks the running code to end, once it has begun.
    pub(in crate::watchdog::kernel) fn interrupt(&mut self) {
        if self.work.can_be_interrupted() {
            self.send_interrupt();
        }
    }

    /// Interrupts in the way that the kernelspec says.
    fn send_interrupt(&mut self) {
        self.interrupts.is_on_its_way = true;
        if self.spec.takes_interrupts_as_messages {
            let Connection { key, session, .. } = &self.connection;
            let (message, _) = compose(key, session, "interrupt_request", &json!({}));
            self.channels.control.send(&message);
            self.interrupts.unanswered += 1;
        } else {
            self.process.signal(Signal::INT);
        }
    }

    /// Whether an interrupt that was sent may still be on its way.
    pub(in crate::watchdog::kernel) fn takes_doubt(&mut self) -> bool {
        std::mem::take(&mut self.interrupts.is_on_its_way)
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
        let Self { process, has_exited, .. } = self;
        told(if has_exited { process.finish_all().await } else { process.kill().await })
    }

    /// What happens next. Nothing is lost where this is dropped early.
    pub(in crate::watchdog::kernel) async fn next(&mut self) -> Event {
        loop {
            if self.is_given_up || (self.has_exited && self.events.is_empty()) {
                self.process.exited().await;
                self.has_exited = true;
                return Event::Exited;
            }
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            let due = self.work.due(self.is_ipython);
            let heard = tokio::select! {
                biased;
                () = until(due) => Heard::Due,
                heard = self.heard() => heard,
            };
            match heard {
                Heard::Exited => self.last_words().await,
                heard => self.take(heard),
            }
        }
    }

    /// Waits until something happens.
    async fn heard(&mut self) -> Heard {
        let Channels { shell, iopub, stdin, control } = &mut self.channels;
        let over = shell.over().or(iopub.over());
        tokio::select! {
            biased;
            message = iopub.next() => Heard::Iopub(message),
            message = shell.next() => Heard::Shell(message),
            message = control.next() => Heard::Control(message),
            message = stdin.next() => Heard::Stdin(message),
            bytes = self.stdout.read() => Heard::Piped(Stream::Stdout, bytes),
            bytes = self.stderr.read() => Heard::Piped(Stream::Stderr, bytes),
            () = self.process.exited() => Heard::Exited,
            () = sleep(STALL), if over.is_some() => Heard::Broken(over.unwrap_or_default()),
        }
    }

    /// Takes what a kernel that has ended had sent before.
    async fn last_words(&mut self) {
        self.has_exited = true;
        // A descendant may hold its sockets.
        let end = Instant::now() + LAST_WORDS;
        while let Some(message) = self.channels.iopub.last(end).await {
            self.take(Heard::Iopub(message));
        }
        self.piped_now();
    }

    /// Takes what stands in the pipes at this moment.
    fn piped_now(&mut self) {
        self.stdout.count(usize::MAX);
        self.stderr.count(usize::MAX);
        for _ in 0..LAST_READS {
            let stdout = self.stdout.read_now().map(|bytes| (Stream::Stdout, bytes));
            let Some((stream, bytes)) = stdout.or_else(|| self.stderr.read_now().map(|bytes| (Stream::Stderr, bytes)))
            else {
                return;
            };
            self.piped(stream, bytes);
        }
    }

    fn piped(&mut self, stream: Stream, bytes: Bytes) {
        let is_of_call = matches!(self.work, Work::Call(_)) && !self.is_ipython;
        self.events.push_back(if is_of_call { Event::Stream(stream, bytes) } else { Event::Log(bytes) });
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}
