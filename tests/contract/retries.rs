//! A callback that does not arrive is tried again where that may help, and given up where it does not.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use harness::{ControlPlane, Function, eventually};
use nanofaas::testing::Fault;
use serde_json::{Value, json};

fn probe(plane: &ControlPlane, more: &[(&str, &str)]) -> Function {
    let url = plane.callback_url();
    Function::start("probe", &[&[("CALLBACK_URL", url.as_str())], more].concat())
}

/// The log line that says that a callback is lost.
fn lost(function: &Function, id: &str) -> Value {
    function.wait_for_log("a lost callback", |line| {
        line["execution_id"] == id && line["message"] != "invocation" && line["level"] == "ERROR"
    })
}

#[test]
fn statuses_that_may_pass_are_tried_again() {
    let plane = ControlPlane::start();
    let probe = probe(&plane, &[]);
    for status in [408, 429, 500, 502, 503, 504, 599] {
        let id = format!("e-{status}");
        plane.fail_next([Fault::Status(status)]);
        assert_eq!(probe.invoke(&id, &json!(1)).status, 200);
        assert!(plane.accepted(&id).success());
        let answered: Vec<_> = plane.attempts(&id).iter().map(nanofaas::testing::Completion::answered).collect();
        assert_eq!(answered, [Some(status), Some(204)]);
    }
}

#[test]
fn statuses_that_will_not_pass_are_final() {
    let plane = ControlPlane::start();
    let mut probe = probe(&plane, &[]);
    let statuses = [400, 401, 403, 404, 409, 410, 413, 422, 300, 304];
    for status in statuses {
        let id = format!("e-{status}");
        plane.fail_next([Fault::Status(status)]);
        assert_eq!(probe.invoke(&id, &json!(1)).status, 200);
        assert_eq!(lost(&probe, &id)["execution_id"], id.as_str());
    }
    probe.stop();
    for status in statuses {
        assert_eq!(plane.attempts(&format!("e-{status}")).len(), 1, "{status}");
    }
}

#[test]
fn every_status_of_the_two_hundreds_is_delivered() {
    let plane = ControlPlane::start();
    let mut probe = probe(&plane, &[]);
    for status in [200, 201, 202, 204, 299] {
        plane.fail_next([Fault::Status(status)]);
        assert_eq!(probe.invoke(&format!("e-{status}"), &json!(1)).status, 200);
    }
    probe.stop();
    assert_eq!(plane.completions().len(), 5);
}

#[test]
fn a_connection_that_is_reset_is_tried_again() {
    let plane = ControlPlane::start();
    let probe = probe(&plane, &[]);
    plane.fail_next([Fault::Reset, Fault::Reset]);
    assert_eq!(probe.invoke("e-1", &json!(1)).status, 200);
    assert!(plane.accepted("e-1").success());
    assert_eq!(plane.attempts("e-1").len(), 3);
}

