//! One invocation from the environment through a worker, its callback, and the end.

use harness::{ControlPlane, Gate, Process, Watchdog, child, mark, sh};
use serde_json::{Value, json};

fn once(plane: &ControlPlane, command: &str, payload: &str, extra: &[(&str, &str)]) {
    let ended = Watchdog::once("WORKER", command, plane, payload, extra);
    assert_eq!(ended.code, Some(0), "{command} {payload} {ended:?}");
    assert_eq!(plane.completions().len(), 1, "{command} {payload}");
}

#[test]
fn a_success_is_called_back_and_ends_with_0() {
    for extra in [&[("TRACE_ID", "t-1")][..], &[("TRACE_ID", "t-1"), ("WATCHDOG_WORKERS", "3")]] {
        let plane = ControlPlane::start();
        once(&plane, &child("worker"), r#"{"n":1}"#, extra);
        let callback = plane.accepted("e-1");
        let expected = json!({ "success": true, "output": { "echo": { "n": 1 } }, "error": null });
        assert_eq!((callback.body(), callback.trace_id()), (&expected, Some("t-1")));
    }
}

#[test]
fn the_request_is_as_it_is_for_a_warm_one() {
    let plane = ControlPlane::start();
    once(&plane, &child("worker"), r#"{"input":{"line":true},"metadata":{}}"#, &[("TRACE_ID", "t-1")]);
    let output = plane.accepted("e-1").output().clone();
    let request: Value = serde_json::from_str(output.as_str().expect("a line")).expect("JSON");
    assert_eq!(request["value"], json!({ "input": { "line": true }, "metadata": {} }));
    let ids = ["execution_id", "activation_id", "trace_id"].map(|name| request[name].clone());
    assert_eq!(ids, ["e-1", "e-1", "t-1"].map(Value::from));
    assert!(request["deadline"].as_str().is_some_and(|text| text.parse::<u64>().is_ok()), "{request}");
}

#[test]
fn a_failure_of_any_kind_is_called_back_and_ends_with_0() {
    let never = Gate::new();
    let hang = json!({ "gate": never.path() }).to_string();
    let words = child("worker");
    for (command, payload, code) in [
        (words.as_str(), r#"{"exit":3}"#, "FUNCTION_ERROR"),
        (&words, r#"{"abort":true}"#, "FUNCTION_ERROR"),
        (&words, r#"{"print":"no JSON"}"#, "FUNCTION_ERROR"),
        (&words, r#"{"print":"{\"error\":\"no ink\"}"}"#, "FUNCTION_ERROR"),
        (&words, r#"{"blob_bytes":2000000}"#, "RUNTIME_OUTPUT_TOO_LARGE"),
        (&words, &hang, "TIMEOUT"),
        ("/nowhere/to-be-found", "1", "SPAWN_ERROR"),
    ] {
        let plane = ControlPlane::start();
        once(&plane, command, payload, &[("TIMEOUT_MS", "1500")]);
        assert_eq!(plane.accepted("e-1").error().expect("an error").code, code, "{payload}");
    }
}

#[test]
fn without_a_payload_the_value_is_null() {
    let plane = ControlPlane::start();
    once(&plane, &child("worker"), "", &[]);
    assert_eq!(plane.accepted("e-1").output(), &json!({ "echo": null }));
}

#[test]
fn nothing_is_left_behind() {
    let (plane, mark) = (ControlPlane::start(), mark());
    let payload = json!({ "sh": "sleep 600 >/dev/null 2>&1 &" }).to_string();
    once(&plane, &child("worker"), &payload, &[("NANOFAAS_TESTS_MARK", mark.as_str())]);
    harness::eventually("an empty machine", || {
        Process::marked(&format!("NANOFAAS_TESTS_MARK={mark}")).is_empty().then_some(())
    });
}

#[test]
fn a_worker_that_does_not_end_with_its_stdin_does_not_hold_up_the_end() {
    let plane = ControlPlane::start();
    let script = "read -r line; echo '[1]' >&3; trap '' TERM; while :; do sleep 1; done";
    once(&plane, &sh(script), "1", &[("WATCHDOG_KILL_GRACE_MS", "200")]);
    assert_eq!(plane.accepted("e-1").output(), &json!([1]));
}

#[test]
fn one_that_is_stopped_is_called_back_as_cancelled() {
    let (plane, gate) = (ControlPlane::start(), Gate::new());
    let (url, payload) = (plane.callback_url(), json!({ "gate": gate.path() }).to_string());
    let extra = [
        ("WARM", "false"),
        ("EXECUTION_ID", "e-1"),
        ("CALLBACK_URL", url.as_str()),
        ("INVOCATION_PAYLOAD", payload.as_str()),
        ("NANOFAAS_SHUTDOWN_TIMEOUT", "200"),
    ];
    let mut watchdog = Watchdog::spawn("WORKER", &child("worker"), &extra);
    let worker = Process(gate.entered_by());
    watchdog.signal("TERM");
    assert_eq!(watchdog.wait().code(), Some(0), "the callback was delivered");
    assert_eq!(plane.accepted("e-1").error().expect("an error").code, "INVOCATION_CANCELLED");
    assert!(!worker.is_alive());
}

#[test]
fn without_the_variable_a_worker_is_warm() {
    let mut watchdog = Watchdog::with_variables(&[
        ("EXECUTION_MODE", "WORKER"),
        ("WARM_PORT", "0"),
        ("WATCHDOG_CMD", &child("worker")),
    ]);
    watchdog.wait_until_ready();
    assert_eq!(watchdog.invoke("e-1", &json!(1)).json(), json!({ "echo": 1 }));
}
