//! What a caller gets of a worker's line.

use harness::{Answer, ControlPlane, Watchdog, eventually};
use serde_json::{Value, json};

const MARK: &str = "x-nanofaas-function-status";

fn printed(watchdog: &Watchdog, id: &str, text: &str) -> Answer {
    watchdog.invoke(id, &json!({ "print": text }))
}

/// The watchdog answers on as if nothing had been, with another worker.
fn is_replaced(watchdog: &Watchdog, former: harness::Process) {
    let answer = eventually("a worker", || Some(watchdog.invoke("after", &json!(7))).filter(|it| it.status != 503));
    assert_eq!((answer.status, answer.json()), (200, json!({ "echo": 7 })));
    assert_ne!(watchdog.child("after"), former);
    former.wait_until_gone();
}

#[test]
fn the_line_is_the_output() {
    let plane = ControlPlane::start();
    let watchdog = Watchdog::with_child("WORKER", &[("CALLBACK_URL", &plane.callback_url())]);
    let texts =
        [r#"{"a":1}"#, "[]", "\"größe\"", "\"a\\u0000\\n\"", "0", "-1.5", "true", "null", " \t{\"a\": [1, 2]} ", "7\r"];
    for (number, text) in texts.iter().enumerate() {
        let id = format!("e-{number}");
        let answer = printed(&watchdog, &id, text);
        let expected: Value = serde_json::from_str(text).expect("a value");
        assert_eq!((answer.status, answer.json()), (200, expected.clone()), "{text:?}");
        let callback = plane.accepted(&id);
        assert_eq!((callback.success(), callback.output()), (true, &expected), "{text:?}");
    }
    assert!(watchdog.metric("child_restarts_total", &[]) < 0.5);
}

#[test]
fn an_envelope_sets_status_and_headers() {
    let plane = ControlPlane::start();
    let watchdog = Watchdog::with_child("WORKER", &[("CALLBACK_URL", &plane.callback_url())]);
    let headers = json!({ "etag": "\"1\"", "retry-after": "9", "set-cookie": "a=b" });
    let envelope = json!({ "__nanofaas_envelope__": true, "output": [1], "statusCode": 404, "headers": headers });
    let answer = printed(&watchdog, "e-1", &envelope.to_string());
    assert_eq!((answer.status, answer.json(), answer.header(MARK)), (404, json!([1]), Some("true")));
    let passing = (answer.header("etag"), answer.header("retry-after"), answer.header("set-cookie"));
    assert_eq!(passing, (Some("\"1\""), Some("9"), None));
    let callback = plane.accepted("e-1");
    assert_eq!((callback.success(), callback.output()), (true, &json!([1])));
    assert_eq!(callback.body()["statusCode"], 404);
}

#[test]
fn an_object_with_nothing_but_an_error_is_a_failure() {
    let plane = ControlPlane::start();
    let watchdog = Watchdog::with_child("WORKER", &[("CALLBACK_URL", &plane.callback_url())]);
    let first = watchdog.child("e-0");
    for (id, error, message) in [
        ("e-1", json!("no ink left"), "no ink left"),
        ("e-2", json!("größe \"x\"\nline 2"), "größe \"x\"\nline 2"),
        ("e-3", json!({ "a": [1] }), r#"{"a":[1]}"#),
        ("e-4", json!(7), "7"),
        ("e-5", json!([true]), "[true]"),
        ("e-6", json!(null), "null"),
    ] {
        let answer = printed(&watchdog, id, &json!({ "error": error }).to_string());
        assert_eq!(answer.refusal(), (500, "FUNCTION_ERROR".to_owned()), "{error}");
        assert_eq!(answer.json()["error"], message);
        let told = plane.accepted(id).error().expect("an error");
        assert_eq!((told.code.as_str(), told.message.as_str()), ("FUNCTION_ERROR", message));
    }
    assert_eq!(watchdog.child("e-7"), first, "a failure of the function is none of the worker");
}

#[test]
fn an_error_beside_other_keys_or_in_an_envelope_is_an_output() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    for output in [json!({ "error": "x", "more": 1 }), json!({ "errors": "x" }), json!([{ "error": "x" }])] {
        let answer = printed(&watchdog, "e-1", &output.to_string());
        assert_eq!((answer.status, answer.json()), (200, output));
    }
    let envelope = json!({ "__nanofaas_envelope__": true, "output": { "error": "x" } });
    let answer = printed(&watchdog, "e-2", &envelope.to_string());
    assert_eq!((answer.status, answer.json()), (200, json!({ "error": "x" })));
}

#[test]
fn a_line_that_is_not_json_is_a_failure_and_the_end_of_that_worker() {
    let lines: [(&[u8], &str); 8] = [
        (b"no ink left", "no ink left"),
        (b"", ""),
        (b"{\"a\":", ""),
        (b"1 2", "1 2"),
        (b"NaN", "NaN"),
        (b"\"\xff\xfe\"", ""),
        (b"\x00", ""),
        (b"{\"a\":1}\x00", ""),
    ];
    for (bytes, quoted) in lines {
        let watchdog = Watchdog::with_child("WORKER", &[]);
        let first = watchdog.child("e-0");
        let answer = watchdog.invoke("e-1", &json!({ "bytes": bytes }));
        assert_eq!(answer.refusal(), (500, "FUNCTION_ERROR".to_owned()), "{bytes:?}");
        assert!(answer.text().contains(quoted), "{bytes:?} {}", answer.text());
        is_replaced(&watchdog, first);
    }
}

#[test]
fn a_long_line_that_is_not_json_is_not_repeated_whole() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    let answer = printed(&watchdog, "e-1", &"no ink left ".repeat(10_000));
    assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()));
    assert!(answer.text().contains("no ink left") && answer.body.len() < 10_000, "{} bytes", answer.body.len());
}

