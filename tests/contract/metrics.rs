//! What Prometheus reads.

use harness::{ControlPlane, Function, Gate};
use nanofaas::testing::Fault;
use serde_json::json;

fn is(value: f64, expected: u32) -> bool {
    (value - f64::from(expected)).abs() < 0.5
}

#[test]
fn the_names_are_those_of_other_sdks() {
    let hello = Function::start("hello", &[]);
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
    let text = hello.get("/metrics").text();
    for (name, kind) in [
        ("invocations_total", "counter"),
        ("handler_duration_seconds", "histogram"),
        ("active_handlers", "gauge"),
        ("cold_starts_total", "counter"),
        ("callback_drops_total", "counter"),
    ] {
        let line = format!("# TYPE nanofaas_runtime_{name} {kind}");
        assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
    }
}

#[test]
fn every_line_is_a_comment_or_a_sample() {
    let probe = Function::start("probe", &[("FUNCTION_NAME", "a \"b\"\\c")]);
    assert_eq!(probe.invoke("e-1", &json!(1)).status, 200);
    let text = probe.get("/metrics").text();
    assert!(text.ends_with('\n'));
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        assert!(name.starts_with("nanofaas_runtime_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(name.contains(r#"function="a \"b\"\\c""#), "{line}");
    }
}

#[test]
fn invocations_are_counted_by_how_they_ended() {
    let probe = Function::start("probe", &[("TIMEOUT_MS", "300")]);
    for (id, input) in [
        ("e-1", json!(1)),
        ("e-2", json!(2)),
        ("e-3", json!({ "fail": true })),
        ("e-4", json!({ "panic": true })),
        ("e-5", json!({ "sleep_ms": 600_000 })),
    ] {
        let _ = probe.invoke(id, &input);
    }
    for (outcome, count) in [("success", 2), ("error", 2), ("timeout", 1)] {
        let value = probe.metric("invocations_total", &[&format!("outcome=\"{outcome}\"")]);
        assert!(is(value, count), "{outcome}: {value}");
    }
    assert!(is(probe.metric("invocations_total", &[]), 5));
    assert!(is(probe.metric("handler_duration_seconds_count", &[]), 5));
    assert!(is(probe.metric("handler_duration_seconds_bucket", &["le=\"+Inf\""]), 5));
    assert!(probe.metric("handler_duration_seconds_sum", &[]) >= 0.3);
}

#[test]
fn refusals_are_counted_by_code() {
    let probe = Function::start("probe", &[("NANOFAAS_MAX_INPUT_BYTES", "100")]);
    for _ in 0..2 {
        let _ = probe.post(&[], "{}");
    }
    let _ = probe.post(&[("X-Execution-Id", "e-1")], "[]");
    let _ = probe.post(&[("X-Execution-Id", "e-1")], "x".repeat(200));
    for (code, count) in [("EXECUTION_ID_REQUIRED", 2), ("INVALID_REQUEST", 1), ("RUNTIME_INPUT_TOO_LARGE", 1)] {
        let value = probe.metric("refusals_total", &[&format!("code=\"{code}\"")]);
        assert!(is(value, count), "{code}: {value}");
    }
    assert!(is(probe.metric("invocations_total", &[]), 0));
}

#[test]
fn active_handlers_rise_and_fall() {
    let function = Function::start("specimen", &[("FUNCTION_HANDLER", "gate")]);
    let gate = Gate::new();
    let mut callers: Vec<_> = (0..3)
        .map(|number| {
            let mut caller = function.connect();
            caller.begin(&[("X-Execution-Id", &format!("e-{number}"))], &gate.body());
            caller
        })
        .collect();
    function.wait_for_metric("active_handlers", &[], 3);
    gate.open("");
    for caller in &mut callers {
        assert_eq!(caller.answer().expect("an answer").status, 200);
    }
    function.wait_for_metric("active_handlers", &[], 0);
}

#[test]
fn callbacks_are_counted_as_delivered_retried_and_dropped() {
    let plane = ControlPlane::start();
    let probe = Function::start("probe", &[("CALLBACK_URL", &plane.callback_url())]);
    assert!(is(probe.metric("callback_drops_total", &[]), 0));
    plane.fail_next([Fault::Status(503)]);
    let _ = probe.invoke("e-1", &json!(1));
    probe.wait_for_metric("callback_deliveries_total", &[], 1);
    assert!(is(probe.metric("callback_retries_total", &[]), 1));
    plane.fail_next([Fault::Status(400)]);
    let _ = probe.invoke("e-2", &json!(1));
    probe.wait_for_metric("callback_drops_total", &[], 1);
    probe.wait_for_metric("pending_callbacks", &[], 0);
}

#[test]
fn a_callback_that_waits_is_seen_as_pending() {
    let plane = ControlPlane::start();
    plane.fail_always(Fault::Hang);
    let probe = Function::start("probe", &[("CALLBACK_URL", &plane.callback_url())]);
    let _ = probe.invoke("e-1", &json!(1));
    probe.wait_for_metric("pending_callbacks", &[], 1);
}
