//! What a callback says, and that there is one for each invocation.

use harness::{ControlPlane, Function, Gate};
use nanofaas::testing::Fault;
use serde_json::json;

#[test]
fn a_success_is_called_back_with_exactly_three_keys() {
    let plane = ControlPlane::start();
    let hello = Function::start("hello", &[("CALLBACK_URL", &plane.callback_url())]);
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
    let expected = json!({ "success": true, "output": { "result": "X" }, "error": null });
    assert_eq!(plane.accepted("e-1").body(), &expected);
}

#[test]
fn an_output_of_null_is_a_success_with_null() {
    let plane = ControlPlane::start();
    let specimen =
        Function::start("specimen", &[("FUNCTION_HANDLER", "nothing"), ("CALLBACK_URL", &plane.callback_url())]);
    assert_eq!(specimen.invoke("e-1", &json!(null)).status, 200);
    assert_eq!(plane.accepted("e-1").body(), &json!({ "success": true, "output": null, "error": null }));
}

#[test]
fn a_callback_carries_the_headers_of_its_invocation() {
    let plane = ControlPlane::start();
    let hello = Function::start("hello", &[("CALLBACK_URL", &plane.callback_url())]);
    let headers = [("X-Execution-Id", "e-1"), ("X-Trace-Id", " t-1 "), ("X-Dispatch-Attempt", " 2 ")];
    assert_eq!(hello.post(&headers, r#"{"input":"x"}"#).status, 200);
    let callback = plane.accepted("e-1");
    assert_eq!(callback.header("content-type"), Some("application/json"));
    assert_eq!(callback.trace_id(), Some("t-1"));
    assert_eq!(callback.dispatch_attempt(), Some("2"));
}

#[test]
fn a_callback_invents_no_headers() {
    let plane = ControlPlane::start();
    let hello = Function::start("hello", &[("CALLBACK_URL", &plane.callback_url())]);
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
    let callback = plane.accepted("e-1");
    for name in ["x-trace-id", "x-dispatch-attempt", "traceparent", "authorization", "cookie"] {
        assert_eq!(callback.header(name), None, "{name}");
    }
}

#[test]
fn a_callback_carries_the_trace_of_the_environment() {
    let plane = ControlPlane::start();
    let hello = Function::start("hello", &[("CALLBACK_URL", &plane.callback_url()), ("TRACE_ID", "env-t")]);
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
    assert_eq!(plane.accepted("e-1").trace_id(), Some("env-t"));
}

#[test]
fn a_dispatch_attempt_is_echoed_whatever_it_says() {
    let plane = ControlPlane::start();
    let hello = Function::start("hello", &[("CALLBACK_URL", &plane.callback_url())]);
    for (id, attempt) in [("e-1", "1"), ("e-2", "007"), ("e-3", "second"), ("e-4", "99999999999999999999")] {
        let headers = [("X-Execution-Id", id), ("X-Dispatch-Attempt", attempt)];
        assert_eq!(hello.post(&headers, r#"{"input":"x"}"#).status, 200);
        assert_eq!(plane.accepted(id).dispatch_attempt(), Some(attempt));
    }
}

#[test]
fn each_invocation_has_one_callback() {
    let plane = ControlPlane::start();
    let mut hello = Function::start("hello", &[("CALLBACK_URL", &plane.callback_url())]);
    for number in 0..50 {
        assert_eq!(hello.invoke(&format!("e-{number}"), &json!("x")).status, 200);
    }
    hello.stop();
    assert_eq!(plane.completions().len(), 50);
    for number in 0..50 {
        assert_eq!(plane.attempts(&format!("e-{number}")).len(), 1, "e-{number}");
    }
}

#[test]
fn an_execution_that_is_repeated_later_is_run_and_called_back_again() {
    let plane = ControlPlane::start();
    let mut hello = Function::start("hello", &[("CALLBACK_URL", &plane.callback_url())]);
    for _ in 0..3 {
        assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
    }
    hello.stop();
    assert_eq!(plane.attempts("e-1").len(), 3);
}

#[test]
fn without_a_target_there_is_no_callback_and_the_answer_is_the_same() {
    let mut hello = Function::start("hello", &[]);
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
    assert!(hello.metric("pending_callbacks", &[]) < 0.5);
    hello.stop();
}

#[test]
fn a_control_plane_that_hangs_delays_neither_the_answer_nor_the_next_call() {
    let plane = ControlPlane::start();
    plane.fail_always(Fault::Hang);
    let hello = Function::start(
        "hello",
        &[("CALLBACK_URL", &plane.callback_url()), ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "600000")],
    );
    let mut connection = hello.connect();
    for number in 0..20 {
        let id = format!("e-{number}");
        let answer = connection.request("POST", "/invoke", &[("X-Execution-Id", &id)], br#"{"input":"x"}"#);
        assert_eq!(answer.status, 200);
    }
    // All of them wait for the control plane at once: no callback waits for another.
    for number in 0..20 {
        assert_eq!(plane.arrived(&format!("e-{number}"), 1).len(), 1);
    }
}

#[test]
fn the_callback_of_a_slow_function_does_not_hold_up_the_one_of_a_quick_one() {
    let plane = ControlPlane::start();
    let specimen =
        Function::start("specimen", &[("FUNCTION_HANDLER", "gate"), ("CALLBACK_URL", &plane.callback_url())]);
    let (slow, quick) = (Gate::new(), Gate::new());
    let mut caller = specimen.connect();
    caller.begin(&[("X-Execution-Id", "slow")], &slow.body());
    slow.wait_until_entered();
    quick.open("");
    assert_eq!(specimen.invoke("quick", &quick.input()).status, 200);
    assert!(plane.accepted("quick").success());
    assert!(plane.attempts("slow").is_empty());
    slow.open("");
    assert_eq!(caller.answer().expect("an answer").status, 200);
    assert!(plane.accepted("slow").success());
}

#[test]
fn a_large_output_arrives_whole() {
    let plane = ControlPlane::start();
    let probe = Function::start("probe", &[("CALLBACK_URL", &plane.callback_url())]);
    assert_eq!(probe.invoke("e-1", &json!({ "blob_bytes": 1_000_000 })).status, 200);
    let callback = plane.accepted("e-1");
    assert_eq!(callback.output()["blob"].as_str().map(str::len), Some(1_000_000));
}