#[test]
fn a_line_at_the_limit_passes_and_one_above_it_does_not() {
    let watchdog = Watchdog::with_child("WORKER", &[("NANOFAAS_MAX_OUTPUT_BYTES", "1000")]);
    let print = |size: usize| json!({ "print": format!("\"{}\"", "x".repeat(size - 2)) });
    let answer = watchdog.invoke("e-1", &print(1000));
    assert_eq!((answer.status, answer.body.len()), (200, 1000));
    assert_eq!(watchdog.invoke("e-2", &print(1010)).failure(), (500, "RUNTIME_OUTPUT_TOO_LARGE".to_owned()));
    let answer = eventually("a worker", || Some(watchdog.invoke("e-3", &print(1000))).filter(|it| it.status != 503));
    assert_eq!(answer.status, 200);
}

#[test]
fn a_line_without_end_costs_no_memory_and_is_the_end_of_that_worker() {
    let watchdog = Watchdog::with_child("WORKER", &[("WATCHDOG_KILL_GRACE_MS", "300")]);
    let (first, before) = (watchdog.child("e-0"), watchdog.process().memory_at_most());
    let answer = watchdog.invoke("e-1", &json!({ "endless": true }));
    assert_eq!(answer.failure(), (500, "RUNTIME_OUTPUT_TOO_LARGE".to_owned()));
    is_replaced(&watchdog, first);
    let after = watchdog.process().memory_at_most();
    assert!(after < before + 64 * 1024, "{before} KiB, then {after} KiB");
}

#[test]
fn a_status_there_is_not_is_a_failure() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    for status in [json!(99), json!(600), json!("404")] {
        let envelope = json!({ "__nanofaas_envelope__": true, "output": 1, "statusCode": status });
        let answer = eventually("a worker", || {
            Some(printed(&watchdog, "e-1", &envelope.to_string())).filter(|it| it.status != 503)
        });
        assert_eq!(answer.status, 500, "{status} {answer:?}");
    }
}
