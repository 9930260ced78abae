//! One invocation from the environment, its callback, and the end.

use harness::{ControlPlane, Ended, Function, Gate};
use nanofaas::testing::Fault;
use serde_json::json;

fn run(name: &str, plane: &ControlPlane, payload: &str, more: &[(&str, &str)]) -> Ended {
    let url = plane.callback_url();
    let own = [("EXECUTION_ID", "e-1"), ("CALLBACK_URL", url.as_str()), ("INVOCATION_PAYLOAD", payload)];
    Function::run(name, &[], &[&own, more].concat(), "")
}

#[test]
fn a_success_is_called_back_and_ends_with_0() {
    let plane = ControlPlane::start();
    let ended = run("hello", &plane, r#"{"input":"hello"}"#, &[("TRACE_ID", "t-1")]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let callback = plane.accepted("e-1");
    let expected = json!({ "success": true, "output": { "result": "HELLO" }, "error": null });
    assert_eq!(callback.body(), &expected);
    assert_eq!(callback.path(), "/v1/internal/executions/e-1:complete");
    assert_eq!((callback.trace_id(), callback.dispatch_attempt()), (Some("t-1"), None));
    assert_eq!(plane.completions().len(), 1);
}

#[test]
fn a_failure_of_any_kind_is_called_back_and_ends_with_0() {
    for (name, payload, code) in [
        ("probe", r#"{"input":{"fail":true}}"#, "HANDLER_ERROR"),
        ("probe", r#"{"input":{"fail":"x","code":"SOLD_OUT","status":409}}"#, "SOLD_OUT"),
        ("probe", r#"{"input":{"panic":true}}"#, "HANDLER_PANIC"),
        ("probe", r#"{"input":{"sleep_ms":600000}}"#, "TIMEOUT"),
        ("probe", r#"{"input":{"spin_ms":600000}}"#, "TIMEOUT"),
        ("probe", r#"{"input":{"blob_bytes":2000000}}"#, "RUNTIME_OUTPUT_TOO_LARGE"),
        ("hello", r#"{"input":7}"#, "INVALID_INPUT"),
    ] {
        let plane = ControlPlane::start();
        let ended = run(name, &plane, payload, &[("TIMEOUT_MS", "1000")]);
        assert_eq!(ended.code, Some(0), "{payload} {ended:?}");
        let callback = plane.accepted("e-1");
        assert_eq!(callback.error().expect("an error").code, code, "{payload}");
        assert_eq!(plane.completions().len(), 1, "{payload}");
    }
}

#[test]
fn metadata_reaches_the_function() {
    let plane = ControlPlane::start();
    let payload = r#"{"input":{"context":true},"metadata":{"tenant":"t"}}"#;
    assert_eq!(run("probe", &plane, payload, &[]).code, Some(0));
    let callback = plane.accepted("e-1");
    assert_eq!(callback.output()["context"]["metadata"], json!({ "tenant": "t" }));
    assert_eq!(callback.output()["context"]["execution_id"], "e-1");
}

#[test]
fn a_callback_that_needs_a_second_attempt_ends_with_0() {
    let plane = ControlPlane::start();
    plane.fail_next([Fault::Status(503), Fault::Reset]);
    assert_eq!(run("hello", &plane, r#"{"input":"x"}"#, &[]).code, Some(0));
    assert_eq!(plane.attempts("e-1").len(), 3);
}

#[test]
fn a_callback_that_is_not_delivered_ends_with_1() {
    for fault in [Fault::Status(404), Fault::Status(500), Fault::Reset, Fault::Redirect("http://127.0.0.1:1/".into())] {
        let plane = ControlPlane::start();
        plane.fail_always(fault.clone());
        let ended = run("hello", &plane, r#"{"input":"x"}"#, &[("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "2")]);
        assert_eq!(ended.code, Some(1), "{fault:?} {ended:?}");
    }
}

#[test]
fn a_control_plane_that_is_not_there_ends_with_1() {
    let listener = std::net::TcpListener::bind("127.77.0.2:0").expect("a free port");
    let url = format!("http://{}/x", listener.local_addr().expect("its number"));
    drop(listener);
    let own = [("EXECUTION_ID", "e-1"), ("CALLBACK_URL", url.as_str()), ("INVOCATION_PAYLOAD", "{\"input\":\"x\"}")];
    assert_eq!(Function::run("hello", &[], &own, "").code, Some(1));
}

#[test]
fn what_it_cannot_do_without_is_listed_at_once_with_64() {
    let ended = Function::run("hello", &[], &[("INVOCATION_PAYLOAD", r#"{"input":"x"}"#)], "");
    assert_eq!(ended.code, Some(64), "{ended:?}");
    for name in ["EXECUTION_ID", "CALLBACK_URL"] {
        assert!(ended.stderr.contains(name), "{name} {ended:?}");
    }
}

#[test]
fn missing_variables_are_listed_beside_wrong_ones() {
    let ended = Function::run("hello", &[], &[("INVOCATION_PAYLOAD", r#"{"input":"x"}"#), ("TIMEOUT_MS", "soon")], "");
    assert_eq!(ended.code, Some(64), "{ended:?}");
    for name in ["EXECUTION_ID", "CALLBACK_URL", "TIMEOUT_MS"] {
        assert!(ended.stderr.contains(name), "{name} {ended:?}");
    }
}

#[test]
fn a_payload_that_is_no_request_ends_with_64_and_no_callback() {
    for payload in ["not json", "{", "[]", r#"{"input":1e999}"#, r#"{"metadata":[]}"#] {
        let plane = ControlPlane::start();
        let ended = run("hello", &plane, payload, &[]);
        assert_eq!(ended.code, Some(64), "{payload} {ended:?}");
        assert!(ended.stderr.contains("INVOCATION_PAYLOAD"), "{payload} {ended:?}");
        assert!(plane.completions().is_empty(), "{payload}");
    }
}

#[test]
fn a_callback_url_that_is_refused_ends_with_64() {
    for url in ["ftp://cp/x", "nonsense", "http://169.254.169.254/x"] {
        let own = [("EXECUTION_ID", "e-1"), ("CALLBACK_URL", url), ("INVOCATION_PAYLOAD", "{}")];
        let ended = Function::run("hello", &[], &own, "");
        assert_eq!(ended.code, Some(64), "{url} {ended:?}");
        assert!(ended.stderr.contains("CALLBACK_URL"), "{url} {ended:?}");
    }
}

#[test]
fn an_init_that_fails_is_called_back_and_ends_with_1() {
    let (plane, gate) = (ControlPlane::start(), Gate::new());
    gate.open("fail");
    let more = [("FUNCTION_HANDLER", "started"), ("INIT_GATE", &gate.path())];
    let ended = run("specimen", &plane, "{}", &more);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!plane.accepted("e-1").success());
}

#[test]
fn one_that_is_stopped_is_called_back_as_cancelled() {
    let (plane, gate) = (ControlPlane::start(), Gate::new());
    let mut function = Function::spawn(
        "specimen",
        &[
            ("FUNCTION_HANDLER", "gate"),
            ("EXECUTION_ID", "e-1"),
            ("CALLBACK_URL", &plane.callback_url()),
            ("INVOCATION_PAYLOAD", &gate.body()),
            ("NANOFAAS_SHUTDOWN_TIMEOUT", "200"),
        ],
    );
    gate.wait_until_entered();
    function.signal("TERM");
    assert_eq!(function.wait().code(), Some(0), "the callback was delivered");
    assert_eq!(plane.accepted("e-1").error().expect("an error").code, "INVOCATION_CANCELLED");
    assert_eq!(plane.completions().len(), 1);
}

#[test]
fn a_second_signal_ends_it_now() {
    let (plane, gate) = (ControlPlane::start(), Gate::new());
    let mut function = Function::spawn(
        "specimen",
        &[
            ("FUNCTION_HANDLER", "gate"),
            ("EXECUTION_ID", "e-1"),
            ("CALLBACK_URL", &plane.callback_url()),
            ("INVOCATION_PAYLOAD", &gate.body()),
            ("NANOFAAS_SHUTDOWN_TIMEOUT", "600000"),
        ],
    );
    gate.wait_until_entered();
    function.signal("TERM");
    let _ = function.wait_for_log("the signal", |line| line["message"] == "signal");
    function.signal("TERM");
    assert_ne!(function.wait().code(), Some(0), "nothing was delivered");
}

#[test]
fn one_that_is_stopped_may_end_within_its_time() {
    let (plane, gate) = (ControlPlane::start(), Gate::new());
    let mut function = Function::spawn(
        "specimen",
        &[
            ("FUNCTION_HANDLER", "gate"),
            ("EXECUTION_ID", "e-1"),
            ("CALLBACK_URL", &plane.callback_url()),
            ("INVOCATION_PAYLOAD", &gate.body()),
            ("NANOFAAS_SHUTDOWN_TIMEOUT", "60000"),
        ],
    );
    gate.wait_until_entered();
    function.signal("TERM");
    let _ = function.wait_for_log("the signal", |line| line["message"] == "signal");
    gate.open("");
    assert_eq!(function.wait().code(), Some(0));
    assert!(plane.accepted("e-1").success());
}

#[test]
fn a_blank_payload_serves() {
    let hello = Function::start("hello", &[("INVOCATION_PAYLOAD", "  ")]);
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
}
