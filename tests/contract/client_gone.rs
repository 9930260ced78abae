//! Callers that hang up before the function has ended.

use harness::{ControlPlane, Function, Gate};
use serde_json::json;

const ID: [(&str, &str); 1] = [("X-Execution-Id", "e-1")];

#[test]
fn with_a_callback_the_function_runs_on_when_its_client_goes() {
    for handler in ["gate", "gate_blocking"] {
        let plane = ControlPlane::start();
        let mut function =
            Function::start("specimen", &[("FUNCTION_HANDLER", handler), ("CALLBACK_URL", &plane.callback_url())]);
        let gate = Gate::new();
        let mut client = function.connect();
        client.begin(&ID, &gate.body());
        gate.wait_until_entered();
        drop(client);
        // Two more requests: the first connection's end has been seen by now.
        assert_eq!(function.get("/health").status, 200);
        assert_eq!(function.get("/ready").status, 200);
        gate.open("");
        let callback = plane.accepted("e-1");
        assert_eq!(callback.body(), &json!({ "success": true, "output": "through", "error": null }), "{handler}");
        function.stop();
        assert_eq!(plane.attempts("e-1").len(), 1, "{handler}");
    }
}

#[test]
fn without_a_callback_the_function_is_cancelled_when_its_client_goes() {
    let function =
        Function::start("specimen", &[("FUNCTION_HANDLER", "gate"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "1")]);
    let gate = Gate::new();
    let mut client = function.connect();
    client.begin(&ID, &gate.body());
    gate.wait_until_entered();
    assert_eq!(function.invoke("e-2", &json!("/nowhere")).failure().0, 429);
    drop(client);
    function.wait_for_metric("active_handlers", &[], 0);
    let line = function
        .wait_for_log("the end of e-1", |line| line["message"] == "invocation" && line["execution_id"] == "e-1");
    assert_eq!(line["code"], "INVOCATION_CANCELLED");
    let next = Gate::new();
    next.open("");
    assert_eq!(function.invoke("e-3", &next.input()).status, 200);
}

#[test]
fn a_client_that_goes_while_it_sends_starts_nothing() {
    let plane = ControlPlane::start();
    let mut probe = Function::start("probe", &[("CALLBACK_URL", &plane.callback_url())]);
    let mut client = probe.connect();
    client.send(b"POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: e-1\r\ncontent-length: 100\r\n\r\n{\"input\":1}");
    drop(client);
    assert_eq!(probe.invoke("e-2", &json!(1)).status, 200);
    probe.stop();
    assert!(plane.attempts("e-1").is_empty());
    assert_eq!(plane.attempts("e-2").len(), 1);
}

#[test]
fn a_client_that_reads_nothing_harms_nobody() {
    let probe = Function::start("probe", &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "64")]);
    let silent: Vec<_> = (0..50)
        .map(|number| {
            let mut client = probe.connect();
            let id = format!("silent-{number}");
            client.begin(&[("X-Execution-Id", &id)], r#"{"input":{"blob_bytes":1000000}}"#);
            client
        })
        .collect();
    probe.wait_for_metric("invocations_total", &[], 50);
    assert_eq!(probe.invoke("e-1", &json!(1)).status, 200);
    assert_eq!(silent.len(), 50);
}

#[test]
fn a_retry_after_the_client_went_is_served() {
    let plane = ControlPlane::start();
    let function =
        Function::start("specimen", &[("FUNCTION_HANDLER", "gate"), ("CALLBACK_URL", &plane.callback_url())]);
    let (first, second) = (Gate::new(), Gate::new());
    let mut client = function.connect();
    client.begin(&[ID[0], ("X-Dispatch-Attempt", "1")], &first.body());
    first.wait_until_entered();
    drop(client);
    second.open("");
    let retry = function.post(&[ID[0], ("X-Dispatch-Attempt", "2")], second.body());
    assert_eq!(retry.status, 200);
    assert_eq!(plane.accepted("e-1").dispatch_attempt(), Some("2"));
    first.open("");
    let attempts: Vec<_> =
        plane.arrived("e-1", 2).iter().map(|attempt| attempt.dispatch_attempt().map(str::to_owned)).collect();
    assert_eq!(attempts, [Some("2".to_owned()), Some("1".to_owned())]);
}
