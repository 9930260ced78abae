//! A worker that dies: told to the caller, replaced, and not without end.

use std::time::{Duration, Instant};

use harness::{Answer, Gate, Process, Watchdog, child, eventually, quote};
use serde_json::{Value, json};

const ACK: (&str, &str) = ("OW_WAIT_FOR_ACK", "true");

fn next(watchdog: &Watchdog, input: &Value) -> Answer {
    eventually("a worker", || Some(watchdog.invoke("next", input)).filter(|it| it.status != 503))
}

#[test]
fn a_worker_that_dies_during_a_call_is_told_and_replaced() {
    for (input, word) in [
        (json!({ "stderr": "no ink left\n", "exit": 3 }), "the child exited with status 3 during the call"),
        (json!({ "stderr": "no ink left\n", "exit": 0 }), "0"),
        (json!({ "stderr": "no ink left\n", "abort": true }), "SIGABRT"),
        (json!({ "stderr": "no ink left\n", "sh": "kill -KILL $PPID" }), "SIGKILL"),
    ] {
        let watchdog = Watchdog::with_child("WORKER", &[]);
        let first = watchdog.child("e-0");
        let answer = watchdog.invoke("e-1", &input);
        assert_eq!(answer.refusal(), (500, "FUNCTION_ERROR".to_owned()), "{input}");
        assert!(answer.text().contains(word), "{input} {}", answer.text());
        assert!(answer.text().contains("no ink left"), "its last lines: {}", answer.text());
        assert_eq!(next(&watchdog, &json!(1)).json(), json!({ "echo": 1 }));
        assert_ne!(watchdog.child("e-2"), first, "{input}");
        watchdog.wait_for_metric("child_restarts_total", &["reason=\"crash\""], 1);
        eventually("no zombie", || watchdog.process().zombies().is_empty().then_some(()));
    }
}

#[test]
fn last_lines_are_those_of_this_worker() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    assert_eq!(watchdog.invoke("e-1", &json!({ "stderr": "of the first\n", "exit": 3 })).status, 500);
    let answer = next(&watchdog, &json!({ "stderr": "of the second\n", "exit": 4 }));
    let text = answer.text();
    assert!(text.contains("of the second") && text.contains("status 4") && !text.contains("of the first"), "{text}");
}

#[test]
fn a_worker_that_dies_between_calls_serves_none() {
    for signal in ["KILL", "TERM"] {
        let watchdog = Watchdog::with_child("WORKER", &[]);
        for number in 0..3 {
            let dead = watchdog.child(&format!("e-{number}"));
            assert!(dead.signal(signal));
            dead.wait_until_gone();
            // At once: nobody needs to have noticed yet. There may be none at the moment, but not a dead one.
            let answer = next(&watchdog, &json!({ "report": true }));
            assert_eq!(answer.status, 200, "{signal} {number} {}", answer.text());
            assert_ne!(answer.json()["pid"], json!(dead.0));
        }
        watchdog.wait_for_metric("child_restarts_total", &["reason=\"crash\""], 3);
    }
}

#[test]
fn one_that_dies_between_calls_is_noticed_without_a_call() {
    let gate = Gate::new();
    gate.open("");
    let watchdog = Watchdog::start("WORKER", &child(&format!("worker --late {}", gate.path())), &[ACK]);
    let first = watchdog.child("e-1");
    gate.close();
    assert!(first.signal("KILL"));
    watchdog.wait_for_status("/ready", 503);
    assert_eq!(watchdog.get("/health").status, 503);
    let second = Process(gate.entered_by());
    gate.open("");
    watchdog.wait_for_status("/ready", 200);
    assert_eq!(watchdog.child("e-2"), second);
}

#[test]
fn the_wait_before_a_replacement_grows() {
    let list = Gate::new();
    let pids = list.path();
    let watchdog = Watchdog::start("WORKER", &child(&format!("worker --pids {}", quote(&pids))), &[]);
    let started = || -> Vec<Process> {
        let text = std::fs::read_to_string(&pids).unwrap_or_default();
        text.lines().filter_map(|pid| pid.parse().ok().map(Process)).collect()
    };
    let begin = Instant::now();
    for round in 0..3 {
        let worker = eventually("another worker", || started().get(round).copied());
        watchdog.wait_for_status("/ready", 200);
        assert!(worker.signal("KILL"));
    }
    let _ = eventually("the last worker", || started().get(3).copied());
    // 100 + 200 + 400 ms: a slow machine only takes longer.
    assert!(begin.elapsed() >= Duration::from_millis(500), "{:?}", begin.elapsed());
    assert_eq!(started().len(), 4);
}

