//! Pipes that are not read, not closed, or full of anything.

use harness::{Gate, Watchdog, child, eventually, has_command, sh, skip};
use serde_json::{Value, json};

const ROOMY: [(&str, &str); 3] = [
    ("NANOFAAS_MAX_INPUT_BYTES", "134217728"),
    ("NANOFAAS_MAX_OUTPUT_BYTES", "134217728"),
    ("NANOFAAS_BODY_READ_TIMEOUT", "120000"),
];
const ID: [(&str, &str); 1] = [("X-Execution-Id", "e-1")];

/// A call with a body of this size, to a child that reads nothing of it.
fn unread(command: &str, size: usize) {
    let watchdog = Watchdog::start("STDIO", command, &ROOMY);
    let body = format!("{{\"input\":\"{}\"}}", "x".repeat(size));
    let answer = watchdog.post(&ID, &body);
    assert_eq!((answer.status, answer.json()), (200, json!({ "echo": null })), "{command}");
    let watchdog = watchdog.process();
    eventually("no zombie", || watchdog.zombies().is_empty().then_some(()));
}

#[test]
fn a_result_counts_though_stdin_of_1_mib_was_never_read() {
    for command in [child("stdio --unread"), sh("exec 0<&-; echo '{\"echo\":null}'")] {
        unread(&command, 1 << 20);
    }
}

#[test]
fn a_result_counts_though_stdin_of_64_mib_was_never_read() {
    unread(&child("stdio --unread"), 64 << 20);
}

#[test]
fn a_failure_counts_though_stdin_was_never_read() {
    let watchdog = Watchdog::start("STDIO", &sh("echo no ink >&2; exit 43"), &ROOMY);
    let answer = watchdog.post(&ID, format!("{{\"input\":\"{}\"}}", "x".repeat(1 << 20)));
    assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()));
    assert!(answer.text().contains("43") && answer.text().contains("no ink"), "{answer:?}");
}

#[test]
fn a_child_that_writes_and_reads_at_once_does_not_block() {
    let watchdog = Watchdog::start("STDIO", "cat", &ROOMY);
    let body = format!("{{\"input\":\"{}\"}}", "x".repeat(4 << 20));
    let answer = watchdog.post(&ID, &body);
    assert_eq!((answer.status, answer.body.len()), (200, body.len()));
}

#[test]
fn much_on_stderr_before_stdin_is_read_does_not_block() {
    for (mode, kind) in [("STDIO", "stdio"), ("FILE", "file"), ("HTTP", "http")] {
        let watchdog = Watchdog::start(mode, &child(&format!("{kind} --stderr 1048576")), &ROOMY);
        let text = "x".repeat(1 << 20);
        let answer = watchdog.invoke("e-1", &json!({ "report": true, "text": text }));
        assert_eq!(answer.status, 200, "{mode}");
        assert_eq!(answer.json()["payload"]["input"]["text"].as_str().map(str::len), Some(1 << 20), "{mode}");
    }
}

#[test]
fn much_on_stderr_as_many_lines_does_not_block() {
    let lines = "no ink left in this pen\n".repeat(40_000);
    for mode in ["STDIO", "FILE", "HTTP"] {
        let watchdog = Watchdog::with_child(mode, &ROOMY);
        assert_eq!(watchdog.invoke("e-1", &json!({ "stderr": lines })).status, 200, "{mode}");
    }
}

#[test]
fn an_answer_does_not_wait_for_a_grandchild_that_holds_the_pipes() {
    for mode in ["STDIO", "FILE"] {
        let watchdog = Watchdog::with_child(mode, &[("TIMEOUT_MS", "20000")]);
        let answer = watchdog.invoke("e-1", &json!({ "sh": "sleep 600 &" }));
        assert_eq!(answer.status, 200, "{mode}: {}", answer.text());
        watchdog.wait_until_alone();
        let answer = watchdog.invoke("e-2", &json!({ "sh": "sleep 600 &", "exit": 43 }));
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{mode}");
        assert!(answer.text().contains("43"), "{mode}: {}", answer.text());
        watchdog.wait_until_alone();
    }
}

#[test]
fn the_pipes_are_drained_for_a_moment_only() {
    for mode in ["STDIO", "FILE"] {
        // Far beyond the 100 ms of the drain, and far below what anybody would notice as waiting.
        let watchdog = Watchdog::with_child(mode, &[("TIMEOUT_MS", "3000")]);
        for (id, input, status) in
            [("e-1", json!({ "sh": "sleep 600 &" }), 200), ("e-2", json!({ "sh": "sleep 600 &", "exit": 43 }), 500)]
        {
            let answer = watchdog.invoke(id, &input);
            assert_eq!(answer.status, status, "{mode}: {}", answer.text());
        }
    }
}

