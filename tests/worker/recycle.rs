//! A worker is replaced after a number of calls, and the watchdog ends after a time without any.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use harness::{Gate, Process, Watchdog, child, eventually};
use serde_json::json;

/// Makes 40 calls from six callers; how many each worker has served.
fn served(watchdog: &Watchdog) -> Vec<usize> {
    let next = AtomicUsize::new(0);
    let served = Mutex::new(HashMap::<u64, usize>::new());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= 40 {
                        break;
                    }
                    let pid = watchdog.report(&format!("e-{number}"))["pid"].as_u64().expect("a process id");
                    *served.lock().expect("no panic").entry(pid).or_default() += 1;
                }
            });
        }
    });
    served.into_inner().expect("no panic").into_values().collect()
}

#[test]
fn each_worker_serves_so_many_calls_and_none_is_lost() {
    let watchdog = Watchdog::with_child("WORKER", &[("WARM_MAX_INVOCATIONS", "5")]);
    assert_eq!(served(&watchdog), [5; 8]);
    assert!(watchdog.metric("child_restarts_total", &["reason=\"recycle\""]) >= 7.0);
    assert!(watchdog.metric("child_restarts_total", &["reason=\"crash\""]) < 0.5);
}

#[test]
fn with_several_workers_each_has_its_own_count() {
    let extra = [("WARM_MAX_INVOCATIONS", "5"), ("WATCHDOG_WORKERS", "3"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "3")];
    let watchdog = Watchdog::with_child("WORKER", &extra);
    let served = served(&watchdog);
    assert_eq!(served.iter().sum::<usize>(), 40, "{served:?}");
    assert!(served.iter().all(|calls| *calls <= 5), "{served:?}");
    assert!(watchdog.metric("child_restarts_total", &["reason=\"crash\""]) < 0.5);
    eventually("three workers", || (watchdog.family().len() == 3).then_some(()));
}

#[test]
fn one_that_is_replaced_is_gone() {
    let watchdog = Watchdog::with_child("WORKER", &[("WARM_MAX_INVOCATIONS", "1")]);
    let first = watchdog.child("e-1");
    let second = watchdog.child("e-2");
    assert_ne!(first, second);
    first.wait_until_gone();
    second.wait_until_gone();
    eventually("no zombie", || watchdog.process().zombies().is_empty().then_some(()));
}

#[test]
fn calls_wait_for_the_replacement_and_it_stays_ready() {
    let gate = Gate::new();
    gate.open("");
    let command = child(&format!("worker --late {}", gate.path()));
    let extra = [("WARM_MAX_INVOCATIONS", "1"), ("OW_WAIT_FOR_ACK", "true")];
    let watchdog = Watchdog::start("WORKER", &command, &extra);
    gate.close();
    let first = watchdog.child("e-1");
    let second = Process(gate.entered_by());
    let mut caller = watchdog.connect();
    caller.begin(&[("X-Execution-Id", "e-2")], r#"{"input":{"report":true}}"#);
    for _ in 0..3 {
        assert_eq!((watchdog.get("/health").status, watchdog.get("/ready").status), (200, 200));
    }
    gate.open("");
    let answer = caller.answer().expect("an answer");
    assert_eq!((answer.status, &answer.json()["pid"]), (200, &json!(second.0)));
    first.wait_until_gone();
}

#[test]
fn one_that_ignores_its_signal_is_replaced_all_the_same() {
    let script = format!("trap '' TERM; exec {}", child("worker"));
    let extra = [("WARM_MAX_INVOCATIONS", "1"), ("WATCHDOG_KILL_GRACE_MS", "200")];
    let watchdog = Watchdog::start("WORKER", &harness::sh(&script), &extra);
    let first = watchdog.child("e-1");
    assert_ne!(watchdog.child("e-2"), first);
    first.wait_until_gone();
}

#[test]
fn replacing_does_not_use_up_the_crash_limit() {
    let watchdog = Watchdog::with_child("WORKER", &[("WARM_MAX_INVOCATIONS", "1"), ("WATCHDOG_CRASH_LIMIT", "2")]);
    for number in 0..8 {
        let answer = watchdog.invoke(&format!("e-{number}"), &json!({ "print": "{\"error\":\"no\"}" }));
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{number}");
    }
}

#[test]
fn without_calls_the_watchdog_ends_with_0() {
    let mut watchdog = Watchdog::with_child("WORKER", &[("WARM_IDLE_TIMEOUT_MS", "500")]);
    assert_eq!(watchdog.wait().code(), Some(0), "{:#?}", watchdog.log());
    watchdog.wait_until_alone();
}

#[test]
fn each_reason_is_counted_as_what_it_is() {
    let extra = [("TIMEOUT_MS", "700"), ("WATCHDOG_KILL_GRACE_MS", "200"), ("WARM_MAX_INVOCATIONS", "3")];
    let watchdog = Watchdog::with_child("WORKER", &extra);
    let counted = |reason: &str| watchdog.metric("child_restarts_total", &[&format!("reason=\"{reason}\"")]);
    let next = |input: &serde_json::Value| {
        eventually("a worker", || Some(watchdog.invoke("e-1", input)).filter(|it| it.status != 503))
    };
    assert!(counted("crash") + counted("hang") + counted("recycle") < 0.5);
    assert_eq!(next(&json!({ "exit": 43 })).status, 500);
    watchdog.wait_for_metric("child_restarts_total", &["reason=\"crash\""], 1);
    let never = Gate::new();
    assert_eq!(next(&json!({ "gate": never.path() })).status, 504);
    watchdog.wait_for_metric("child_restarts_total", &["reason=\"hang\""], 1);
    for _ in 0..3 {
        assert_eq!(next(&json!(1)).status, 200);
    }
    watchdog.wait_for_metric("child_restarts_total", &["reason=\"recycle\""], 1);
    watchdog.wait_for_metric("child_restarts_total", &[], 3);
}
