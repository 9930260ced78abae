//! What a caller gets of what a child answers.

use harness::{Answer, ControlPlane, Watchdog};
use serde_json::{Value, json};

const MARK: &str = "x-nanofaas-function-status";

fn answered(watchdog: &Watchdog, id: &str, answer: &Value) -> Answer {
    watchdog.invoke(id, &json!({ "answer": answer }))
}

#[test]
fn a_status_of_an_http_childs_own_passes_where_it_is_marked() {
    let plane = ControlPlane::start();
    let watchdog = Watchdog::with_child("HTTP", &[("CALLBACK_URL", &plane.callback_url())]);
    for (id, status) in [("e-1", 201), ("e-2", 404), ("e-3", 503)] {
        let headers = json!({ MARK: "true", "etag": "\"1\"", "set-cookie": "a=b", "content-type": "application/json" });
        let answer = answered(&watchdog, id, &json!({ "status": status, "headers": headers, "body": [1] }));
        assert_eq!((answer.status, answer.json()), (status, json!([1])));
        assert_eq!((answer.header(MARK), answer.header("etag")), (Some("true"), Some("\"1\"")));
        assert_eq!(answer.header("set-cookie"), None);
        let callback = plane.accepted(id);
        assert_eq!((callback.success(), callback.output()), (true, &json!([1])));
        assert_eq!(callback.body()["statusCode"], json!(status));
        assert_eq!(callback.body()["headers"]["etag"], "\"1\"");
    }
}

#[test]
fn a_status_of_an_http_childs_own_is_a_failure_where_it_is_not_marked() {
    let plane = ControlPlane::start();
    let watchdog = Watchdog::with_child("HTTP", &[("CALLBACK_URL", &plane.callback_url())]);
    for (id, own, status) in [("e-1", 404, 404), ("e-2", 503, 503), ("e-3", 302, 500)] {
        let headers = json!({ "etag": "\"1\"", "location": "/elsewhere" });
        let answer = answered(&watchdog, id, &json!({ "status": own, "headers": headers, "body": "no such item" }));
        assert_eq!(answer.failure(), (status, "FUNCTION_ERROR".to_owned()));
        let message = answer.json()["error"].as_str().expect("a message").to_owned();
        assert!(message.contains(&own.to_string()) && message.contains("no such item"), "{message}");
        assert_eq!((answer.header(MARK), answer.header("location")), (None, None));
        let callback = plane.accepted(id).error().expect("an error");
        assert_eq!((callback.code.as_str(), callback.message), ("FUNCTION_ERROR", message));
    }
}

#[test]
fn a_childs_retry_after_passes() {
    let watchdog = Watchdog::with_child("HTTP", &[]);
    for (status, marked) in [(503, false), (429, false), (503, true)] {
        let mut headers = json!({ "retry-after": "17" });
        if marked {
            headers[MARK] = json!("true");
        }
        let answer = answered(&watchdog, "e-1", &json!({ "status": status, "headers": headers, "body": {} }));
        assert_eq!((answer.status, answer.header("retry-after")), (status, Some("17")), "{marked}");
    }
}

#[test]
fn a_long_error_body_is_not_repeated_whole() {
    let watchdog = Watchdog::with_child(
        "HTTP",
        &[("NANOFAAS_MAX_INPUT_BYTES", "3000000"), ("NANOFAAS_MAX_OUTPUT_BYTES", "3000000")],
    );
    let body = "no ink ".repeat(300_000);
    let answer = answered(&watchdog, "e-1", &json!({ "status": 500, "body": body }));
    assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()));
    assert!(answer.text().contains("no ink") && answer.body.len() < 100_000, "{} bytes", answer.body.len());
}

#[test]
fn an_http_answer_that_is_not_json_is_a_failure() {
    let watchdog = Watchdog::with_child("HTTP", &[]);
    for body in ["plain words", "{", "1 2", "<html></html>"] {
        let answer = answered(&watchdog, "e-1", &json!({ "body": body }));
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{body}");
    }
    assert_eq!(watchdog.invoke("e-2", &json!(1)).status, 200);
}

#[test]
fn an_http_answer_without_a_body_is_null() {
    let plane = ControlPlane::start();
    let watchdog = Watchdog::with_child("HTTP", &[("CALLBACK_URL", &plane.callback_url())]);
    for (id, status) in [("e-1", 200), ("e-2", 202), ("e-3", 204)] {
        let answer = answered(&watchdog, id, &json!({ "status": status }));
        assert_eq!((answer.status, answer.text().as_str()), (200, "null"), "{status}");
        let expected = json!({ "success": true, "output": null, "error": null });
        assert_eq!(plane.accepted(id).body(), &expected, "{status}");
    }
}

