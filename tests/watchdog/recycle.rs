//! A kept child is replaced after a number of calls, and the watchdog ends after a time without any.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use harness::{ControlPlane, Gate, Process, Watchdog, child};
use nanofaas::testing::Fault;
use serde_json::json;

/// Makes 40 calls from six callers; how many each child has served.
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
fn each_child_serves_so_many_calls_and_none_is_lost() {
    let watchdog = Watchdog::with_child("HTTP", &[("WARM_MAX_INVOCATIONS", "5")]);
    assert_eq!(served(&watchdog), [5; 8]);
    assert!(watchdog.metric("child_restarts_total", &["reason=\"recycle\""]) >= 7.0);
    assert!(watchdog.metric("child_restarts_total", &["reason=\"crash\""]) < 0.5);
}

#[test]
fn with_several_calls_at_once_none_is_lost_either() {
    let extra = [("WARM_MAX_INVOCATIONS", "5"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "4")];
    let watchdog = Watchdog::with_child("HTTP", &extra);
    let served = served(&watchdog);
    assert_eq!(served.iter().sum::<usize>(), 40, "{served:?}");
    // Those that run beside the last one may be above the number.
    assert!(served.iter().all(|calls| *calls <= 8), "{served:?}");
    assert!(watchdog.metric("child_restarts_total", &["reason=\"crash\""]) < 0.5);
}

#[test]
fn calls_wait_for_the_replacement_and_it_stays_ready() {
    let gate = Gate::new();
    gate.open("");
    let command = child(&format!("http --late {}", gate.path()));
    let watchdog = Watchdog::start("HTTP", &command, &[("WARM_MAX_INVOCATIONS", "1")]);
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
    assert_ne!(first, second);
    first.wait_until_gone();
}

#[test]
fn a_child_that_has_taken_all_its_calls_finishes_them() {
    let extra = [
        ("WARM_MAX_INVOCATIONS", "2"),
        ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "2"),
        ("WATCHDOG_HEALTH_INTERVAL_MS", "20"),
    ];
    let watchdog = Watchdog::with_child("HTTP", &extra);
    let gate = Gate::new();
    let mut caller = watchdog.hold("e-1", &gate);
    let first = Process(gate.entered_by());
    assert_eq!(watchdog.child("e-2"), first);
    // Time for many looks at it, of which there is nothing to see from outside.
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(first.is_alive(), "it was replaced at its work");
    gate.open("");
    assert_eq!(caller.answer().expect("an answer").status, 200);
    first.wait_until_gone();
}

#[test]
fn a_child_that_ignores_sigterm_is_replaced_all_the_same() {
    let script = format!("trap '' TERM; exec {}", child("http"));
    let extra = [("WARM_MAX_INVOCATIONS", "1"), ("WATCHDOG_KILL_GRACE_MS", "200")];
    let watchdog = Watchdog::start("HTTP", &harness::sh(&script), &extra);
    let first = watchdog.child("e-1");
    assert_ne!(watchdog.child("e-2"), first);
    first.wait_until_gone();
}

#[test]
fn replacing_does_not_use_up_the_crash_limit() {
    let watchdog = Watchdog::with_child("HTTP", &[("WARM_MAX_INVOCATIONS", "1"), ("WATCHDOG_CRASH_LIMIT", "2")]);
    for number in 0..8 {
        let answer = watchdog.invoke(&format!("e-{number}"), &json!({ "answer": { "status": 500 } }));
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{number}");
    }
}

#[test]
fn without_calls_the_watchdog_ends_with_0() {
    for mode in ["HTTP", "STDIO", "FILE"] {
        let mut watchdog = Watchdog::with_child(mode, &[("WARM_IDLE_TIMEOUT_MS", "500")]);
        assert_eq!(watchdog.wait().code(), Some(0), "{mode} {:#?}", watchdog.log());
        watchdog.wait_until_alone();
    }
}

#[test]
fn a_call_that_runs_is_no_idle_time() {
    for mode in ["HTTP", "STDIO"] {
        let gate = Gate::new();
        let mut watchdog = Watchdog::with_child(mode, &[("WARM_IDLE_TIMEOUT_MS", "1500")]);
        let mut caller = watchdog.hold("e-1", &gate);
        // Longer than the idle time: nothing tells when that would have passed.
        std::thread::sleep(std::time::Duration::from_millis(2500));
        assert_eq!(watchdog.get("/ready").status, 200, "{mode}: it ends while a call runs");
        gate.open("");
        assert_eq!(caller.answer().expect("an answer").status, 200, "{mode}");
        assert_eq!(watchdog.wait().code(), Some(0), "{mode}");
    }
}

#[test]
fn callbacks_are_delivered_before_an_idle_end() {
    let plane = ControlPlane::start();
    plane.fail_next([Fault::Status(503), Fault::Status(503)]);
    let extra = [
        ("WARM_IDLE_TIMEOUT_MS", "1000"),
        ("CALLBACK_URL", &*plane.callback_url()),
        ("NANOFAAS_SHUTDOWN_TIMEOUT", "30000"),
    ];
    let mut watchdog = Watchdog::with_child("STDIO", &extra);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).status, 200);
    assert_eq!(watchdog.wait().code(), Some(0));
    assert!(plane.accepted("e-1").success());
}

#[test]
fn a_planned_replacement_that_does_not_start_is_not_ready() {
    let dir = Gate::new();
    let flag = dir.path();
    // The second one ends before it is ready.
    let script = format!("if [ -e {flag} ]; then exit 3; fi; echo > {flag}; exec {}", child("http"));
    let watchdog =
        Watchdog::start("HTTP", &harness::sh(&script), &[("WARM_MAX_INVOCATIONS", "1"), ("WATCHDOG_CRASH_LIMIT", "0")]);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).status, 200);
    let _ = watchdog.wait_for_log("a failed start", |line| line["code"] == "STARTUP_ERROR");
    watchdog.wait_for_status("/ready", 503);
}
