//! Before the function is ready: its init is not done, or has failed.

use harness::{ControlPlane, Function, Gate, free_port};
use serde_json::json;

/// A function whose init waits at the gate.
fn starting(gate: &Gate, more: &[(&str, &str)]) -> Function {
    let port = free_port();
    let (path, number) = (gate.path(), port.to_string());
    let own = [("FUNCTION_HANDLER", "started"), ("INIT_GATE", path.as_str()), ("PORT", number.as_str())];
    let mut function = Function::spawn("specimen", &[&own, more].concat());
    gate.wait_until_entered();
    function.wait_until_listening(port);
    function
}

#[test]
fn until_init_is_done_the_function_is_neither_healthy_nor_ready() {
    let gate = Gate::new();
    let mut function = starting(&gate, &[]);
    let health = function.get("/health");
    assert_eq!((health.status, health.text().as_str()), (503, r#"{"status":"starting"}"#));
    assert_eq!(function.get("/ready").status, 503);
    assert_eq!(function.get("/metrics").status, 200);
    gate.open("");
    function.wait_until_ready();
    let health = function.get("/health");
    assert_eq!((health.status, health.text().as_str()), (200, r#"{"status":"ok"}"#));
    assert_eq!(function.get("/ready").status, 200);
}

#[test]
fn until_init_is_done_calls_are_refused_without_a_callback() {
    let plane = ControlPlane::start();
    let gate = Gate::new();
    let mut function = starting(&gate, &[("CALLBACK_URL", &plane.callback_url())]);
    let answer = function.invoke("e-1", &json!(null));
    assert_eq!(answer.refusal(), (503, "RUNTIME_NOT_READY".to_owned()));
    assert_eq!(answer.header("x-cold-start"), None);
    gate.open("");
    function.wait_until_ready();
    let answer = function.invoke("e-2", &json!(null));
    assert_eq!((answer.status, answer.json()), (200, json!("through the gate")));
    assert_eq!(answer.header("x-cold-start"), Some("true"));
    function.stop();
    assert!(plane.attempts("e-1").is_empty());
}

#[test]
fn an_init_that_fails_ends_the_process_with_1_and_its_message() {
    let gate = Gate::new();
    gate.open("fail");
    let ended = Function::run(
        "specimen",
        &[],
        &[("FUNCTION_HANDLER", "started"), ("INIT_GATE", &gate.path()), ("PORT", "0")],
        "",
    );
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("no database"), "{ended:?}");
}

#[test]
fn an_init_that_panics_ends_the_process_with_1() {
    let gate = Gate::new();
    gate.open("panic");
    let ended = Function::run(
        "specimen",
        &[],
        &[("FUNCTION_HANDLER", "started"), ("INIT_GATE", &gate.path()), ("PORT", "0")],
        "",
    );
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

#[test]
fn a_port_that_is_taken_ends_the_process_with_1_and_is_named() {
    let taken = Function::start("hello", &[]);
    let port = taken.address().port().to_string();
    let ended = Function::run("hello", &[], &[("PORT", &port)], "");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&port), "{ended:?}");
}

#[test]
fn a_stop_during_init_does_not_wait_for_it() {
    let gate = Gate::new();
    let mut function = starting(&gate, &[]);
    function.signal("TERM");
    assert!(function.wait().code().is_some(), "the signal killed it");
}
