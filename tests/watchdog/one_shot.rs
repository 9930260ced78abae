//! One invocation from the environment, its callback, and the end.

use harness::{ControlPlane, Function, Gate, Process, Watchdog, child, mark, quote};
use nanofaas::testing::Fault;
use serde_json::json;

const MODES: [&str; 3] = ["HTTP", "STDIO", "FILE"];

#[test]
fn a_success_is_called_back_and_ends_with_0() {
    for mode in MODES {
        let plane = ControlPlane::start();
        let words = child(&mode.to_lowercase());
        let ended = Watchdog::once(mode, &words, &plane, r#"{"n":1}"#, &[("TRACE_ID", "t-1")]);
        assert_eq!(ended.code, Some(0), "{mode} {ended:?}");
        let callback = plane.accepted("e-1");
        let expected = json!({ "success": true, "output": { "echo": { "n": 1 } }, "error": null });
        assert_eq!(callback.body(), &expected, "{mode}");
        assert_eq!(callback.trace_id(), Some("t-1"), "{mode}");
        assert_eq!(plane.completions().len(), 1, "{mode}");
    }
}

#[test]
fn a_failure_of_any_kind_is_called_back_and_ends_with_0() {
    let never = Gate::new();
    let hang = json!({ "gate": never.path() }).to_string();
    for mode in MODES {
        let words = child(&mode.to_lowercase());
        for (command, payload, code) in [
            (words.as_str(), r#"{"exit":3}"#, "FUNCTION_ERROR"),
            (&words, r#"{"abort":true}"#, "FUNCTION_ERROR"),
            (&words, r#"{"print":"no JSON"}"#, "FUNCTION_ERROR"),
            (&words, r#"{"blob_bytes":2000000}"#, "RUNTIME_OUTPUT_TOO_LARGE"),
            (&words, &hang, "TIMEOUT"),
            ("/nowhere/to-be-found", "1", "SPAWN_ERROR"),
        ] {
            let plane = ControlPlane::start();
            let ended = Watchdog::once(mode, command, &plane, payload, &[("TIMEOUT_MS", "1500")]);
            assert_eq!(ended.code, Some(0), "{mode} {payload} {ended:?}");
            assert_eq!(plane.accepted("e-1").error().expect("an error").code, code, "{mode} {payload}");
            assert_eq!(plane.completions().len(), 1, "{mode} {payload}");
        }
    }
}

#[test]
fn without_a_payload_the_child_gets_null() {
    for mode in MODES {
        let plane = ControlPlane::start();
        let ended = Watchdog::once(mode, &child(&mode.to_lowercase()), &plane, "", &[]);
        assert_eq!(ended.code, Some(0), "{mode} {ended:?}");
        assert_eq!(plane.accepted("e-1").output(), &json!({ "echo": null }), "{mode}");
    }
}

#[test]
fn a_payload_that_is_not_json_ends_with_64_and_no_callback() {
    for payload in ["not json", "{", "1 2"] {
        let plane = ControlPlane::start();
        let ended = Watchdog::once("STDIO", "cat", &plane, payload, &[]);
        assert_eq!(ended.code, Some(64), "{payload} {ended:?}");
        assert!(ended.stderr.contains("INVOCATION_PAYLOAD"), "{payload} {ended:?}");
        assert!(plane.completions().is_empty(), "{payload}");
    }
}

#[test]
fn without_an_execution_or_a_callback_url_both_ways_are_said_with_64() {
    let (execution, callback) = (("EXECUTION_ID", "e-1"), ("CALLBACK_URL", "http://127.0.0.1:1/x"));
    for (variables, missing) in [
        (vec![], vec!["EXECUTION_ID", "CALLBACK_URL", "WARM"]),
        (vec![execution], vec!["CALLBACK_URL", "WARM"]),
        (vec![callback], vec!["EXECUTION_ID", "WARM"]),
    ] {
        let own = [&variables[..], &[("WATCHDOG_CMD", "true"), ("EXECUTION_MODE", "STDIO")]].concat();
        let ended = Watchdog::run(&[], &own);
        assert_eq!(ended.code, Some(64), "{variables:?} {ended:?}");
        for name in missing {
            assert!(ended.stderr.contains(name), "{name} {ended:?}");
        }
    }
}

#[test]
fn a_callback_that_is_not_delivered_ends_with_1() {
    let plane = ControlPlane::start();
    plane.fail_always(Fault::Status(404));
    let ended = Watchdog::once("STDIO", &child("stdio"), &plane, "1", &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

#[test]
fn a_callback_that_needs_a_second_attempt_ends_with_0() {
    let plane = ControlPlane::start();
    plane.fail_next([Fault::Status(503), Fault::Reset]);
    let ended = Watchdog::once("STDIO", &child("stdio"), &plane, "1", &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(plane.attempts("e-1").len(), 3);
}

#[test]
fn an_http_child_that_does_not_start_is_called_back_as_such() {
    let plane = ControlPlane::start();
    let script = format!("sh -c {}", quote("echo no database >&2; exit 3"));
    // Far beyond what the test waits for.
    let ended = Watchdog::once("HTTP", &script, &plane, "1", &[("READY_TIMEOUT_MS", "600000")]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let error = plane.accepted("e-1").error().expect("an error");
    assert_eq!(error.code, "STARTUP_ERROR");
    assert!(error.message.contains('3') && error.message.contains("no database"), "{error:?}");
}

#[test]
fn an_http_child_that_is_not_ready_in_time_is_called_back_as_such() {
    let (plane, never) = (ControlPlane::start(), Gate::new());
    let words = child(&format!("http --unready {}", never.path()));
    let ended = Watchdog::once("HTTP", &words, &plane, "1", &[("READY_TIMEOUT_MS", "500")]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(plane.accepted("e-1").error().expect("an error").code, "STARTUP_ERROR");
}

#[test]
fn nothing_is_left_behind() {
    for mode in MODES {
        let (plane, mark) = (ControlPlane::start(), mark());
        let payload = json!({ "sh": "sleep 600 >/dev/null 2>&1 &" }).to_string();
        let extra = [("NANOFAAS_TESTS_MARK", mark.as_str())];
        let ended = Watchdog::once(mode, &child(&mode.to_lowercase()), &plane, &payload, &extra);
        assert_eq!(ended.code, Some(0), "{mode} {ended:?}");
        harness::eventually("an empty machine", || {
            Process::marked(&format!("NANOFAAS_TESTS_MARK={mark}")).is_empty().then_some(())
        });
    }
}

#[test]
fn one_that_is_stopped_is_called_back_as_cancelled() {
    for mode in MODES {
        let (plane, gate) = (ControlPlane::start(), Gate::new());
        let url = plane.callback_url();
        let payload = json!({ "gate": gate.path() }).to_string();
        let extra = [
            ("WARM", "false"),
            ("EXECUTION_ID", "e-1"),
            ("CALLBACK_URL", url.as_str()),
            ("INVOCATION_PAYLOAD", payload.as_str()),
            ("NANOFAAS_SHUTDOWN_TIMEOUT", "200"),
        ];
        let mut watchdog = Watchdog::spawn(mode, &child(&mode.to_lowercase()), &extra);
        let child = Process(gate.entered_by());
        watchdog.signal("TERM");
        assert_eq!(watchdog.wait().code(), Some(0), "{mode}: the callback was delivered");
        assert_eq!(plane.accepted("e-1").error().expect("an error").code, "INVOCATION_CANCELLED", "{mode}");
        assert!(!child.is_alive(), "{mode}");
    }
}

#[test]
fn an_example_is_a_child_like_any_other() {
    let plane = ControlPlane::start();
    let hello = quote(&harness::binary("hello").display().to_string());
    let ended = Watchdog::once("HTTP", &hello, &plane, r#"{"input":"x"}"#, &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(plane.accepted("e-1").output(), &json!({ "result": "X" }));
    assert_eq!(plane.completions().len(), 1, "the function itself called back");
    let watchdog = Watchdog::start("HTTP", &hello, &[("CALLBACK_URL", &plane.callback_url())]);
    assert_eq!(watchdog.invoke("e-2", &json!("y")).json(), json!({ "result": "Y" }));
    assert_eq!(plane.accepted("e-2").output(), &json!({ "result": "Y" }));
    let function: &Function = &watchdog;
    assert_eq!(function.get("/health").status, 200);
}
