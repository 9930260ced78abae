//! Ready when the child is, and not before; a child that never gets there is told of at once.

use harness::{Gate, Process, Watchdog, child, free_port, quote, sh};
use serde_json::json;

/// A watchdog that listens and whose child waits at the gate, as this option of `child` says.
fn starting(option: &str, gate: &Gate, extra: &[(&str, &str)]) -> Watchdog {
    let port = free_port();
    let number = port.to_string();
    let command = child(&format!("http {option} {}", gate.path()));
    let mut watchdog = Watchdog::spawn("HTTP", &command, &[&[("WARM_PORT", number.as_str())], extra].concat());
    watchdog.wait_until_listening(port);
    watchdog
}

/// The line that tells why nothing starts.
fn error_line<'a>(log: &'a str, code: &str) -> &'a str {
    log.lines().find(|line| line.contains(code)).unwrap_or_else(|| panic!("no {code} in\n{log}"))
}

#[test]
fn it_is_ready_only_after_the_child_answers_its_health_url() {
    for option in ["--late", "--unready"] {
        let gate = Gate::new();
        let mut watchdog = starting(option, &gate, &[("READY_TIMEOUT_MS", "600000")]);
        for _ in 0..3 {
            let health = watchdog.get("/health");
            assert_eq!((health.status, health.text().as_str()), (503, r#"{"status":"starting"}"#), "{option}");
            assert_eq!(watchdog.get("/ready").status, 503, "{option}");
        }
        assert_eq!(watchdog.invoke("e-1", &json!(1)).refusal(), (503, "RUNTIME_NOT_READY".to_owned()), "{option}");
        assert_eq!(watchdog.get("/metrics").status, 200, "{option}");
        gate.open("");
        watchdog.wait_until_ready();
        let health = watchdog.get("/health");
        assert_eq!((health.status, health.text().as_str()), (200, r#"{"status":"ok"}"#), "{option}");
        assert_eq!(watchdog.get("/ready").status, 200, "{option}");
        assert_eq!(watchdog.invoke("e-2", &json!(1)).status, 200, "{option}");
    }
}

#[test]
fn a_health_url_of_the_childs_own_is_asked() {
    let port = free_port();
    let own = [
        ("RUNTIME_URL", format!("http://127.0.0.1:{port}/invoke")),
        ("HEALTH_URL", format!("http://127.0.0.1:{port}/nowhere")),
        ("READY_TIMEOUT_MS", "1000".to_owned()),
    ];
    let own: Vec<_> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let ended = Watchdog::run_warm("HTTP", &child("http"), &own);
    assert_eq!(ended.code, Some(1), "the child answers 404 there: {ended:?}");
}

#[test]
fn a_process_per_call_is_ready_without_one() {
    for mode in ["STDIO", "FILE"] {
        let watchdog = Watchdog::with_child(mode, &[]);
        assert_eq!((watchdog.get("/health").status, watchdog.get("/ready").status), (200, 200), "{mode}");
        assert!(watchdog.family().is_empty(), "{mode}");
    }
}

#[test]
fn a_child_that_exits_before_it_is_ready_ends_the_watchdog_at_once_with_its_status() {
    for (script, status, word) in [
        ("echo no database >&2; exit 3", 3, "3"),
        ("echo no database >&2; exit 0", 1, "0"),
        ("echo no database; exit 65", 65, "65"),
        ("echo no database >&2; kill -KILL $$", 128 + 9, "SIGKILL"),
    ] {
        // Far beyond what the test waits for.
        let ended = Watchdog::run_warm("HTTP", &sh(script), &[("READY_TIMEOUT_MS", "600000")]);
        assert_eq!(ended.code, Some(status), "{script} {ended:?}");
        let line = error_line(&ended.stderr, "STARTUP_ERROR");
        assert!(line.contains(word) && line.contains("no database"), "{script} {line}");
    }
}

#[test]
fn only_the_last_lines_of_a_child_that_did_not_start_are_repeated() {
    let script = "i=0; while [ $i -lt 1000 ]; do echo line $i of many >&2; i=$((i+1)); done; exit 3";
    let ended = Watchdog::run_warm("HTTP", &sh(script), &[]);
    let line = error_line(&ended.stderr, "STARTUP_ERROR");
    assert!(line.contains("line 999 of many") && !line.contains("line 0 of many"), "{line}");
}

#[test]
fn a_child_that_is_not_ready_in_time_is_killed_and_ends_the_watchdog_with_1() {
    for option in ["--late", "--unready"] {
        let (gate, dead) = (Gate::new(), Gate::new());
        let pids = dead.path();
        let command = child(&format!("http {option} {} --pids {}", gate.path(), quote(&pids)));
        let ended = Watchdog::run_warm("HTTP", &command, &[("READY_TIMEOUT_MS", "700")]);
        assert_eq!(ended.code, Some(1), "{option} {ended:?}");
        let _ = error_line(&ended.stderr, "STARTUP_ERROR");
        let pids = std::fs::read_to_string(pids).expect("a child was started");
        for pid in pids.lines() {
            assert!(!Process(pid.parse().expect("a process id")).is_alive(), "{option}");
        }
    }
}

#[test]
fn a_child_that_cannot_be_started_ends_the_watchdog_with_1() {
    let ended = Watchdog::run_warm("HTTP", "/nowhere/to-be-found --x", &[("READY_TIMEOUT_MS", "600000")]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(error_line(&ended.stderr, "SPAWN_ERROR").contains("/nowhere/to-be-found"), "{ended:?}");
}

#[test]
fn a_stop_during_the_start_does_not_wait_for_the_child() {
    let gate = Gate::new();
    let mut watchdog = starting("--late", &gate, &[("READY_TIMEOUT_MS", "600000")]);
    let child = Process(gate.entered_by());
    watchdog.signal("TERM");
    assert!(watchdog.wait().code().is_some(), "the signal killed it");
    assert!(!child.is_alive());
}

#[test]
fn a_child_whose_port_is_taken_ends_the_watchdog() {
    let (other, never) = (Watchdog::with_child("HTTP", &[]), Gate::new());
    let port = other.report("e-1")["environment"]["PORT"].as_str().expect("a port").to_owned();
    let url = format!("http://127.0.0.1:{port}/invoke");
    // The other one's answers are not taken for those of a child that does not listen yet.
    for command in [child("http"), child(&format!("http --late {}", never.path()))] {
        let ended = Watchdog::run_warm("HTTP", &command, &[("RUNTIME_URL", &url), ("READY_TIMEOUT_MS", "5000")]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let line = error_line(&ended.stderr, "STARTUP_ERROR");
        assert!(line.contains(&format!("port {port} is taken")), "{line}");
    }
}
