//! Pipes of a child that waits: drained, bounded, and nobody else's.

use harness::{Gate, Process, Watchdog, child, sh};
use serde_json::json;

use crate::prespawn::{commanded, family_of, waiting};

/// Far below what an unbounded child writes, far above what the watchdog needs. In KiB.
const BOUND: u64 = 64 * 1024;

fn line(watchdog: &Watchdog, text: &str) -> serde_json::Value {
    watchdog.wait_for_log(text, |line| line["message"] == text)
}

#[test]
fn what_it_says_while_it_waits_is_nobodys_and_later_the_calls() {
    let script = format!("echo warming up >&2; exec {}", child("stdio"));
    let watchdog = commanded(&sh(&script), "1", &[]);
    let early = line(&watchdog, "warming up");
    assert_eq!((&early["execution_id"], &early["stream"]), (&json!(null), &json!("stderr")));
    let gate = Gate::new();
    let mut caller = watchdog.connect();
    let input = json!({ "stderr": "at work\n", "gate": gate.path() });
    caller.begin(&[("X-Execution-Id", "e-1")], &json!({ "input": input }).to_string());
    assert_eq!(line(&watchdog, "at work")["execution_id"], "e-1");
    gate.open("");
    assert_eq!(caller.answer().expect("an answer").status, 200);
}

#[test]
fn a_line_without_end_does_not_block_one_that_waits() {
    // It gets to its stdin only where somebody reads what it says before.
    let watchdog = commanded(&child("stdio --stderr 8388608"), "1", &[]);
    let _ = watchdog.wait_for_log("a cut line", |line| {
        line["message"].as_str().is_some_and(|text| text.starts_with("xxx") && text.ends_with("[truncated]"))
    });
    assert_eq!(watchdog.invoke("e-1", &json!(1)).status, 200);
}

#[test]
fn what_it_prints_before_its_call_belongs_to_its_answer() {
    let ready = Gate::new();
    let script = format!("echo '[7,'; echo $$ > {}; cat >/dev/null; echo ' 8]'", ready.path());
    let watchdog = commanded(&sh(&script), "1", &[]);
    harness::eventually("a child", || std::path::Path::new(&ready.path()).exists().then_some(()));
    let answer = watchdog.invoke("e-1", &json!(1));
    assert_eq!((answer.status, answer.json()), (200, json!([7, 8])));
}

#[test]
fn one_that_prints_for_ever_costs_no_memory_and_its_call_is_told() {
    let watchdog = commanded(&sh("exec yes"), "2", &[]);
    let before = watchdog.process().memory_at_most();
    for id in ["e-1", "e-2", "e-3"] {
        let answer = watchdog.invoke(id, &json!(1));
        assert_eq!(answer.failure(), (500, "RUNTIME_OUTPUT_TOO_LARGE".to_owned()));
    }
    let after = watchdog.process().memory_at_most();
    assert!(after < before + BOUND, "{before} KiB, then {after} KiB");
}

#[test]
fn a_large_request_and_a_large_answer_pass() {
    let limit = "16777216";
    let extra = [("NANOFAAS_MAX_INPUT_BYTES", limit), ("NANOFAAS_MAX_OUTPUT_BYTES", limit)];
    let watchdog = commanded("cat", "1", &extra);
    let body = format!("{{\"input\":\"{}\"}}", "x".repeat(4 << 20));
    for id in ["e-1", "e-2"] {
        let _ = family_of(&watchdog, 1);
        let answer = watchdog.post(&[("X-Execution-Id", id)], &body);
        assert_eq!((answer.status, answer.body.len()), (200, body.len()));
    }
}

#[test]
fn a_request_that_is_never_read_does_not_hold_up_the_answer() {
    let watchdog = commanded(&sh("read -r first; exec 0<&-; echo 7"), "1", &[("NANOFAAS_MAX_INPUT_BYTES", "16777216")]);
    let _ = family_of(&watchdog, 1);
    let body = format!("{{\n\"input\":\"{}\"}}", "x".repeat(4 << 20));
    let answer = watchdog.post(&[("X-Execution-Id", "e-1")], body);
    assert_eq!((answer.status, answer.text().as_str()), (200, "7"));
}

#[test]
fn a_grandchild_from_before_the_call_holds_nobody_up() {
    let script = format!("sleep 600 & exec {}", child("stdio"));
    let watchdog = commanded(&sh(&script), "1", &[("TIMEOUT_MS", "20000")]);
    for id in ["e-1", "e-2"] {
        let both = family_of(&watchdog, 2);
        assert_eq!(watchdog.invoke(id, &json!(1)).status, 200, "{id}");
        for process in both {
            process.wait_until_gone();
        }
    }
}

#[test]
fn failures_are_told_as_ever() {
    let watchdog = waiting("1", &[("TIMEOUT_MS", "700"), ("WATCHDOG_KILL_GRACE_MS", "200")]);
    let never = Gate::new();
    for (input, status, code, word) in [
        (json!({ "stderr": "no ink left\n", "exit": 43 }), 500, "FUNCTION_ERROR", "no ink left"),
        (json!({ "exit": 43 }), 500, "FUNCTION_ERROR", "43"),
        (json!({ "abort": true }), 500, "FUNCTION_ERROR", "SIGABRT"),
        (json!({ "print": "no JSON" }), 500, "FUNCTION_ERROR", "no JSON"),
        (json!({ "blob_bytes": 2_000_000 }), 500, "RUNTIME_OUTPUT_TOO_LARGE", ""),
        (json!({ "gate": never.path() }), 504, "TIMEOUT", "700ms"),
    ] {
        let _ = family_of(&watchdog, 1);
        let answer = watchdog.invoke("e-1", &input);
        assert_eq!(answer.failure(), (status, code.to_owned()), "{input} {}", answer.text());
        assert!(answer.text().contains(word), "{input} {}", answer.text());
    }
    Process(never.entered_by()).wait_until_gone();
    assert_eq!(watchdog.invoke("e-2", &json!(1)).status, 200);
}
