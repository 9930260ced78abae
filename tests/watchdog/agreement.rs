//! What is sent, called back, logged and counted is the same, however a call ends.

use harness::{ControlPlane, Gate, Watchdog, eventually};
use serde_json::{Value, json};

/// One way to end, and what everybody has to say of it.
struct End {
    input: Value,
    status: u16,
    code: &'static str,
    outcome: &'static str,
}

fn end(input: Value, status: u16, code: &'static str, outcome: &'static str) -> End {
    End { input, status, code, outcome }
}

/// Ends that each mode has.
fn ends(never: &Gate) -> Vec<End> {
    vec![
        end(json!(1), 200, "OK", "success"),
        end(json!({ "print": "null" }), 200, "OK", "success"),
        end(json!({ "print": "no JSON" }), 500, "FUNCTION_ERROR", "error"),
        end(json!({ "blob_bytes": 2_000_000 }), 500, "RUNTIME_OUTPUT_TOO_LARGE", "error"),
        end(json!({ "exit": 3 }), 500, "FUNCTION_ERROR", "error"),
        end(json!({ "abort": true }), 500, "FUNCTION_ERROR", "error"),
        end(json!({ "gate": never.path() }), 504, "TIMEOUT", "timeout"),
    ]
}

/// Ends that only one mode has.
fn own_ends(mode: &str) -> Vec<End> {
    let marked = json!({ "x-nanofaas-function-status": "true" });
    let answer =
        |status: u16, headers: &Value| json!({ "answer": { "status": status, "headers": headers, "body": [1] } });
    let envelope = json!({ "__nanofaas_envelope__": true, "output": 1, "statusCode": 404 }).to_string();
    match mode {
        "HTTP" => vec![
            end(answer(404, &marked), 404, "OK", "success"),
            end(answer(404, &json!({})), 404, "FUNCTION_ERROR", "error"),
            end(answer(503, &json!({})), 503, "FUNCTION_ERROR", "error"),
            end(json!({ "raw": "" }), 500, "FUNCTION_ERROR", "error"),
        ],
        _ => vec![end(json!({ "print": envelope }), 404, "OK", "success")],
    }
}

fn is(value: f64, expected: f64) -> bool {
    (value - expected).abs() < 0.5
}

/// Invokes, and compares everything that can be known of the call.
fn all_agree(watchdog: &Watchdog, plane: &ControlPlane, id: &str, end: &End) {
    let counted = || watchdog.metric("invocations_total", &[&format!("outcome=\"{}\"", end.outcome)]);
    let (of_this, of_all) = (counted(), watchdog.metric("invocations_total", &[]));
    let timed = watchdog.metric("handler_duration_seconds_count", &[]);
    let seconds = watchdog.metric("handler_duration_seconds_sum", &[]);

    let answer = watchdog.invoke(id, &end.input);
    assert_eq!(answer.status, end.status, "{} {answer:?}", end.input);

    let callback = plane.accepted(id);
    let line = watchdog.line(id);
    assert_eq!((&line["status"], &line["code"]), (&json!(end.status), &json!(end.code)), "{} {line}", end.input);
    if end.outcome == "success" {
        assert_eq!((callback.success(), callback.output()), (true, &answer.json()), "{}", end.input);
        assert_eq!(callback.error(), None, "{}", end.input);
    } else {
        let error = callback.error().expect("an error");
        assert_eq!((callback.success(), callback.output()), (false, &json!(null)), "{}", end.input);
        assert_eq!((error.code.as_str(), &json!(error.message)), (end.code, &answer.json()["error"]), "{}", end.input);
        assert_eq!(answer.json()["code"], end.code, "{}", end.input);
    }

    assert!(is(counted(), of_this + 1.0), "{}: counted as {}", end.input, end.outcome);
    assert!(is(watchdog.metric("invocations_total", &[]), of_all + 1.0), "{}: counted once", end.input);
    assert!(is(watchdog.metric("handler_duration_seconds_count", &[]), timed + 1.0), "{}", end.input);
    let counted_ms = (watchdog.metric("handler_duration_seconds_sum", &[]) - seconds) * 1000.0;
    let logged_ms = line["duration_ms"].as_f64().expect("a duration");
    assert!((counted_ms - logged_ms).abs() < 1.0, "{}: {counted_ms} ms counted, {logged_ms} ms logged", end.input);
}

