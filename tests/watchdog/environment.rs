//! The environment that a child sees.

use harness::{ControlPlane, Watchdog, child};
use serde_json::{Value, json};

const MODES: [&str; 3] = ["HTTP", "STDIO", "FILE"];

fn environment(watchdog: &Watchdog, headers: &[(&str, &str)]) -> Value {
    let answer = watchdog.post(headers, r#"{"input":{"report":true}}"#);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["environment"].clone()
}

#[test]
fn it_is_the_watchdogs_without_what_would_make_the_child_call_back() {
    for mode in MODES {
        let plane = ControlPlane::start();
        let watchdog = Watchdog::with_child(mode, &[("CALLBACK_URL", &plane.callback_url()), ("OWN", "a b\"c")]);
        let seen = environment(&watchdog, &[("X-Execution-Id", "e-1")]);
        assert_eq!(seen["OWN"], "a b\"c", "{mode}");
        assert_eq!(seen["PATH"].as_str(), std::env::var("PATH").ok().as_deref(), "{mode}");
        assert_eq!((&seen["CALLBACK_URL"], &seen["INVOCATION_PAYLOAD"]), (&json!(null), &json!(null)), "{mode}");
    }
}

#[test]
fn a_single_run_does_not_make_its_child_run_once_or_call_back() {
    for mode in MODES {
        let plane = ControlPlane::start();
        let words = child(&mode.to_lowercase());
        let ended = Watchdog::once(mode, &words, &plane, r#"{"report":true}"#, &[]);
        assert_eq!(ended.code, Some(0), "{mode} {ended:?}");
        let callback = plane.accepted("e-1");
        let seen = &callback.output()["environment"];
        assert_eq!((&seen["CALLBACK_URL"], &seen["INVOCATION_PAYLOAD"]), (&json!(null), &json!(null)), "{mode}");
    }
}

#[test]
fn an_http_child_is_told_its_port() {
    let port = harness::free_port().to_string();
    let url = format!("http://127.0.0.1:{port}/invoke");
    let watchdog = Watchdog::with_child("HTTP", &[("RUNTIME_URL", &url), ("PORT", "1")]);
    assert_eq!(environment(&watchdog, &[("X-Execution-Id", "e-1")])["PORT"], port);
}

#[test]
fn a_process_per_call_is_told_the_ids_of_its_call() {
    for mode in ["STDIO", "FILE"] {
        let watchdog = Watchdog::with_child(mode, &[("DISPATCH_ATTEMPT", "99"), ("TRACEPARENT", "stale")]);
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let headers =
            [("X-Execution-Id", "e-1"), ("X-Trace-Id", "t-1"), ("X-Dispatch-Attempt", "2"), ("traceparent", trace)];
        let seen = environment(&watchdog, &headers);
        assert_eq!((&seen["EXECUTION_ID"], &seen["TRACE_ID"]), (&json!("e-1"), &json!("t-1")), "{mode}");
        assert_eq!((&seen["DISPATCH_ATTEMPT"], &seen["TRACEPARENT"]), (&json!("2"), &json!(trace)), "{mode}");
        let seen = environment(&watchdog, &[("X-Execution-Id", "e-2")]);
        assert_eq!(seen["EXECUTION_ID"], "e-2", "{mode}");
        for name in ["TRACE_ID", "DISPATCH_ATTEMPT", "TRACEPARENT"] {
            assert_eq!(seen[name], json!(null), "{mode} {name}");
        }
    }
}

#[test]
fn each_child_has_a_mark_by_which_it_is_found() {
    for mode in MODES {
        let watchdog = Watchdog::with_child(mode, &[]);
        let seen = environment(&watchdog, &[("X-Execution-Id", "e-1")]);
        assert!(seen["NANOFAAS_CHILD"].as_str().is_some_and(|mark| !mark.is_empty()), "{mode}");
    }
}