#[test]
fn an_answer_does_not_wait_for_an_escapee_that_holds_the_pipes() {
    if !has_command(&["setsid", "true"]) {
        return skip("there is no `setsid`");
    }
    for mode in ["STDIO", "FILE"] {
        let watchdog = Watchdog::with_child(mode, &[("TIMEOUT_MS", "20000")]);
        for id in ["e-1", "e-2"] {
            let answer = watchdog.invoke(id, &json!({ "sh": "setsid sleep 600 &" }));
            assert_eq!(answer.status, 200, "{mode}: {}", answer.text());
        }
    }
}

#[test]
fn an_output_is_whole_though_a_grandchild_holds_the_pipe() {
    let watchdog = Watchdog::start("STDIO", &sh("sleep 600 & cat"), &ROOMY);
    let body = format!("{{\"input\":\"{}\"}}", "x".repeat(500_000));
    for _ in 0..5 {
        let answer = watchdog.post(&ID, &body);
        assert_eq!((answer.status, answer.body.len()), (200, body.len()));
    }
}

/// Calls a child whose answer is exactly this.
fn answered(watchdog: &Watchdog, bytes: &[u8]) -> harness::Answer {
    watchdog.invoke("e-1", &json!({ "bytes": bytes }))
}

#[test]
fn what_surrounds_a_value_is_cut() {
    for mode in ["STDIO", "FILE"] {
        let watchdog = Watchdog::with_child(mode, &[]);
        for text in
            ["{\"a\":1}\n", "{\"a\":1}\r\n", " \t\r\n{\"a\":1} \n\n", "\u{feff}{\"a\":1}", "\u{feff}\r\n{\"a\":1}"]
        {
            let answer = answered(&watchdog, text.as_bytes());
            assert_eq!((answer.status, answer.json()), (200, json!({ "a": 1 })), "{mode} {text:?}");
        }
        let answer = answered(&watchdog, "\"a\\u0000é\"\n".as_bytes());
        assert_eq!((answer.status, answer.json()), (200, json!("a\u{0}é")), "{mode}");
    }
}

#[test]
fn what_is_no_value_is_a_clear_error() {
    for mode in ["STDIO", "FILE"] {
        let watchdog = Watchdog::with_child(mode, &[]);
        for (bytes, quoted) in [
            (&b""[..], ""),
            (b" \r\n", ""),
            (b"no ink left", "no ink left"),
            (b"{\"a\":1} trailing", "trailing"),
            (b"1 2", "1 2"),
            (b"{\"a\":", "a"),
            (b"\"\xff\xfe\"", ""),
            (b"\x00", ""),
            (b"{\"a\":1}\x00", "a"),
            (b"\x7fELF\x02\x01\x01\x00\x00", "ELF"),
            (b"\xff\xfe{\x00}\x00", ""),
            (b"NaN", "NaN"),
        ] {
            let answer = answered(&watchdog, bytes);
            assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{mode} {bytes:?}");
            let message = answer.json()["error"].as_str().expect("a message").to_owned();
            assert!(message.contains(quoted) && !message.is_empty(), "{mode} {bytes:?} {message}");
        }
        assert_eq!(watchdog.invoke("e-2", &json!(1)).status, 200, "{mode}");
    }
}

#[test]
fn a_long_output_that_is_no_value_is_not_repeated_whole() {
    let watchdog = Watchdog::with_child("STDIO", &[]);
    let answer = watchdog.invoke("e-1", &json!({ "print": "no ink left ".repeat(10_000) }));
    assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()));
    assert!(answer.text().contains("no ink left") && answer.body.len() < 10_000, "{} bytes", answer.body.len());
}

#[test]
fn any_bytes_on_stderr_leave_a_log_that_can_be_read() {
    let script = sh(r"printf '\377\376\000\001 no ink\r\n\033[31mred\n' >&2; echo 1");
    let mut watchdog = Watchdog::start("STDIO", &script, &[]);
    assert_eq!(watchdog.post(&ID, "{}").status, 200);
    let _ =
        watchdog.wait_for_log("the line", |line| line["message"].as_str().is_some_and(|text| text.contains("no ink")));
    watchdog.stop();
    for line in watchdog.log() {
        assert!(serde_json::from_str::<Value>(&line).is_ok_and(|line| line.is_object()), "{line}");
    }
}

#[test]
fn a_child_that_closes_its_pipes_early_is_waited_for() {
    let gate = Gate::new();
    let script = format!("echo 7; exec >&- 2>&-; while [ ! -e {} ]; do sleep 0.01; done; exit 43", gate.path());
    let watchdog = Watchdog::start("STDIO", &sh(&script), &[]);
    let mut caller = watchdog.connect();
    caller.begin(&ID, "{}");
    watchdog.wait_for_metric("active_handlers", &[], 1);
    gate.open("");
    let answer = caller.answer().expect("an answer");
    assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()));
    assert!(answer.text().contains("43"), "{answer:?}");
}
