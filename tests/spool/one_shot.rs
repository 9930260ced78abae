//! One invocation with a spool: it ends when its callback is delivered, stopped or too old.

use harness::{FlakyPlane, Function, Mood, Spool, Watchdog, eventually};
use serde_json::json;

use crate::subject::command;

/// The ways to run once. A watchdog is `WARM` only where it serves.
pub(crate) const KINDS: [&str; 5] = ["probe", "STDIO", "FILE", "HTTP", "WORKER"];

/// Starts the execution `e-1` with the input `n`.
pub(crate) fn spawn(kind: &str, plane: &FlakyPlane, spool: &Spool, n: u32, extra: &[(&str, &str)]) -> Function {
    let (url, path, payload) = (plane.callback_url(), spool.path(), json!({ "input": { "n": n } }).to_string());
    let own = [
        ("EXECUTION_ID", "e-1"),
        ("CALLBACK_URL", url.as_str()),
        ("INVOCATION_PAYLOAD", payload.as_str()),
        ("NANOFAAS_CALLBACK_SPOOL_DIR", path.as_str()),
    ];
    let all = [&own, extra].concat();
    if kind == "probe" {
        return Function::spawn("probe", &all);
    }
    let command = command(kind);
    let mode = [("EXECUTION_MODE", kind), ("WATCHDOG_CMD", &*command), ("RUNTIME_URL", "http://127.0.0.1:0/invoke")];
    let mut watchdog = std::process::Command::new(harness::binary("nanofaas-watchdog"));
    watchdog.env_clear().envs(mode).envs(all).envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    Function::launch(watchdog)
}

/// The input that a callback tells of.
pub(crate) fn n(delivery: &harness::Delivery) -> u64 {
    delivery.json()["output"]["echo"]["n"].as_u64().expect("an echo")
}

#[test]
fn it_is_tried_until_it_is_delivered() {
    for kind in KINDS {
        let (plane, spool) = (FlakyPlane::start(), Spool::new());
        plane.set(Mood::Status(503));
        let mut run = spawn(kind, &plane, &spool, 1, &[("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "1")]);
        let _ = plane.arrived("e-1", 3);
        assert_eq!(spool.ids(), ["e-1"], "{kind}");
        plane.set(Mood::Well);
        assert_eq!(run.wait().code(), Some(0), "{kind} {:#?}", run.log());
        assert_eq!(n(&plane.accepted("e-1")), 1, "{kind}");
        assert!(spool.entries().is_empty() && spool.lanes().is_empty(), "{kind}");
    }
}

#[test]
fn a_control_plane_that_comes_late_gets_it() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let mut run = spawn("probe", &plane, &spool, 1, &[]);
    eventually("an entry", || (spool.entries().len() == 1).then_some(()));
    plane.open();
    assert_eq!(run.wait().code(), Some(0));
    assert_eq!(plane.deliveries().len(), 1);
}

#[test]
fn one_that_is_stopped_leaves_it_and_ends_with_1() {
    for kind in KINDS {
        let (plane, spool) = (FlakyPlane::start(), Spool::new());
        plane.set(Mood::Status(503));
        let mut run = spawn(kind, &plane, &spool, 1, &[("NANOFAAS_SHUTDOWN_TIMEOUT", "200")]);
        let _ = plane.arrived("e-1", 1);
        run.signal("TERM");
        assert_eq!(run.wait().code(), Some(1), "{kind} {:#?}", run.log());
        assert_eq!(spool.ids(), ["e-1"], "{kind}");
    }
}

#[test]
fn one_that_grows_too_old_is_a_dead_letter_and_ends_with_1() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Status(503));
    let mut run = spawn("probe", &plane, &spool, 1, &[("NANOFAAS_CALLBACK_SPOOL_TTL", "500")]);
    assert_eq!(run.wait().code(), Some(1), "{:#?}", run.log());
    assert_eq!((spool.wait_for_dead("e-1").id(), spool.ids().len()), ("e-1".to_owned(), 0));
}

#[test]
fn a_final_answer_is_a_dead_letter_and_ends_with_1() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Status(404));
    let mut run = spawn("probe", &plane, &spool, 1, &[]);
    assert_eq!(run.wait().code(), Some(1), "{:#?}", run.log());
    assert_eq!(spool.dead().len(), 1);
    assert_eq!(plane.deliveries().len(), 1);
}

#[test]
fn what_others_left_is_delivered_while_it_is_there() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    for id in ["left-1", "left-2"] {
        spool.leave(id, &plane.callback_url(), 1000);
    }
    plane.set_for("e-1", Mood::Hold);
    let mut run = spawn("probe", &plane, &spool, 1, &[("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "600000")]);
    for id in ["left-1", "left-2"] {
        assert!(plane.accepted(id).is_accepted());
    }
    plane.set_for("e-1", Mood::Well);
    assert_eq!(run.wait().code(), Some(0));
}

#[test]
fn what_others_left_is_not_waited_for() {
    let (plane, dead, spool) = (FlakyPlane::start(), FlakyPlane::start(), Spool::new());
    dead.set(Mood::Hang);
    for number in 0..20 {
        spool.leave(&format!("left-{number}"), &dead.callback_url(), 60_000);
    }
    let mut run = spawn("probe", &plane, &spool, 1, &[("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "600000")]);
    assert_eq!(run.wait().code(), Some(0), "{:#?}", run.log());
    assert!(plane.accepted("e-1").is_accepted());
    assert_eq!(spool.entries().len(), 20, "somebody else's are still there");
}

#[test]
fn a_spool_that_cannot_be_used_ends_it_before_it_runs() {
    for kind in KINDS {
        let (plane, spool) = (FlakyPlane::start(), Spool::new());
        std::fs::write(spool.directory(), "a file").expect("a file");
        let mut run = spawn(kind, &plane, &spool, 1, &[]);
        assert_eq!(run.wait().code(), Some(64), "{kind} {:#?}", run.log());
        assert!(plane.deliveries().is_empty(), "{kind}");
    }
}

#[test]
fn a_watchdog_leaves_no_child_behind() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let url = plane.callback_url();
    let path = spool.path();
    let ended = Watchdog::run(
        &[],
        &[
            ("EXECUTION_ID", "e-1"),
            ("CALLBACK_URL", &url),
            ("INVOCATION_PAYLOAD", "1"),
            ("EXECUTION_MODE", "STDIO"),
            ("WATCHDOG_CMD", &command("STDIO")),
            ("NANOFAAS_CALLBACK_SPOOL_DIR", &path),
        ],
    );
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(spool.lanes().is_empty());
}
