//! Output without bounds.

use harness::{Process, Watchdog, child, sh};
use serde_json::json;

/// Far below what an unbounded child writes, far above what the watchdog needs. In KiB.
const BOUND: u64 = 64 * 1024;

fn too_large() -> (u16, String) {
    (500, "RUNTIME_OUTPUT_TOO_LARGE".to_owned())
}

#[test]
fn a_process_that_writes_for_ever_is_killed_and_the_watchdogs_memory_bounded() {
    let watchdog = Watchdog::with_child("STDIO", &[("TIMEOUT_MS", "600000")]);
    let before = watchdog.process().memory_at_most();
    for id in ["e-1", "e-2", "e-3"] {
        assert_eq!(watchdog.invoke(id, &json!({ "endless": true })).failure(), too_large());
        watchdog.wait_until_alone();
    }
    let after = watchdog.process().memory_at_most();
    assert!(after < before + BOUND, "{before} KiB, then {after} KiB");
    assert_eq!(watchdog.invoke("e-4", &json!(1)).status, 200);
}

#[test]
fn a_process_that_ignores_the_signal_is_killed_too() {
    let script = format!("trap '' TERM; exec {}", child("stdio"));
    let watchdog = Watchdog::start("STDIO", &sh(&script), &[("WATCHDOG_KILL_GRACE_MS", "100")]);
    assert_eq!(watchdog.invoke("e-1", &json!({ "endless": true })).failure(), too_large());
    watchdog.wait_until_alone();
}

#[test]
fn an_output_file_without_bounds_is_not_read_whole() {
    let script = "truncate -s 1000000000 \"$OUTPUT_FILE\"";
    let watchdog = Watchdog::start("FILE", &sh(script), &[]);
    let before = watchdog.process().memory_at_most();
    assert_eq!(watchdog.invoke("e-1", &json!(1)).failure(), too_large());
    let after = watchdog.process().memory_at_most();
    assert!(after < before + BOUND, "{before} KiB, then {after} KiB");
}

#[test]
fn an_http_answer_without_bounds_is_cut_off_and_the_child_lives() {
    let watchdog = Watchdog::with_child("HTTP", &[("TIMEOUT_MS", "600000")]);
    let child = watchdog.child("e-1");
    let before = watchdog.process().memory_at_most();
    for id in ["e-2", "e-3"] {
        assert_eq!(watchdog.invoke(id, &json!({ "endless": true })).failure(), too_large());
    }
    let after = watchdog.process().memory_at_most();
    assert!(after < before + BOUND, "{before} KiB, then {after} KiB");
    assert_eq!(watchdog.child("e-4"), child);
}

#[test]
fn an_output_at_the_limit_passes_and_one_above_it_does_not() {
    for mode in ["HTTP", "STDIO", "FILE"] {
        let watchdog = Watchdog::with_child(mode, &[("NANOFAAS_MAX_OUTPUT_BYTES", "1000")]);
        let print = |size: usize| json!({ "print": format!("\"{}\"", "x".repeat(size - 2)) });
        let answer = watchdog.invoke("e-1", &print(1000));
        assert_eq!((answer.status, answer.body.len()), (200, 1000), "{mode}");
        assert_eq!(watchdog.invoke("e-2", &print(1001)).failure(), too_large(), "{mode}");
        assert_eq!(watchdog.invoke("e-3", &print(1000)).status, 200, "{mode}");
    }
}

#[test]
fn stderr_without_bounds_neither_fills_the_memory_nor_ends_the_call() {
    let watchdog = Watchdog::start("STDIO", &sh("head -c 100000000 /dev/zero >&2; echo 7"), &[]);
    let before = watchdog.process().memory_at_most();
    assert_eq!(watchdog.invoke("e-1", &json!(1)).text(), "7");
    let after = watchdog.process().memory_at_most();
    assert!(after < before + BOUND, "{before} KiB, then {after} KiB");
}

#[test]
fn a_grandchild_that_writes_for_ever_is_killed_with_the_child() {
    let watchdog = Watchdog::start("STDIO", &sh("yes & echo $! >&2; wait"), &[]);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).failure(), too_large());
    let line = watchdog.wait_for_log("its id", |line| line["stream"] == "stderr");
    let grandchild = line["message"].as_str().and_then(|text| text.trim().parse().ok()).expect("a process id");
    Process(grandchild).wait_until_gone();
}
