//! Probes: answered at once, whatever the function does.

use harness::{Connection, Function, Gate};
use serde_json::json;

/// All three probes answer 200.
fn is_alive(function: &Function) {
    let health = function.get("/health");
    assert_eq!((health.status, health.text().as_str()), (200, r#"{"status":"ok"}"#));
    assert_eq!(health.header("content-type"), Some("application/json"));
    assert_eq!(function.get("/ready").status, 200);
    let metrics = function.get("/metrics");
    assert_eq!(metrics.status, 200);
    assert!(metrics.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")), "{metrics:?}");
}

#[test]
fn a_function_that_idles_is_healthy_and_ready() {
    is_alive(&Function::start("hello", &[]));
}

#[test]
fn probes_need_no_execution_id_and_are_no_invocations() {
    let mut hello = Function::start("hello", &[]);
    is_alive(&hello);
    assert_eq!(hello.invoke("e-1", &json!("x")).header("x-cold-start"), Some("true"));
    hello.stop();
    assert_eq!(hello.log_lines(|line| line["message"] == "invocation").len(), 1);
}

#[test]
fn probes_are_answered_while_a_handler_burns_cpu() {
    probes_while(1);
}

#[test]
fn probes_are_answered_while_many_handlers_burn_cpu() {
    probes_while(16);
}

/// Round after round: help that came once must come again, also after quick calls in between.
fn probes_while(spinning: usize) {
    let function = Function::start("specimen", &[("FUNCTION_HANDLER", "gate_spinning")]);
    let open = Gate::new();
    open.open("");
    for round in 0..3 {
        for call in 0..100 {
            assert_eq!(function.invoke(&format!("quick-{call}"), &open.input()).status, 200);
        }
        probes_during(&function, spinning, round);
    }
}

/// The gate opens only after the probes were answered: a blocked event loop never gets there.
fn probes_during(function: &Function, spinning: usize, round: usize) {
    let gates: Vec<_> = (0..spinning).map(|_| Gate::new()).collect();
    let mut callers: Vec<Connection> = gates
        .iter()
        .enumerate()
        .map(|(number, gate)| {
            let mut caller = function.connect();
            caller.begin(&[("X-Execution-Id", &format!("e-{round}-{number}"))], &gate.body());
            caller
        })
        .collect();
    for gate in &gates {
        gate.wait_until_entered();
    }
    for _ in 0..3 {
        is_alive(function);
    }
    for gate in &gates {
        gate.open("");
    }
    for caller in &mut callers {
        assert_eq!(caller.answer().expect("an answer").status, 200);
    }
}

#[test]
fn the_probe_spins_and_other_calls_are_served() {
    let probe = Function::start("probe", &[("TIMEOUT_MS", "120000")]);
    let mut spinning: Vec<Connection> = (0..4)
        .map(|number| {
            let mut caller = probe.connect();
            caller.begin(&[("X-Execution-Id", &format!("spin-{number}"))], r#"{"input":{"spin_ms":5000}}"#);
            caller
        })
        .collect();
    probe.wait_for_metric("active_handlers", &[], 4);
    assert_eq!(probe.invoke("e-1", &json!(1)).status, 200);
    is_alive(&probe);
    assert!(probe.metric("active_handlers", &[]) >= 1.0, "the probes waited for the spinning");
    for caller in &mut spinning {
        assert_eq!(caller.answer().expect("an answer").status, 200);
    }
}

#[test]
fn probes_are_answered_while_blocking_handlers_fill_every_slot() {
    let function = Function::start(
        "specimen",
        &[("FUNCTION_HANDLER", "gate_blocking"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "3")],
    );
    let gate = Gate::new();
    let mut callers: Vec<Connection> = (0..3)
        .map(|number| {
            let mut caller = function.connect();
            caller.begin(&[("X-Execution-Id", &format!("e-{number}"))], &gate.body());
            caller
        })
        .collect();
    function.wait_for_metric("active_handlers", &[], 3);
    is_alive(&function);
    gate.open("");
    for caller in &mut callers {
        assert_eq!(caller.answer().expect("an answer").status, 200);
    }
}