#[test]
fn answer_callback_log_and_metrics_say_the_same() {
    for mode in ["HTTP", "STDIO", "FILE"] {
        let (plane, never) = (ControlPlane::start(), Gate::new());
        let url = plane.callback_url();
        let extra = [
            ("TIMEOUT_MS", "700"),
            ("WATCHDOG_KILL_GRACE_MS", "200"),
            ("WATCHDOG_CRASH_LIMIT", "0"),
            ("CALLBACK_URL", url.as_str()),
        ];
        let mut watchdog = Watchdog::with_child(mode, &extra);
        let ends: Vec<_> = ends(&never).into_iter().chain(own_ends(mode)).collect();
        for (number, end) in ends.iter().enumerate() {
            watchdog.wait_for_status("/ready", 200);
            all_agree(&watchdog, &plane, &format!("e-{number}"), end);
        }
        watchdog.wait_for_metric("callback_deliveries_total", &[], ends.len().try_into().expect("a few"));
        watchdog.wait_for_status("/ready", 200);
        watchdog.stop();
        assert_eq!(plane.completions().len(), ends.len(), "{mode}");
    }
}

#[test]
fn a_child_that_cannot_be_started_is_told_everywhere_alike() {
    let plane = ControlPlane::start();
    let watchdog = Watchdog::start("STDIO", "/nowhere/to-be-found", &[("CALLBACK_URL", &plane.callback_url())]);
    all_agree(&watchdog, &plane, "e-1", &end(json!(1), 500, "SPAWN_ERROR", "error"));
}

#[test]
fn a_client_that_went_is_told_in_the_log_and_the_metrics() {
    let watchdog = Watchdog::with_child("STDIO", &[("TIMEOUT_MS", "600000")]);
    let gate = Gate::new();
    drop(watchdog.hold("e-1", &gate));
    let line = watchdog.line("e-1");
    assert_eq!(line["code"], "INVOCATION_CANCELLED");
    watchdog.wait_for_metric("invocations_total", &["outcome=\"cancelled\""], 1);
    assert!(is(watchdog.metric("invocations_total", &[]), 1.0));
}

#[test]
fn a_call_that_was_refused_is_counted_and_logged_as_such_and_not_called_back() {
    let plane = ControlPlane::start();
    let extra = [("WATCHDOG_QUEUE", "0"), ("CALLBACK_URL", &*plane.callback_url())];
    let mut watchdog = Watchdog::with_child("STDIO", &extra);
    let gate = Gate::new();
    let mut running = watchdog.hold("e-1", &gate);
    assert_eq!(watchdog.invoke("e-2", &json!(1)).refusal(), (429, "RUNTIME_HANDLER_SATURATED".to_owned()));
    watchdog.wait_for_metric("refusals_total", &["code=\"RUNTIME_HANDLER_SATURATED\""], 1);
    let line = watchdog.wait_for_log("the refusal", |line| line["execution_id"] == "e-2");
    assert_eq!((&line["code"], &line["status"]), (&json!("RUNTIME_HANDLER_SATURATED"), &json!(429)));
    gate.open("");
    assert_eq!(running.answer().expect("an answer").status, 200);
    eventually("one invocation", || is(watchdog.metric("invocations_total", &[]), 1.0).then_some(()));
    watchdog.stop();
    assert!(plane.attempts("e-2").is_empty());
}

#[test]
fn every_line_of_the_log_is_json() {
    let never = Gate::new();
    for mode in ["HTTP", "STDIO", "FILE"] {
        let extra = [("TIMEOUT_MS", "500"), ("WATCHDOG_CRASH_LIMIT", "0"), ("WATCHDOG_KILL_GRACE_MS", "200")];
        let mut watchdog = Watchdog::with_child(mode, &extra);
        for (number, end) in ends(&never).iter().enumerate() {
            watchdog.wait_for_status("/ready", 200);
            let _ = watchdog.invoke(&format!("e-{number}"), &end.input);
        }
        watchdog.signal("TERM");
        let _ = watchdog.wait();
        for line in watchdog.log() {
            assert!(serde_json::from_str::<Value>(&line).is_ok_and(|line| line.is_object()), "{mode} {line}");
        }
    }
}
