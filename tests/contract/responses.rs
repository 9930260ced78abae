//! Functions that choose the status and the headers of their answer.

use harness::{Answer, ControlPlane, Function};
use serde_json::{Value, json};

const MARK: &str = "x-nanofaas-function-status";

fn respond(probe: &Function, respond: &Value) -> Answer {
    probe.invoke("e-1", &json!({ "respond": respond }))
}

#[test]
fn a_status_of_the_functions_own_is_marked() {
    let probe = Function::start("probe", &[]);
    for status in [200, 201, 302, 404, 429, 503, 599] {
        let asked = json!({ "status": status });
        let answer = respond(&probe, &asked);
        assert_eq!((answer.status, answer.header(MARK)), (status, Some("true")));
        assert_eq!(answer.json(), json!({ "echo": { "respond": asked } }));
    }
}

#[test]
fn headers_of_the_functions_own_are_marked_and_the_status_stays_200() {
    let probe = Function::start("probe", &[]);
    let answer = respond(&probe, &json!({ "headers": { "etag": "\"1\"" } }));
    assert_eq!((answer.status, answer.header(MARK), answer.header("etag")), (200, Some("true"), Some("\"1\"")));
}

#[test]
fn only_the_eight_headers_pass() {
    let probe = Function::start("probe", &[]);
    let passing = [
        ("content-type", "text/csv"),
        ("location", "/orders/7"),
        ("cache-control", "no-store"),
        ("etag", "\"7\""),
        ("content-disposition", "attachment"),
        ("content-language", "de"),
        ("retry-after", "9"),
        ("vary", "accept"),
    ];
    let mut asked: serde_json::Map<String, Value> =
        passing.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let held_back =
        ["set-cookie", "x-own", "server", "x-execution-id", "x-cold-start", "transfer-encoding", "connection"];
    for name in held_back {
        asked.insert(name.to_owned(), json!("true"));
    }
    // Its first answer has cold-start headers of its own.
    assert_eq!(probe.invoke("e-0", &json!(0)).status, 200);
    let answer = respond(&probe, &json!({ "status": 201, "headers": asked }));
    assert_eq!(answer.status, 201);
    for (name, value) in passing {
        assert_eq!(answer.header(name), Some(value), "{name}");
        assert_eq!(answer.headers.iter().filter(|(known, _)| known == name).count(), 1, "{name}");
    }
    for name in held_back {
        assert_eq!(answer.header(name), None, "{name}");
    }
}

#[test]
fn a_header_cannot_smuggle_in_another_one() {
    let probe = Function::start("probe", &[]);
    let answer = respond(&probe, &json!({ "headers": { "location": "/a\r\nset-cookie: x=1" } }));
    assert_eq!((answer.status, answer.header("set-cookie")), (200, None));
}

#[test]
fn a_status_outside_of_200_to_599_is_an_error_of_the_function() {
    let probe = Function::start("probe", &[]);
    for status in [0, 100, 101, 199, 600, 999] {
        let answer = respond(&probe, &json!({ "status": status }));
        assert_eq!((answer.status, answer.header(MARK)), (500, None), "{status}");
        assert_eq!(answer.refusal().0, 500, "{status}");
    }
}

#[test]
fn an_answer_that_may_have_no_body_leaves_the_connection_in_order() {
    let probe = Function::start("probe", &[]);
    let mut connection = probe.connect();
    for status in [204, 304] {
        let body = json!({ "input": { "respond": { "status": status } } }).to_string();
        let answer = connection.request("POST", "/invoke", &[("X-Execution-Id", "e-1")], body.as_bytes());
        assert_eq!((answer.status, answer.header(MARK)), (status, Some("true")));
        let next = connection.request("GET", "/health", &[], b"");
        assert_eq!((next.status, next.text().as_str()), (200, r#"{"status":"ok"}"#), "after {status}");
    }
}

#[test]
fn the_callback_is_a_success_with_status_and_headers_beside_the_output() {
    let plane = ControlPlane::start();
    let probe = Function::start("probe", &[("CALLBACK_URL", &plane.callback_url())]);
    let asked = json!({ "status": 404, "headers": { "ETag": "\"7\"", "x-own": "no" } });
    assert_eq!(respond(&probe, &asked).status, 404);
    let callback = plane.accepted("e-1");
    let expected = json!({
        "success": true,
        "output": { "echo": { "respond": asked } },
        "error": null,
        "statusCode": 404,
        "headers": { "etag": "\"7\"" },
    });
    assert_eq!(callback.body(), &expected);
}

#[test]
fn a_functions_own_503_is_not_retried_by_the_callback_or_counted_as_a_refusal() {
    let plane = ControlPlane::start();
    let mut probe = Function::start("probe", &[("CALLBACK_URL", &plane.callback_url())]);
    let answer = respond(&probe, &json!({ "status": 503 }));
    assert_eq!((answer.status, answer.header("retry-after")), (503, None));
    assert!(probe.metric("refusals_total", &[]) < 0.5);
    probe.stop();
    assert_eq!(plane.attempts("e-1").len(), 1);
}
