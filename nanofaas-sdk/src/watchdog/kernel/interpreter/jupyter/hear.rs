//! What the messages of a kernel mean.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::message::{Message, compose};
use super::run::{BrokenOff, Stage, Work};
use super::text::{plain, traceback};
use super::{Heard, Jupyter};
use crate::watchdog::kernel::interpreter::{Event, Finished};
use crate::watchdog::kernel::output::{Output, Stream};

#[derive(Deserialize)]
struct Streamed {
    #[serde(default)]
    name: String,
    text: String,
}

#[derive(Deserialize)]
struct Shown {
    data: Box<RawValue>,
}

impl Jupyter {
    pub(super) fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Iopub(message) => self.published(&message),
            Heard::Shell(message) => self.replied(&message),
            Heard::Control(message) if message.kind == "interrupt_reply" => {
                self.interrupts.unanswered = self.interrupts.unanswered.saturating_sub(1);
                if self.interrupts.unanswered == 0 && matches!(self.work, Work::Ping { answered: Some(_), .. }) {
                    self.due();
                }
            }
            Heard::Stdin(message) if message.kind == "input_request" => self.refuse_input(&message),
            Heard::Control(_) | Heard::Stdin(_) => {}
            Heard::Piped(stream, bytes) => self.piped(stream, bytes),
            Heard::Due => self.due(),
            Heard::Exited => self.has_exited = true,
            Heard::Broken(what) => self.events.push_back(Event::Broken(what)),
        }
    }

    fn published(&mut self, message: &Message) {
        let is_of_call = matches!(self.work, Work::Call(_));
        let Some(run) = self.work.run().filter(|run| run.id == message.parent) else {
            if let Some(Streamed { text, .. }) = (message.kind == "stream").then(|| message.content()).flatten() {
                // Something that an earlier execution left running.
                self.events.push_back(Event::Log(text.into()));
            }
            return;
        };
        run.heard = Instant::now();
        // `IPython` takes interrupts only a moment after it has said that it is busy.
        let is_waited_for = run.stage == Stage::Sent && run.broken_off.is_some();
        if run.stage == Stage::Sent && (message.kind != "status" || !self.is_ipython) {
            run.stage = Stage::Begun;
            if is_waited_for {
                self.send_interrupt();
            }
        }
        let Some(run) = self.work.run() else { return };
        match message.kind.as_str() {
            "status" if message.content::<Value>().is_some_and(|said| said["execution_state"] == "idle") => {
                run.stage = Stage::Idle;
            }
            "stream" => {
                let streamed = message.content::<Streamed>();
                let is_stderr = streamed.as_ref().is_some_and(|streamed| streamed.name == "stderr");
                if message.is_cut || streamed.is_none() {
                    *(if is_stderr { &mut run.truncated.stderr } else { &mut run.truncated.stdout }) = true;
                }
                let text = Bytes::from(streamed.map(|streamed| streamed.text).unwrap_or_default());
                let stream = if is_stderr { Stream::Stderr } else { Stream::Stdout };
                self.events.push_back(if is_of_call { Event::Stream(stream, text) } else { Event::Log(text) });
            }
            "error" if is_of_call && !run.has_failed => {
                run.has_failed = true;
                let error = message.content().unwrap_or_default();
                let error = run.error(error);
                self.events.push_back(Event::Failed(error));
            }
            // What failed at start-up is told by its reply.
            kind @ ("display_data" | "update_display_data" | "execute_result") if is_of_call => {
                let is_result = kind == "execute_result";
                if is_result && !run.shows_result {
                    return;
                }
                match message.content::<Shown>() {
                    Some(Shown { data }) => {
                        let (data, length) = (readable(data), message.content_length());
                        let output = if is_result {
                            Output::Result { data }
                        } else {
                            Output::Display { data, title: String::new() }
                        };
                        self.events.push_back(Event::Shown(output, length));
                    }
                    None => run.truncated.rich = true,
                }
            }
            _ => {}
        }
    }

    fn replied(&mut self, message: &Message) {
        if let Work::Ping { id, answered } = &mut self.work {
            if *id == message.parent {
                *answered = Some(Instant::now());
                if self.interrupts.unanswered == 0 {
                    self.due();
                }
            }
        } else if let Some(run) = self.work.run().filter(|run| run.id == message.parent) {
            run.heard = Instant::now();
            run.reply = Some(message.content().unwrap_or_default());
        }
    }

    /// Nobody is there to answer: what asks is interrupted.
    fn refuse_input(&mut self, request: &Message) {
        let Some(run) = self.work.run().filter(|run| run.id == request.parent) else { return };
        run.broken_off = Some(BrokenOff::WantsInput);
        self.interrupt();
        // Some kernels look for an interrupt only when they have an answer.
        let Self { connection, channels, .. } = self;
        let (reply, _) = compose(&connection.key, &connection.session, "input_reply", &json!({"value": ""}));
        channels.stdin.send(&reply);
    }

    /// What was waited for has come, or will not come any more.
    fn due(&mut self) {
        let received = self.channels.iopub.received();
        if let Some(run) = self.work.run().filter(|run| run.stage != Stage::Idle && run.received < received) {
            // The end may stand behind a long message that arrives.
            (run.heard, run.received) = (Instant::now(), received);
            return;
        }
        if !matches!(self.work, Work::Nothing) {
            self.piped_now();
        }
        match std::mem::replace(&mut self.work, Work::Nothing) {
            Work::Nothing => {}
            Work::Ping { .. } => {
                self.interrupts.unanswered = 0;
                self.events.push_back(Event::Pong);
            }
            Work::Call(mut run) => {
                let reply = run.reply.take().unwrap_or_default();
                let is_refused = run.broken_off == Some(BrokenOff::WantsInput);
                if !run.has_failed && (reply.status != "ok" || is_refused) {
                    let error = run.error(reply);
                    self.events.push_back(Event::Failed(error));
                }
                // Where its end was lost, so was perhaps more.
                run.truncated.stdout |= run.stage != Stage::Idle;
                self.events.push_back(Event::Finished(Finished { truncated: run.truncated, flow: None }));
            }
            Work::StartUp(run, start_up) => {
                let reply = run.reply.unwrap_or_default();
                if reply.status != "ok" {
                    let traceback = traceback(&reply.traceback).join("\n");
                    self.events.push_back(Event::Log(start_up.told(&reply.ename, &reply.evalue, &traceback).into()));
                }
                self.start_up(start_up.rest);
            }
        }
    }
}

/// What was shown, its text without colours.
fn readable(data: Box<RawValue>) -> Box<RawValue> {
    const TEXT: &str = "text/plain";
    if !data.get().contains("\\u001b[") && !data.get().contains("\\u001B[") {
        return data;
    }
    let Ok(mut map) = serde_json::from_str::<Map<String, Value>>(data.get()) else { return data };
    if let Some(Value::String(text)) = map.get_mut(TEXT) {
        *text = plain(text);
    }
    serde_json::value::to_raw_value(&map).unwrap_or(data)
}
