//! Functions that take longer than they may.

use harness::{ControlPlane, Function, Gate, eventually};
use serde_json::json;

fn late() -> (u16, String) {
    (504, "TIMEOUT".to_owned())
}

/// One slot, a deadline that is over soon, a handler that waits at a gate in its own way.
fn specimen(handler: &str, plane: &ControlPlane) -> Function {
    Function::start(
        "specimen",
        &[
            ("FUNCTION_HANDLER", handler),
            ("TIMEOUT_MS", "300"),
            ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "1"),
            ("CALLBACK_URL", &plane.callback_url()),
        ],
    )
}

#[test]
fn a_late_function_is_answered_with_its_time() {
    let probe = Function::start("probe", &[("TIMEOUT_MS", "150")]);
    let answer = probe.invoke("e-1", &json!({ "sleep_ms": 600_000 }));
    assert_eq!(answer.refusal(), late());
    assert_eq!(answer.json()["error"], "Function exceeded timeout of 150ms");
}

#[test]
fn a_late_function_is_called_back_once() {
    let plane = ControlPlane::start();
    let mut probe = Function::start("probe", &[("TIMEOUT_MS", "150"), ("CALLBACK_URL", &plane.callback_url())]);
    assert_eq!(probe.invoke("e-1", &json!({ "sleep_ms": 600_000 })).refusal(), late());
    let error = json!({ "code": "TIMEOUT", "message": "Function exceeded timeout of 150ms" });
    let expected = json!({ "success": false, "output": null, "error": error });
    assert_eq!(plane.accepted("e-1").body(), &expected);
    probe.stop();
    assert_eq!(plane.attempts("e-1").len(), 1);
}

#[test]
fn a_late_function_that_can_be_ended_gives_its_slot_back() {
    let plane = ControlPlane::start();
    let function = specimen("gate", &plane);
    assert_eq!(function.invoke("e-1", &Gate::new().input()).refusal(), late());
    let open = Gate::new();
    open.open("");
    eventually("a free slot", || (function.invoke("e-2", &open.input()).status == 200).then_some(()));
}

#[test]
fn a_late_function_that_cannot_be_ended_keeps_its_slot_until_it_ends() {
    for handler in ["gate_blocking", "gate_spinning"] {
        let plane = ControlPlane::start();
        let mut function = specimen(handler, &plane);
        let (gate, open) = (Gate::new(), Gate::new());
        open.open("");
        let mut caller = function.connect();
        caller.begin(&[("X-Execution-Id", "e-1")], &gate.body());
        gate.wait_until_entered();
        assert_eq!(caller.answer().expect("an answer").refusal(), late(), "{handler}");
        let saturated = (429, "RUNTIME_HANDLER_SATURATED".to_owned());
        assert_eq!(function.invoke("e-2", &open.input()).refusal(), saturated, "{handler}");
        let active = (429, "EXECUTION_ACTIVE".to_owned());
        assert_eq!(function.invoke("e-1", &open.input()).refusal(), active, "{handler}");
        assert!((function.metric("active_handlers", &[]) - 1.0).abs() < 0.5, "{handler}");
        assert_eq!(plane.accepted("e-1").error().expect("an error").code, "TIMEOUT", "{handler}");
        gate.open("");
        eventually("a free slot", || (function.invoke("e-3", &open.input()).status == 200).then_some(()));
        function.stop();
        assert_eq!(plane.attempts("e-1").len(), 1, "{handler}");
    }
}

#[test]
fn many_late_functions_that_spin_are_all_answered() {
    let function = Function::start("specimen", &[("FUNCTION_HANDLER", "gate_spinning"), ("TIMEOUT_MS", "500")]);
    let gates: Vec<_> = (0..8).map(|_| Gate::new()).collect();
    let mut callers: Vec<_> = gates
        .iter()
        .enumerate()
        .map(|(number, gate)| {
            let mut caller = function.connect();
            caller.begin(&[("X-Execution-Id", &format!("e-{number}"))], &gate.body());
            caller
        })
        .collect();
    for caller in &mut callers {
        assert_eq!(caller.answer().expect("an answer").refusal(), late());
    }
    for gate in &gates {
        gate.open("");
    }
    function.wait_for_metric("active_handlers", &[], 0);
}

#[test]
fn the_probe_spins_past_its_deadline_and_its_caller_does_not_wait() {
    let probe = Function::start("probe", &[("TIMEOUT_MS", "200"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "1")]);
    assert_eq!(probe.invoke("e-1", &json!({ "spin_ms": 5000 })).refusal(), late());
    assert_eq!(probe.invoke("e-2", &json!(1)).refusal(), (429, "RUNTIME_HANDLER_SATURATED".to_owned()));
    probe.wait_for_metric("active_handlers", &[], 0);
    assert_eq!(probe.invoke("e-3", &json!(1)).status, 200);
}

#[test]
fn a_function_learns_how_much_time_is_left() {
    let probe = Function::start("probe", &[("TIMEOUT_MS", "60000")]);
    let answer = probe.invoke("e-1", &json!({ "sleep_ms": 30, "context": true }));
    let left = answer.json()["context"]["remaining_ms"].as_u64().expect("a time");
    assert!((1..60_000 - 29).contains(&left), "{left}");
}
