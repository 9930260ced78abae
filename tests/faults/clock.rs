//! A clock that jumps: somebody sets it, or the machine was asleep.

use std::path::PathBuf;

use harness::{ControlPlane, Function, Gate, Scratch, skip};
use nanofaas::testing::Fault;
use serde_json::json;

use crate::is_healthy;

/// Where packages of libfaketime put it; `LIBFAKETIME` names another place.
fn library() -> Option<PathBuf> {
    let architecture = std::env::consts::ARCH;
    let places = [
        format!("/usr/lib/{architecture}-linux-gnu/faketime/libfaketimeMT.so.1"),
        "/usr/lib/faketime/libfaketimeMT.so.1".to_owned(),
        "/usr/lib64/faketime/libfaketimeMT.so.1".to_owned(),
    ];
    let named = std::env::var_os("LIBFAKETIME").map(PathBuf::from);
    let found = named.into_iter().chain(places.map(PathBuf::from)).find(|place| place.exists());
    if found.is_none() {
        skip("libfaketime is not installed: no clock can be set");
    }
    found
}

#[test]
fn a_clock_that_is_set_ends_no_call_no_connection_and_no_wait() {
    let Some(library) = library() else { return };
    let scratch = Scratch::new();
    let clock = scratch.path().join("clock");
    let set = |offset: &str| {
        let draft = scratch.path().join("draft");
        std::fs::write(&draft, offset).expect("a file");
        std::fs::rename(draft, &clock).expect("a file");
    };
    set("+0");
    let plane = ControlPlane::start();
    plane.fail_next([Fault::RetryAfter(503, 1)]);
    let text = |path: &std::path::Path| path.display().to_string();
    let more = [
        ("FUNCTION_HANDLER", "gate".to_owned()),
        ("LD_PRELOAD", text(&library)),
        ("FAKETIME_TIMESTAMP_FILE", text(&clock)),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        // Programs measure time with this one, and nobody can set it.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("CALLBACK_URL", plane.callback_url()),
        ("TIMEOUT_MS", "60000".to_owned()),
    ];
    let function = Function::start("specimen", &more.each_ref().map(|(name, value)| (*name, value.as_str())));
    let mut idle = function.connect();
    assert_eq!(idle.request("GET", "/ready", &[], b"").status, 200);
    for (number, offset) in ["+400d", "-400d", "+0"].iter().enumerate() {
        let gate = Gate::new();
        let id = format!("e-{number}");
        let mut caller = function.connect();
        caller.begin(&[("X-Execution-Id", &id)], &gate.body());
        gate.wait_until_entered();
        set(offset);
        is_healthy(&function);
        gate.open("");
        assert_eq!(caller.answer().expect("an answer").json(), json!("through"), "{offset}");
        assert!(plane.accepted(&id).success(), "{offset}");
        assert_eq!(idle.request("GET", "/ready", &[], b"").status, 200, "{offset}");
    }
    let years: std::collections::BTreeSet<_> = function
        .log_lines(|line| line["message"] == "invocation")
        .iter()
        .map(|line| line["timestamp"].as_str().unwrap_or_default()[..4].to_owned())
        .collect();
    assert!(years.len() > 1, "the clock was not set: {years:?}");
}