#[test]
fn an_answer_that_does_not_come_in_time_is_tried_again() {
    let plane = ControlPlane::start();
    let probe = probe(&plane, &[("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "300")]);
    plane.fail_next([Fault::Hang]);
    assert_eq!(probe.invoke("e-1", &json!(1)).status, 200);
    assert!(plane.accepted("e-1").success());
    assert_eq!(plane.attempts("e-1").len(), 2);
}

#[test]
fn a_control_plane_that_is_not_there_yet_is_tried_again() {
    // An address of its own: no other test can take the port in between.
    let listener = TcpListener::bind("127.77.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its number");
    drop(listener);
    let url = format!("http://{address}/base");
    let probe = Function::start("probe", &[("CALLBACK_URL", &url), ("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "100")]);
    assert_eq!(probe.invoke("e-1", &json!(1)).status, 200);
    probe.wait_for_metric("callback_retries_total", &[], 1);
    let listener = eventually("the port", || TcpListener::bind(address).ok());
    let (stream, _) = listener.accept().expect("a callback");
    assert!(head(&stream).starts_with("POST /base/e-1:complete HTTP/1.1\r\n"));
    (&stream).write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("an open connection");
    probe.wait_for_metric("callback_deliveries_total", &[], 1);
}

fn head(mut stream: &TcpStream) -> String {
    let mut read = Vec::new();
    while !read.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut part = [0; 512];
        let length = stream.read(&mut part).expect("a request");
        assert!(length > 0, "the callback ended early");
        read.extend_from_slice(&part[..length]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

#[test]
fn every_attempt_is_the_same_request() {
    let plane = ControlPlane::start();
    let probe = probe(&plane, &[("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "4")]);
    plane.fail_next([Fault::Status(503), Fault::Reset, Fault::RetryAfter(429, 0)]);
    let headers = [("X-Execution-Id", "e-1"), ("X-Trace-Id", "t-1"), ("X-Dispatch-Attempt", "3")];
    assert_eq!(probe.post(&headers, r#"{"input":1}"#).status, 200);
    assert!(plane.accepted("e-1").success());
    let attempts = plane.attempts("e-1");
    assert_eq!(attempts.len(), 4);
    for attempt in &attempts {
        assert_eq!(attempt.dispatch_attempt(), Some("3"));
        assert_eq!(attempt.trace_id(), Some("t-1"));
        assert_eq!((attempt.path(), attempt.body()), (attempts[0].path(), attempts[0].body()));
    }
}

#[test]
fn after_three_attempts_it_is_given_up_counted_and_logged() {
    let plane = ControlPlane::start();
    plane.fail_always(Fault::Status(500));
    let mut probe = probe(&plane, &[]);
    assert_eq!(probe.invoke("e-1", &json!(1)).status, 200);
    assert_eq!(lost(&probe, "e-1")["execution_id"], "e-1");
    assert!((probe.metric("callback_drops_total", &[]) - 1.0).abs() < 0.5);
    probe.stop();
    assert_eq!(plane.attempts("e-1").len(), 3);
}

#[test]
fn the_number_of_attempts_can_be_chosen() {
    let plane = ControlPlane::start();
    plane.fail_always(Fault::Status(500));
    let mut probe = probe(&plane, &[("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "1")]);
    assert_eq!(probe.invoke("e-1", &json!(1)).status, 200);
    assert_eq!(lost(&probe, "e-1")["execution_id"], "e-1");
    probe.stop();
    assert_eq!(plane.attempts("e-1").len(), 1);
}

/// The second callback is tried again twice after the usual pauses, and overtakes the first one.
#[test]
fn retry_after_is_obeyed() {
    let plane = ControlPlane::start();
    let probe = probe(&plane, &[]);
    plane.fail_next([Fault::RetryAfter(503, 4)]);
    assert_eq!(probe.invoke("asked-to-wait", &json!(1)).status, 200);
    assert_eq!(plane.arrived("asked-to-wait", 1).len(), 1);
    plane.fail_next([Fault::Status(503), Fault::Status(503)]);
    assert_eq!(probe.invoke("not-asked", &json!(1)).status, 200);
    assert!(plane.accepted("not-asked").success());
    assert_eq!(plane.attempts("asked-to-wait").len(), 1);
    assert!(plane.accepted("asked-to-wait").success());
}

#[test]
fn one_callback_in_trouble_does_not_hold_up_the_others() {
    let plane = ControlPlane::start();
    let probe = probe(&plane, &[("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "600000")]);
    plane.fail_next([Fault::Hang]);
    assert_eq!(probe.invoke("e-1", &json!(1)).status, 200);
    assert_eq!(plane.arrived("e-1", 1).len(), 1);
    for id in ["e-2", "e-3"] {
        assert_eq!(probe.invoke(id, &json!(1)).status, 200);
        assert!(plane.accepted(id).success());
    }
}
