//! A kept child that dies or hangs: seen at once, told to the caller, replaced.

use std::time::{Duration, Instant};

use harness::{Gate, Process, Watchdog, child, eventually, quote};
use serde_json::json;

/// A watchdog whose child starts through this gate, which is open for the first one.
fn behind(gate: &Gate, extra: &[(&str, &str)]) -> Watchdog {
    gate.open("");
    let watchdog = Watchdog::start("HTTP", &child(&format!("http --late {}", gate.path())), extra);
    gate.close();
    watchdog
}

/// Not ready, still serving its own paths, and refusing calls with a hint.
fn is_without_a_child(watchdog: &Watchdog) {
    assert_eq!((watchdog.get("/health").status, watchdog.get("/ready").status), (503, 503));
    assert_eq!(watchdog.get("/metrics").status, 200);
    assert_eq!(watchdog.invoke("refused", &json!(1)).refusal(), (503, "RUNTIME_NOT_READY".to_owned()));
}

#[test]
fn a_child_that_ends_during_a_call_is_told_and_replaced() {
    for (input, word) in [
        (json!({ "exit": 0 }), "0"),
        (json!({ "exit": 43 }), "43"),
        (json!({ "abort": true }), "SIGABRT"),
        (json!({ "sh": "kill -KILL $PPID" }), "SIGKILL"),
    ] {
        let gate = Gate::new();
        let watchdog = behind(&gate, &[]);
        let answer = watchdog.invoke("e-1", &input);
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{input}");
        assert!(answer.text().contains(word), "{input} {answer:?}");
        // Nothing opens the gate before: the replacement cannot be ready.
        is_without_a_child(&watchdog);
        let second = Process(gate.entered_by());
        is_without_a_child(&watchdog);
        gate.open("");
        watchdog.wait_for_status("/ready", 200);
        assert_eq!(watchdog.get("/health").status, 200, "{input}");
        assert_eq!(watchdog.child("e-2"), second, "{input}");
        watchdog.wait_for_metric("child_restarts_total", &["reason=\"crash\""], 1);
    }
}

#[test]
fn a_child_that_ends_between_calls_is_noticed_without_a_call() {
    for signal in ["KILL", "TERM"] {
        let gate = Gate::new();
        // No probe would come in time.
        let watchdog = behind(&gate, &[("WATCHDOG_HEALTH_INTERVAL_MS", "0")]);
        let first = watchdog.child("e-1");
        assert!(first.signal(signal));
        watchdog.wait_for_status("/ready", 503);
        is_without_a_child(&watchdog);
        gate.open("");
        watchdog.wait_for_status("/ready", 200);
        assert_ne!(watchdog.child("e-2"), first, "{signal}");
        assert!(watchdog.process().zombies().is_empty(), "{signal}");
    }
}

#[test]
fn all_calls_of_a_child_that_ends_are_answered() {
    let gate = Gate::new();
    let watchdog = behind(&gate, &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "4")]);
    let never = [Gate::new(), Gate::new(), Gate::new()];
    let mut callers: Vec<_> =
        never.iter().enumerate().map(|(number, gate)| watchdog.hold(&format!("e-{number}"), gate)).collect();
    assert!(Process(never[0].entered_by()).signal("KILL"));
    for caller in &mut callers {
        let answer = caller.answer().expect("an answer");
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()));
        assert!(answer.text().contains("SIGKILL"), "{answer:?}");
    }
}

#[test]
fn an_idle_child_that_hangs_is_noticed_and_replaced() {
    for health in ["deaf", "sick"] {
        let gate = Gate::new();
        let extra = [("WATCHDOG_HEALTH_INTERVAL_MS", "50"), ("WATCHDOG_KILL_GRACE_MS", "300")];
        let watchdog = behind(&gate, &extra);
        let first = watchdog.child("e-1");
        assert_eq!(watchdog.invoke("e-2", &json!({ "health": health })).status, 200, "{health}");
        watchdog.wait_for_status("/ready", 503);
        first.wait_until_gone();
        gate.open("");
        watchdog.wait_for_status("/ready", 200);
        assert_ne!(watchdog.child("e-3"), first, "{health}");
        watchdog.wait_for_metric("child_restarts_total", &["reason=\"hang\""], 1);
    }
}

#[test]
fn a_stopped_idle_child_is_replaced() {
    let extra = [("WATCHDOG_HEALTH_INTERVAL_MS", "50"), ("WATCHDOG_KILL_GRACE_MS", "300")];
    let watchdog = Watchdog::with_child("HTTP", &extra);
    let first = watchdog.child("e-1");
    assert!(first.signal("STOP"));
    first.wait_until_gone();
    watchdog.wait_for_status("/ready", 200);
    assert_ne!(watchdog.child("e-2"), first);
}

