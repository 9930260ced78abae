//! What a call asks for.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::{http, report, wait_at};

/// Does what the payload's `input`, or the payload itself, asks. First, in this order:
///
/// - `stderr`, `stdout`: this text
/// - `sh`: a script, run to its end by /bin/sh
/// - `health`: `"ok"`, `"sick"` (503) or `"deaf"` (no request is answered) from now on
/// - `gate`: a path; waits there; `sleep_ms`: waits that long
/// - `allocate`: fills this many bytes of memory
/// - `exit`: ends with this status; `abort`, `stop`: with SIGABRT, or stopped by SIGSTOP
///
/// Then one of these is the answer, else `{"echo": input}`:
///
/// - `print`: a text, `bytes`: a list of numbers, `blob_bytes`: `{"blob":"xxx…"}`
/// - `answer`: `{"status", "headers", "body"}`, `raw`: all bytes of an HTTP answer, whose connection is
///   kept with `kept`; `repeat`: the same without an end
/// - `endless`: a string of JSON that never ends
/// - `report`: what this process sees of itself
pub(crate) fn act(payload: &[u8], headers: &[(String, String)]) -> Answer {
    let payload: Value = serde_json::from_slice(payload).unwrap_or_default();
    let input = payload.get("input").unwrap_or(&payload);
    prepare(input);
    if let Some(text) = input["print"].as_str() {
        return Answer::ok(text);
    }
    if let Some(bytes) = input["bytes"].as_array() {
        return Answer::ok(bytes.iter().filter_map(|byte| byte.as_u64()?.try_into().ok()).collect::<Vec<u8>>());
    }
    if let Some(length) = input["blob_bytes"].as_u64() {
        return Answer::ok(json!({ "blob": "x".repeat(length.try_into().expect("a length")) }).to_string());
    }
    if let Some(raw) = input["raw"].as_str() {
        return Answer::raw(raw, input["kept"] == true);
    }
    if let Some(bytes) = input["repeat"].as_str() {
        return Answer::repeated(bytes);
    }
    if input["endless"] == true {
        return Answer::endless();
    }
    if input["report"] == true {
        return Answer::ok(report::report(&payload, headers).to_string());
    }
    match input["answer"].as_object() {
        Some(answer) => Answer::asked(answer),
        None => Answer::ok(json!({ "echo": input }).to_string()),
    }
}

/// Everything that comes before the answer.
pub(crate) fn prepare(input: &Value) {
    if let Some(text) = input["stderr"].as_str() {
        std::io::stderr().write_all(text.as_bytes()).expect("stderr");
    }
    if let Some(text) = input["stdout"].as_str() {
        let mut stdout = std::io::stdout();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).expect("stdout");
    }
    if let Some(script) = input["sh"].as_str() {
        let script = Command::new("/bin/sh").args(["-c", script]).stdin(Stdio::null()).status();
        assert!(script.expect("a shell").success(), "the script failed");
    }
    if let Some(health) = input["health"].as_str() {
        http::set_health(health);
    }
    if let Some(gate) = input["gate"].as_str() {
        wait_at(Path::new(gate));
    }
    if let Some(status) = input["exit"].as_i64() {
        std::process::exit(status.try_into().expect("an exit status"));
    }
    if input["abort"] == true {
        std::process::abort();
    }
    if let Some(ms) = input["sleep_ms"].as_u64() {
        std::thread::sleep(std::time::Duration::from_millis(ms));
    }
    if let Some(bytes) = input["allocate"].as_u64() {
        // Written to, or it would be no memory yet.
        std::hint::black_box(vec![1_u8; bytes.try_into().expect("a length")]);
    }
    if input["stop"] == true {
        let stopped = Command::new("/bin/sh").args(["-c", "kill -STOP $PPID"]).status();
        assert!(stopped.expect("a shell").success(), "no SIGSTOP");
    }
}