#[test]
fn an_http_answer_that_breaks_off_is_a_failure() {
    let watchdog = Watchdog::with_child("HTTP", &[]);
    for raw in [
        "",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12",
    ] {
        let answer = watchdog.invoke("e-1", &json!({ "raw": raw }));
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{raw:?}");
        assert_eq!(watchdog.invoke("e-2", &json!(1)).status, 200, "{raw:?}");
    }
    assert!(watchdog.metric("child_restarts_total", &[]) < 0.5, "a child that lives was replaced");
}

#[test]
fn an_http_child_that_closes_kept_connections_fails_no_call() {
    let watchdog = Watchdog::with_child("HTTP", &[]);
    for number in 0..50 {
        let raw = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\n7";
        let answer = watchdog.invoke(&format!("e-{number}"), &json!({ "raw": raw }));
        assert_eq!((answer.status, answer.text().as_str()), (200, "7"), "{number}");
    }
}

#[test]
fn the_ids_of_a_call_reach_an_http_child() {
    let watchdog = Watchdog::with_child("HTTP", &[]);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers =
        [("X-Execution-Id", "e-1"), ("X-Trace-Id", "t-1"), ("X-Dispatch-Attempt", "2"), ("traceparent", trace)];
    let seen = watchdog.post(&headers, r#"{"input":{"report":true}}"#).json()["headers"].clone();
    for (name, value) in headers.into_iter().chain([("content-type", "application/json")]) {
        assert_eq!(seen[name.to_ascii_lowercase()], value, "{seen}");
    }
}

#[test]
fn a_process_sets_status_and_headers_with_an_envelope() {
    let headers = json!({ "etag": "\"1\"", "retry-after": "9", "set-cookie": "a=b" });
    let print =
        json!({ "__nanofaas_envelope__": true, "output": [1], "statusCode": 404, "headers": headers }).to_string();
    for mode in ["STDIO", "FILE"] {
        let plane = ControlPlane::start();
        let watchdog = Watchdog::with_child(mode, &[("CALLBACK_URL", &plane.callback_url())]);
        let answer = watchdog.invoke("e-1", &json!({ "print": print }));
        assert_eq!((answer.status, answer.json(), answer.header(MARK)), (404, json!([1]), Some("true")), "{mode}");
        let passing = (answer.header("etag"), answer.header("retry-after"), answer.header("set-cookie"));
        assert_eq!(passing, (Some("\"1\""), Some("9"), None), "{mode}");
        let callback = plane.accepted("e-1");
        assert_eq!((callback.success(), callback.output()), (true, &json!([1])), "{mode}");
        assert_eq!(callback.body()["statusCode"], 404, "{mode}");
    }
}

#[test]
fn a_process_that_wants_a_status_there_is_not_is_a_failure() {
    let watchdog = Watchdog::with_child("STDIO", &[]);
    for status in [json!(99), json!(600), json!("404"), json!(100)] {
        let print = json!({ "__nanofaas_envelope__": true, "output": 1, "statusCode": status }).to_string();
        let answer = watchdog.invoke("e-1", &json!({ "print": print }));
        assert_eq!(answer.status, 500, "{status} {answer:?}");
    }
}

#[test]
fn what_only_looks_like_an_envelope_is_an_output() {
    let watchdog = Watchdog::with_child("STDIO", &[]);
    for output in
        [json!({ "statusCode": 404 }), json!({ "__nanofaas_envelope__": false, "output": 1, "statusCode": 404 })]
    {
        let answer = watchdog.invoke("e-1", &json!({ "print": output.to_string() }));
        assert_eq!((answer.status, answer.json(), answer.header(MARK)), (200, output, None));
    }
}

#[test]
fn a_process_that_ends_with_a_status_is_a_failure_with_its_last_words() {
    for mode in ["STDIO", "FILE"] {
        let plane = ControlPlane::start();
        let watchdog = Watchdog::with_child(mode, &[("CALLBACK_URL", &plane.callback_url())]);
        let answer = watchdog.invoke("e-1", &json!({ "stderr": "first\nno ink left\n", "exit": 43 }));
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{mode}");
        let message = answer.json()["error"].as_str().expect("a message").to_owned();
        assert!(message.contains("43") && message.contains("no ink left"), "{mode} {message}");
        assert_eq!(plane.accepted("e-1").error().expect("an error").message, message, "{mode}");
    }
}

#[test]
fn a_process_that_a_signal_ends_is_a_failure_with_its_name() {
    for mode in ["STDIO", "FILE"] {
        let watchdog = Watchdog::with_child(mode, &[]);
        for (input, name) in [(json!({ "abort": true }), "SIGABRT"), (json!({ "sh": "kill -KILL $PPID" }), "SIGKILL")] {
            let answer = watchdog.invoke("e-1", &input);
            assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{mode} {name}");
            assert!(answer.text().contains(name), "{mode} {answer:?}");
        }
    }
}
