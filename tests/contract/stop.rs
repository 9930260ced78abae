//! SIGTERM and SIGINT: no new work, and what runs is brought to its end.

use harness::{Connection, ControlPlane, Function, Gate, eventually};
use nanofaas::testing::Fault;
use serde_json::json;

const ID: [(&str, &str); 1] = [("X-Execution-Id", "e-1")];

/// A function with one call that waits at the gate.
fn busy(handler: &str, gate: &Gate, plane: &ControlPlane, time_out: &str) -> (Function, Connection) {
    let function = Function::start(
        "specimen",
        &[
            ("FUNCTION_HANDLER", handler),
            ("CALLBACK_URL", &plane.callback_url()),
            ("TIMEOUT_MS", "600000"),
            ("NANOFAAS_SHUTDOWN_TIMEOUT", time_out),
        ],
    );
    let mut caller = function.connect();
    caller.begin(&ID, &gate.body());
    gate.wait_until_entered();
    (function, caller)
}

/// Sends the signal and waits until it has been seen.
fn begin_to_stop(function: &Function, signal: &str) {
    function.signal(signal);
    eventually("a function that is not ready", || (function.get("/ready").status == 503).then_some(()));
}

#[test]
fn an_idle_function_ends_at_once_with_0() {
    for signal in ["TERM", "INT"] {
        // Far beyond what the test waits for.
        let mut hello = Function::start("hello", &[("NANOFAAS_SHUTDOWN_TIMEOUT", "600000")]);
        let mut kept = hello.connect();
        assert_eq!(kept.request("GET", "/health", &[], b"").status, 200);
        let fresh = hello.connect();
        hello.signal(signal);
        assert_eq!(hello.wait().code(), Some(0), "{signal}");
        drop((kept, fresh));
    }
}

#[test]
fn running_work_is_answered_and_called_back_and_new_work_refused() {
    for (signal, handler) in [("TERM", "gate"), ("INT", "gate"), ("TERM", "gate_blocking"), ("TERM", "gate_spinning")] {
        let (plane, gate) = (ControlPlane::start(), Gate::new());
        let (mut function, mut caller) = busy(handler, &gate, &plane, "600000");
        let mut kept = function.connect();
        assert_eq!(kept.request("GET", "/ready", &[], b"").status, 200);
        begin_to_stop(&function, signal);
        let health = function.get("/health");
        assert_eq!((health.status, health.text().as_str()), (200, r#"{"status":"ok"}"#));
        let stopping = (503, "RUNTIME_STOPPING".to_owned());
        assert_eq!(function.invoke("e-2", &gate.input()).refusal(), stopping, "{handler}");
        let answer = kept.request("POST", "/invoke", &[("X-Execution-Id", "e-3")], gate.body().as_bytes());
        assert_eq!(answer.refusal(), stopping, "{handler}");
        gate.open("");
        let answer = caller.answer().expect("an answer");
        assert_eq!((answer.status, answer.json()), (200, json!("through")), "{handler}");
        assert_eq!(function.wait().code(), Some(0), "{handler}");
        assert!(plane.accepted("e-1").success());
        assert_eq!(plane.completions().len(), 1, "{handler}");
    }
}

#[test]
fn callbacks_are_delivered_before_the_end() {
    let plane = ControlPlane::start();
    let mut hello =
        Function::start("hello", &[("CALLBACK_URL", &plane.callback_url()), ("NANOFAAS_SHUTDOWN_TIMEOUT", "30000")]);
    plane.fail_next([Fault::Status(503), Fault::Status(503)]);
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
    hello.stop();
    assert_eq!(plane.attempts("e-1").len(), 3);
    assert!(plane.accepted("e-1").success());
}

#[test]
fn what_outlasts_the_time_out_is_called_back_as_cancelled() {
    for handler in ["gate", "gate_blocking", "gate_spinning"] {
        let (plane, gate) = (ControlPlane::start(), Gate::new());
        let (mut function, _caller) = busy(handler, &gate, &plane, "200");
        function.signal("TERM");
        assert!(function.wait().code().is_some(), "{handler}: no end of its own");
        let callback = plane.accepted("e-1");
        assert!(!callback.success());
        assert_eq!(callback.output(), &json!(null));
        assert_eq!(callback.error().expect("an error").code, "INVOCATION_CANCELLED", "{handler}");
        assert_eq!(plane.completions().len(), 1, "{handler}");
    }
}

#[test]
fn an_end_that_left_work_behind_is_not_reported_as_clean() {
    let (plane, gate) = (ControlPlane::start(), Gate::new());
    let (mut function, _caller) = busy("gate", &gate, &plane, "100");
    function.signal("TERM");
    assert_eq!(function.wait().code(), Some(1));
}

#[test]
fn a_control_plane_that_hangs_does_not_hold_up_the_end_for_ever() {
    let plane = ControlPlane::start();
    plane.fail_always(Fault::Hang);
    let mut hello = Function::start(
        "hello",
        &[
            ("CALLBACK_URL", &plane.callback_url()),
            ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "600000"),
            ("NANOFAAS_SHUTDOWN_TIMEOUT", "300"),
        ],
    );
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
    hello.signal("TERM");
    assert_eq!(hello.wait().code(), Some(1));
    let _ = hello
        .wait_for_log("the callback that is lost", |line| line["execution_id"] == "e-1" && line["level"] == "ERROR");
}

#[test]
fn a_second_signal_ends_it_now() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        for handler in ["gate", "gate_spinning"] {
            let (plane, gate) = (ControlPlane::start(), Gate::new());
            let (mut function, _caller) = busy(handler, &gate, &plane, "600000");
            begin_to_stop(&function, first);
            function.signal(second);
            assert_ne!(function.wait().code(), Some(0), "{first} {second} {handler}");
        }
    }
}

#[test]
fn half_a_request_does_not_hold_up_the_end_for_ever() {
    let mut hello = Function::start("hello", &[("NANOFAAS_BODY_READ_TIMEOUT", "600000")]);
    let mut caller = hello.connect();
    caller.send(b"POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: e-1\r\ncontent-length: 100\r\n\r\n{");
    assert_eq!(hello.get("/health").status, 200);
    hello.signal("TERM");
    assert_eq!(hello.wait().code(), Some(0));
}

#[test]
fn health_is_asked_by_the_command_while_it_drains() {
    let (plane, gate) = (ControlPlane::start(), Gate::new());
    let (function, _caller) = busy("gate", &gate, &plane, "600000");
    begin_to_stop(&function, "TERM");
    let port = function.address().port().to_string();
    assert_eq!(Function::run("specimen", &["health"], &[("PORT", &port)], "").code, Some(0));
}
