//! Pipes of a worker that are full, or that it does not read.

use harness::{Answer, Watchdog, child, eventually, sh};
use serde_json::{Value, json};

/// Far below what an unbounded child writes, far above what the watchdog needs. In KiB.
const BOUND: u64 = 64 * 1024;
const LIMIT: &str = "16777216";
const ROOMY: [(&str, &str); 3] =
    [("NANOFAAS_MAX_INPUT_BYTES", LIMIT), ("NANOFAAS_MAX_OUTPUT_BYTES", LIMIT), ("TIMEOUT_MS", "600000")];

fn next(watchdog: &Watchdog, input: &Value) -> Answer {
    eventually("a worker", || Some(watchdog.invoke("next", input)).filter(|it| it.status != 503))
}

#[test]
fn much_on_stderr_before_a_request_is_read_does_not_block() {
    let watchdog = Watchdog::start("WORKER", &child("worker --stderr 8388608"), &ROOMY);
    let text = "x".repeat(1 << 20);
    let answer = watchdog.invoke("e-1", &json!({ "text": text }));
    assert_eq!((answer.status, answer.json()["echo"]["text"].as_str()), (200, Some(text.as_str())));
}

#[test]
fn floods_on_both_streams_do_not_block_an_answer() {
    let watchdog = Watchdog::with_child("WORKER", &ROOMY);
    let first = watchdog.child("e-0");
    let lines = "no ink left in this pen\n".repeat(40_000);
    for id in ["e-1", "e-2"] {
        let answer = watchdog.invoke(id, &json!({ "stdout": lines, "stderr": lines, "print": "[1]" }));
        assert_eq!((answer.status, answer.json()), (200, json!([1])));
    }
    assert_eq!(watchdog.child("e-3"), first);
}

#[test]
fn streams_without_bounds_fill_no_memory() {
    let watchdog = Watchdog::with_child("WORKER", &[("TIMEOUT_MS", "600000")]);
    let before = watchdog.process().memory_at_most();
    let script = "head -c 100000000 /dev/zero >&2; head -c 100000000 /dev/zero";
    assert_eq!(watchdog.invoke("e-1", &json!({ "sh": script })).json()["echo"]["sh"], script);
    let after = watchdog.process().memory_at_most();
    assert!(after < before + BOUND, "{before} KiB, then {after} KiB");
}

#[test]
fn a_flood_between_calls_does_not_block_the_next_one() {
    let watchdog = Watchdog::with_child("WORKER", &ROOMY);
    let first = watchdog.child("e-0");
    for id in ["e-1", "e-2", "e-3"] {
        let after = json!({ "sh": "head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero" });
        let answer = watchdog.invoke(id, &json!({ "print": "[1]", "after": after }));
        assert_eq!((answer.status, answer.json()), (200, json!([1])), "{id}");
    }
    assert_eq!(watchdog.child("e-4"), first);
}

#[test]
fn one_that_reads_nothing_of_a_large_request_times_out_and_is_replaced() {
    let extra = [("NANOFAAS_MAX_INPUT_BYTES", LIMIT), ("TIMEOUT_MS", "700"), ("WATCHDOG_KILL_GRACE_MS", "200")];
    let watchdog = Watchdog::start("WORKER", &sh("exec sleep 600"), &extra);
    let body = format!("{{\"input\":\"{}\"}}", "x".repeat(4 << 20));
    for id in ["e-1", "e-2"] {
        let first = eventually("a worker", || watchdog.family().first().copied());
        let answer = eventually("a worker that takes it", || {
            Some(watchdog.post(&[("X-Execution-Id", id)], &body)).filter(|answer| answer.status != 503)
        });
        assert_eq!(answer.failure(), (504, "TIMEOUT".to_owned()));
        first.wait_until_gone();
    }
}

#[test]
fn one_that_answers_before_it_has_read_its_request_is_taken_at_its_word_or_ended() {
    let script = "head -c 10 >/dev/null; echo '\"early\"' >&3; exec sleep 600";
    let extra = [("NANOFAAS_MAX_INPUT_BYTES", LIMIT), ("TIMEOUT_MS", "3000"), ("WATCHDOG_KILL_GRACE_MS", "200")];
    let watchdog = Watchdog::start("WORKER", &sh(script), &extra);
    let body = format!("{{\"input\":\"{}\"}}", "x".repeat(4 << 20));
    let answer = watchdog.post(&[("X-Execution-Id", "e-1")], body);
    assert!(answer.text() == "\"early\"" || [500, 504].contains(&answer.status), "{}", answer.text());
    assert!(watchdog.process().is_alive());
}

#[test]
fn large_lines_in_both_directions_pass() {
    let watchdog = Watchdog::with_child("WORKER", &ROOMY);
    let first = watchdog.child("e-0");
    let text = "größe\n\"".repeat(500_000);
    for id in ["e-1", "e-2", "e-3"] {
        let answer = watchdog.invoke(id, &json!({ "text": text }));
        assert_eq!((answer.status, answer.json()["echo"]["text"].as_str()), (200, Some(text.as_str())), "{id}");
    }
    assert_eq!(watchdog.child("e-4"), first);
}

#[test]
fn lines_that_are_too_large_again_and_again_cost_no_memory() {
    let extra = [("WATCHDOG_CRASH_LIMIT", "0"), ("WATCHDOG_KILL_GRACE_MS", "200"), ("TIMEOUT_MS", "600000")];
    let watchdog = Watchdog::with_child("WORKER", &extra);
    let before = watchdog.process().memory_at_most();
    for _ in 0..3 {
        let answer = next(&watchdog, &json!({ "endless": true }));
        assert_eq!(answer.failure(), (500, "RUNTIME_OUTPUT_TOO_LARGE".to_owned()));
    }
    let after = watchdog.process().memory_at_most();
    assert!(after < before + BOUND, "{before} KiB, then {after} KiB");
    assert_eq!(next(&watchdog, &json!(1)).json(), json!({ "echo": 1 }));
}

#[test]
fn many_calls_leave_memory_and_descriptors_as_they_were() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    let mut connection = watchdog.connect();
    let mut calls = |count: u32| {
        for number in 0..count {
            let body = json!({ "input": { "n": number, "stderr": "a line\n" } }).to_string();
            let headers = [("X-Execution-Id", "e-1")];
            assert_eq!(connection.request("POST", "/invoke", &headers, body.as_bytes()).status, 200);
        }
    };
    calls(500);
    let (descriptors, memory) = (watchdog.process().descriptors(), watchdog.process().memory());
    calls(2_000);
    assert!(watchdog.process().descriptors() <= descriptors + 2);
    let now = watchdog.process().memory();
    assert!(now < memory + 8 * 1024, "{memory} KiB, then {now} KiB");
}