#[test]
fn a_long_call_is_not_taken_for_a_hanging_child() {
    let gate = Gate::new();
    let extra = [("WATCHDOG_HEALTH_INTERVAL_MS", "20"), ("WATCHDOG_KILL_GRACE_MS", "100")];
    let watchdog = Watchdog::with_child("HTTP", &extra);
    let mut caller = watchdog.hold("e-1", &gate);
    // Time for many probes, of which there is nothing to see from outside.
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(watchdog.get("/ready").status, 200);
    gate.open("");
    assert_eq!(caller.answer().expect("an answer").status, 200);
    assert!(watchdog.metric("child_restarts_total", &[]) < 0.5);
}

#[test]
fn a_child_that_answers_nothing_while_it_works_is_left_alone() {
    let gate = Gate::new();
    let extra = [("WATCHDOG_HEALTH_INTERVAL_MS", "20"), ("WATCHDOG_KILL_GRACE_MS", "100")];
    let watchdog = Watchdog::with_child("HTTP", &extra);
    let mut caller = watchdog.connect();
    // As one that has a single thread: it hears no question before its work is done.
    let input = json!({ "health": "deaf", "gate": gate.path() });
    caller.begin(&[("X-Execution-Id", "e-1")], &json!({ "input": input }).to_string());
    let child = Process(gate.entered_by());
    // Time for a question, the second that it may take and the grace.
    std::thread::sleep(Duration::from_millis(2500));
    assert!(child.is_alive() && watchdog.get("/ready").status == 200);
    gate.open("");
    assert_eq!(caller.answer().expect("an answer").status, 200);
}

#[test]
fn the_wait_before_a_replacement_grows() {
    let list = Gate::new();
    let pids = list.path();
    let watchdog = Watchdog::start("HTTP", &child(&format!("http --pids {}", quote(&pids))), &[]);
    let started = || -> Vec<Process> {
        let text = std::fs::read_to_string(&pids).unwrap_or_default();
        text.lines().filter_map(|pid| pid.parse().ok().map(Process)).collect()
    };
    let begin = Instant::now();
    for round in 0..3 {
        let child = eventually("another child", || started().get(round).copied());
        watchdog.wait_for_status("/ready", 200);
        assert!(child.signal("KILL"));
    }
    let _ = eventually("the last child", || started().get(3).copied());
    // 100 + 200 + 400 ms: a slow machine only takes longer.
    assert!(begin.elapsed() >= Duration::from_millis(500), "{:?}", begin.elapsed());
    assert_eq!(started().len(), 4);
}

#[test]
fn after_the_crash_limit_the_watchdog_ends_with_the_childs_status() {
    for (input, status) in [(json!({ "exit": 43 }), 43), (json!({ "sh": "kill -KILL $PPID" }), 128 + 9)] {
        let mut watchdog = Watchdog::with_child("HTTP", &[("WATCHDOG_CRASH_LIMIT", "3")]);
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
    let watchdog = Watchdog::with_child("HTTP", &[("WATCHDOG_CRASH_LIMIT", "2")]);
    for _ in 0..4 {
        assert_eq!(watchdog.invoke("e-1", &json!({ "exit": 43 })).status, 500);
        watchdog.wait_for_status("/ready", 200);
        assert_eq!(watchdog.invoke("e-2", &json!(1)).status, 200);
    }
    watchdog.wait_for_metric("child_restarts_total", &["reason=\"crash\""], 4);
}

#[test]
fn without_a_crash_limit_the_child_is_always_replaced() {
    let watchdog = Watchdog::with_child("HTTP", &[("WATCHDOG_CRASH_LIMIT", "0")]);
    for _ in 0..4 {
        watchdog.wait_for_status("/ready", 200);
        assert_eq!(watchdog.invoke("e-1", &json!({ "exit": 43 })).status, 500);
    }
    watchdog.wait_for_status("/ready", 200);
    assert_eq!(watchdog.invoke("e-2", &json!(1)).status, 200);
}

#[test]
fn what_a_dead_child_started_does_not_live_on() {
    let gate = Gate::new();
    let watchdog = behind(&gate, &[]);
    let answer = watchdog.invoke("e-1", &json!({ "sh": "sleep 600 & (trap '' TERM; sleep 600) &", "exit": 43 }));
    assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()));
    let second = Process(gate.entered_by());
    eventually("the end of the old group", || (watchdog.family() == [second]).then_some(()));
}

#[test]
fn a_stop_while_there_is_no_child_is_a_clean_one() {
    let gate = Gate::new();
    let mut watchdog = behind(&gate, &[]);
    assert_eq!(watchdog.invoke("e-1", &json!({ "exit": 43 })).status, 500);
    let _ = gate.entered_by();
    watchdog.stop();
    watchdog.wait_until_alone();
}
