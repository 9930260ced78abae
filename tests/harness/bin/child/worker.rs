//! A kept process that takes a call as a line on stdin and answers with a line on descriptor 3.

use std::fs::File;
use std::io::{BufRead, Result, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;

use serde_json::Value;

use crate::act::{act, prepare};
use crate::answer::Answer;

/// Serves until stdin ends. `ack` is what it says first; `{"ok":true}` where that is asked for by
/// `__OW_WAIT_FOR_ACK`, and nothing at all where it is empty.
///
/// Beside what every child does (see `act`, with the request's `value` as the payload), a call's
/// input may say:
///
/// - `exec`: a script that takes this process's place before the call is answered
/// - `line`: the answer is the request's line as it came
/// - `silent`: there is no answer
/// - `unended`: the answer's line is not ended
/// - `after`: what is done behind the answer: all that can be prepared, then `exec`
pub(crate) fn serve(ack: Option<String>) -> Result<()> {
    // A second way to the same pipe: there is no safe one to a bare number.
    let mut answers = File::options().write(true).open("/proc/self/fd/3")?;
    let ack = ack.or_else(|| std::env::var_os("__OW_WAIT_FOR_ACK").map(|_| r#"{"ok":true}"#.to_owned()));
    if let Some(ack) = ack.filter(|ack| !ack.is_empty()) {
        answers.write_all(format!("{ack}\n").as_bytes())?;
    }
    for line in std::io::stdin().lock().lines() {
        call(&line?, &mut answers)?;
    }
    Ok(())
}

fn call(line: &str, answers: &mut File) -> Result<()> {
    let request: Value = serde_json::from_str(line).expect("a request is a line of JSON");
    let payload = &request["value"];
    let input = payload.get("input").unwrap_or(payload);
    become_another(input);
    let answer = act(payload.to_string().as_bytes(), &[]);
    let answer = if input["line"] == true { Answer::ok(Value::from(line).to_string()) } else { answer };
    if input["silent"] != true {
        let end: &[u8] = if input["unended"] == true { b"" } else { b"\n" };
        answer.write_line(end, answers)?;
    }
    prepare(&input["after"]);
    become_another(&input["after"]);
    Ok(())
}

fn become_another(wish: &Value) {
    if let Some(script) = wish["exec"].as_str() {
        panic!("no shell: {}", Command::new("/bin/sh").args(["-c", script]).exec());
    }
}