#[test]
fn after_the_crash_limit_the_watchdog_ends_with_the_workers_status() {
    for (input, status) in [(json!({ "exit": 43 }), 43), (json!({ "sh": "kill -KILL $PPID" }), 128 + 9)] {
        let mut watchdog = Watchdog::with_child("WORKER", &[("WATCHDOG_CRASH_LIMIT", "3")]);
        for _ in 0..3 {
            watchdog.wait_for_status("/ready", 200);
            let answer = watchdog.invoke("e-1", &input);
            assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{input}");
        }
        assert_eq!(watchdog.wait().code(), Some(status), "{input}");
        watchdog.wait_until_alone();
    }
}

#[test]
fn a_call_that_succeeds_between_is_a_new_begin() {
    let watchdog = Watchdog::with_child("WORKER", &[("WATCHDOG_CRASH_LIMIT", "2")]);
    for _ in 0..4 {
        assert_eq!(next(&watchdog, &json!({ "exit": 43 })).status, 500);
        assert_eq!(next(&watchdog, &json!(1)).status, 200);
    }
    watchdog.wait_for_metric("child_restarts_total", &["reason=\"crash\""], 4);
}

#[test]
fn without_a_crash_limit_the_worker_is_always_replaced() {
    let watchdog = Watchdog::with_child("WORKER", &[("WATCHDOG_CRASH_LIMIT", "0")]);
    for _ in 0..5 {
        assert_eq!(next(&watchdog, &json!({ "exit": 43 })).status, 500);
    }
    assert_eq!(next(&watchdog, &json!(1)).status, 200);
}

#[test]
fn errors_of_the_function_do_not_use_up_the_crash_limit() {
    let watchdog = Watchdog::with_child("WORKER", &[("WATCHDOG_CRASH_LIMIT", "2")]);
    let first = watchdog.child("e-0");
    for number in 0..5 {
        let answer = watchdog.invoke(&format!("e-{number}"), &json!({ "print": "{\"error\":\"no\"}" }));
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()));
    }
    assert_eq!(watchdog.child("e-9"), first);
}

#[test]
fn what_a_dead_worker_started_does_not_live_on() {
    let watchdog = Watchdog::with_child("WORKER", &[("WATCHDOG_KILL_GRACE_MS", "300")]);
    let script = "sleep 600 >/dev/null 2>&1 3>&- & (trap '' TERM; sleep 600) >/dev/null 2>&1 3>&- &";
    assert_eq!(watchdog.invoke("e-1", &json!({ "sh": script, "exit": 43 })).status, 500);
    let second = eventually("a worker", || {
        let answer = watchdog.invoke("e-2", &json!({ "report": true }));
        (answer.status == 200).then(|| answer.json()["pid"].clone())
    });
    eventually("the end of the old group", || match watchdog.family()[..] {
        [only] => (json!(only.0) == second).then_some(()),
        _ => None,
    });
}

#[test]
fn a_program_that_is_not_there_ends_the_watchdog_with_1() {
    let ended = Watchdog::run_warm("WORKER", "/nowhere/to-be-found --x", &[("READY_TIMEOUT_MS", "600000")]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let told = |line: &str| line.contains("SPAWN_ERROR") && line.contains("/nowhere/to-be-found");
    assert!(ended.stderr.lines().any(told), "{ended:?}");
}

#[test]
fn a_worker_that_always_dies_at_once_is_not_started_for_ever() {
    let mut watchdog =
        Watchdog::spawn("WORKER", &harness::sh("echo no ink >&2; exit 43"), &[("WATCHDOG_CRASH_LIMIT", "2")]);
    assert_eq!(watchdog.wait().code(), Some(43), "{:#?}", watchdog.log());
    assert!(watchdog.log().iter().any(|line| line.contains("no ink")));
}
