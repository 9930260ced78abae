//! What a control plane is told of calls that workers served.

use harness::{ControlPlane, Gate, Watchdog};
use nanofaas::testing::Fault;
use serde_json::json;

#[test]
fn a_success_is_called_back_with_the_ids_of_its_call() {
    let plane = ControlPlane::start();
    let mut watchdog = Watchdog::with_child("WORKER", &[("CALLBACK_URL", &plane.callback_url())]);
    let headers = [("X-Execution-Id", "e-1"), ("X-Trace-Id", "t-1")];
    assert_eq!(watchdog.post(&headers, r#"{"input":{"n":1}}"#).status, 200);
    let callback = plane.accepted("e-1");
    let expected = json!({ "success": true, "output": { "echo": { "n": 1 } }, "error": null });
    assert_eq!((callback.body(), callback.trace_id()), (&expected, Some("t-1")));
    watchdog.stop();
    assert_eq!(plane.completions().len(), 1);
}

#[test]
fn a_callback_that_hangs_does_not_delay_the_next_call() {
    let plane = ControlPlane::start();
    plane.fail_always(Fault::Hang);
    let extra = [("CALLBACK_URL", &*plane.callback_url()), ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "600000")];
    let watchdog = Watchdog::with_child("WORKER", &extra);
    for id in ["e-1", "e-2", "e-3"] {
        assert_eq!(watchdog.invoke(id, &json!(1)).status, 200);
    }
    for id in ["e-1", "e-2", "e-3"] {
        assert_eq!(plane.arrived(id, 1).len(), 1);
    }
}

#[test]
fn a_client_that_goes_does_not_end_a_call_that_has_a_callback() {
    let plane = ControlPlane::start();
    let watchdog = Watchdog::with_child("WORKER", &[("CALLBACK_URL", &plane.callback_url())]);
    let gate = Gate::new();
    drop(watchdog.hold("e-1", &gate));
    gate.open("");
    let callback = plane.accepted("e-1");
    assert!(callback.success(), "{:?}", callback.body());
    assert!(watchdog.metric("child_restarts_total", &[]) < 0.5);
}

#[test]
fn of_two_envelopes_each_is_called_back_where_it_says() {
    let planes = [ControlPlane::start(), ControlPlane::start()];
    let watchdog = Watchdog::with_child("WORKER", &[]);
    for (number, plane) in planes.iter().enumerate() {
        let id = format!("e-{number}");
        let body = json!({ "execution_id": id, "callback_url": plane.callback_url(), "payload": { "n": number } });
        let answer = watchdog.post(&[], body.to_string());
        let expected = json!({ "success": true, "output": { "echo": { "n": number } }, "error": null });
        assert_eq!((answer.status, answer.json()), (200, expected.clone()));
        assert_eq!(plane.accepted(&id).body(), &expected);
    }
}

#[test]
fn the_first_answer_says_that_the_start_was_cold() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    let first = watchdog.invoke("e-1", &json!(1));
    assert_eq!(first.header("x-cold-start"), Some("true"));
    assert!(first.header("x-init-duration-ms").is_some_and(|text| text.parse::<f64>().is_ok()));
    assert_eq!(watchdog.invoke("e-2", &json!(1)).header("x-cold-start"), None);
}
