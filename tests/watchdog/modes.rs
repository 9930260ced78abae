//! Each way to speak to a child, in both forms of a request.

use harness::{Answer, ControlPlane, Watchdog, child};
use serde_json::{Value, json};

const MODES: [&str; 3] = ["HTTP", "STDIO", "FILE"];

fn envelope(watchdog: &Watchdog, envelope: &Value) -> Answer {
    watchdog.post(&[], envelope.to_string())
}

#[test]
fn the_header_form_is_answered_bare() {
    for mode in MODES {
        let watchdog = Watchdog::with_child(mode, &[]);
        let answer = watchdog.invoke("e-1", &json!({ "n": 1 }));
        assert_eq!((answer.status, answer.json()), (200, json!({ "echo": { "n": 1 } })), "{mode}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{mode}");
    }
}

#[test]
fn the_envelope_is_answered_in_an_envelope() {
    for mode in MODES {
        let watchdog = Watchdog::with_child(mode, &[]);
        let answer = envelope(&watchdog, &json!({ "execution_id": "e-1", "payload": { "n": 1 } }));
        let expected = json!({ "success": true, "output": { "echo": { "n": 1 } }, "error": null });
        assert_eq!((answer.status, answer.json()), (200, expected), "{mode}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{mode}");
    }
}

#[test]
fn the_child_gets_the_whole_body_as_it_was_sent() {
    let body = r#"{"metadata":{"z":1,"a":2},"input":{"report":true},"own":"x"}"#;
    for mode in MODES {
        let watchdog = Watchdog::with_child(mode, &[]);
        let answer = watchdog.post(&[("X-Execution-Id", "e-1")], body);
        let payload = serde_json::from_str::<Value>(body).expect("JSON");
        assert_eq!(answer.json()["payload"], payload, "{mode}");
    }
}

#[test]
fn the_child_of_an_envelope_gets_its_payload_alone() {
    for mode in MODES {
        let watchdog = Watchdog::with_child(mode, &[]);
        let answer = envelope(&watchdog, &json!({ "execution_id": "e-1", "payload": { "report": true, "n": 1 } }));
        assert_eq!(answer.json()["output"]["payload"], json!({ "report": true, "n": 1 }), "{mode}");
    }
}

#[test]
fn the_bytes_of_a_payload_are_not_rewritten() {
    let cat = Watchdog::start("STDIO", "cat", &[]);
    let body = "{ \"input\" : 1.000000000000000000001,\n \"metadata\": null }";
    let answer = cat.post(&[("X-Execution-Id", "e-1")], body);
    assert_eq!((answer.status, answer.text().contains("1.000000000000000000001")), (200, true), "{answer:?}");
}

#[test]
fn warm_is_another_word_for_a_kept_http_child() {
    let watchdog = Watchdog::start("WARM", &child("http"), &[("WARM", "")]);
    let first = watchdog.child("e-1");
    assert_eq!(watchdog.child("e-2"), first);
}

#[test]
fn a_mode_may_be_written_in_small_letters() {
    for mode in ["http", "stdio", "File"] {
        let watchdog = Watchdog::with_child(mode, &[]);
        assert_eq!(watchdog.invoke("e-1", &json!(1)).json(), json!({ "echo": 1 }), "{mode}");
    }
}

#[test]
fn an_http_child_is_kept_and_the_others_live_for_one_call() {
    for (mode, kept) in [("HTTP", true), ("STDIO", false), ("FILE", false)] {
        let watchdog = Watchdog::with_child(mode, &[]);
        let (first, second) = (watchdog.child("e-1"), watchdog.child("e-2"));
        assert_eq!(first == second, kept, "{mode}");
        assert_eq!(first.is_alive(), kept, "{mode}");
    }
}

#[test]
fn every_invocation_has_one_callback() {
    for mode in MODES {
        let plane = ControlPlane::start();
        let mut watchdog = Watchdog::with_child(mode, &[("CALLBACK_URL", &plane.callback_url())]);
        let headers = [("X-Execution-Id", "e-1"), ("X-Trace-Id", "t-1"), ("X-Dispatch-Attempt", "2")];
        assert_eq!(watchdog.post(&headers, r#"{"input":1}"#).status, 200, "{mode}");
        assert_eq!(watchdog.post(&[("X-Execution-Id", "e-2")], r#"{"input":{"exit":3}}"#).status, 500, "{mode}");
        let callback = plane.accepted("e-1");
        assert_eq!(callback.body(), &json!({ "success": true, "output": { "echo": 1 }, "error": null }), "{mode}");
        assert_eq!((callback.trace_id(), callback.dispatch_attempt()), (Some("t-1"), Some("2")), "{mode}");
        assert_eq!(plane.accepted("e-2").error().expect("an error").code, "FUNCTION_ERROR", "{mode}");
        watchdog.stop();
        assert_eq!(plane.completions().len(), 2, "{mode}");
    }
}

#[test]
fn the_first_answer_says_that_the_start_was_cold() {
    for mode in MODES {
        let watchdog = Watchdog::with_child(mode, &[]);
        let first = watchdog.invoke("e-1", &json!(1));
        assert_eq!(first.header("x-cold-start"), Some("true"), "{mode}");
        assert!(first.header("x-init-duration-ms").is_some_and(|text| text.parse::<f64>().is_ok()), "{mode}");
        assert_eq!(watchdog.invoke("e-2", &json!(1)).header("x-cold-start"), None, "{mode}");
    }
}

#[test]
fn unknown_paths_and_methods_are_answered_as_everywhere() {
    let watchdog = Watchdog::with_child("STDIO", &[]);
    assert_eq!(watchdog.get("/nowhere").status, 404);
    let answer = watchdog.get("/invoke");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
}
