//! What is sent, called back, logged and counted is the same, however a worker's call ends.

use harness::{Answer, ControlPlane, Gate, Watchdog, eventually};
use serde_json::{Value, json};

fn is(value: f64, expected: f64) -> bool {
    (value - expected).abs() < 0.5
}

/// Each way to end, and what everybody has to say of it.
fn ends(never: &Gate) -> Vec<(Value, u16, &'static str, &'static str)> {
    let envelope = json!({ "__nanofaas_envelope__": true, "output": 1, "statusCode": 404 }).to_string();
    vec![
        (json!(1), 200, "OK", "success"),
        (json!({ "print": "null" }), 200, "OK", "success"),
        (json!({ "print": envelope }), 404, "OK", "success"),
        (json!({ "print": "{\"error\":\"no ink\"}" }), 500, "FUNCTION_ERROR", "error"),
        (json!({ "print": "no JSON" }), 500, "FUNCTION_ERROR", "error"),
        (json!({ "blob_bytes": 2_000_000 }), 500, "RUNTIME_OUTPUT_TOO_LARGE", "error"),
        (json!({ "exit": 3 }), 500, "FUNCTION_ERROR", "error"),
        (json!({ "abort": true }), 500, "FUNCTION_ERROR", "error"),
        (json!({ "gate": never.path() }), 504, "TIMEOUT", "timeout"),
    ]
}

fn callback_agrees(plane: &ControlPlane, id: &str, outcome: &str, code: &str, answer: &Answer) {
    let callback = plane.accepted(id);
    if outcome == "success" {
        assert_eq!((callback.success(), callback.output()), (true, &answer.json()), "{id}");
    } else {
        let error = callback.error().expect("an error");
        assert_eq!((callback.success(), error.code.as_str()), (false, code), "{id}");
        assert_eq!((&json!(error.message), &answer.json()["code"]), (&answer.json()["error"], &json!(code)), "{id}");
    }
}

#[test]
fn answer_callback_log_and_metrics_say_the_same() {
    let (plane, never) = (ControlPlane::start(), Gate::new());
    let url = plane.callback_url();
    let extra = [
        ("TIMEOUT_MS", "700"),
        ("WATCHDOG_KILL_GRACE_MS", "200"),
        ("WATCHDOG_CRASH_LIMIT", "0"),
        ("CALLBACK_URL", url.as_str()),
    ];
    let mut watchdog = Watchdog::with_child("WORKER", &extra);
    let ends = ends(&never);
    for (number, (input, status, code, outcome)) in ends.iter().enumerate() {
        watchdog.wait_for_status("/ready", 200);
        watchdog.wait_for_metric("active_handlers", &[], 0);
        let id = format!("e-{number}");
        let counted = || watchdog.metric("invocations_total", &[&format!("outcome=\"{outcome}\"")]);
        let (of_this, of_all) = (counted(), watchdog.metric("invocations_total", &[]));
        let answer = watchdog.invoke(&id, input);
        assert_eq!(answer.status, *status, "{input} {}", answer.text());
        callback_agrees(&plane, &id, outcome, code, &answer);
        let line = watchdog.line(&id);
        assert_eq!((&line["status"], &line["code"]), (&json!(status), &json!(code)), "{input} {line}");
        eventually("the count", || is(counted(), of_this + 1.0).then_some(()));
        assert!(is(watchdog.metric("invocations_total", &[]), of_all + 1.0), "{input}: counted once");
    }
    watchdog.wait_for_metric("callback_deliveries_total", &[], ends.len().try_into().expect("a few"));
    watchdog.wait_for_status("/ready", 200);
    watchdog.stop();
    assert_eq!(plane.completions().len(), ends.len());
    for line in watchdog.log() {
        assert!(serde_json::from_str::<Value>(&line).is_ok_and(|line| line.is_object()), "{line}");
    }
}
