//! What a caller reads after the function ended.

use harness::Function;
use serde_json::json;

#[test]
fn a_success_is_the_bare_output() {
    let hello = Function::start("hello", &[]);
    let answer = hello.invoke("e-1", &json!("hello"));
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"result":"HELLO"}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn a_plain_success_is_not_marked_as_the_functions_own_answer() {
    let probe = Function::start("probe", &[]);
    assert_eq!(probe.invoke("e-1", &json!(1)).header("x-nanofaas-function-status"), None);
}

#[test]
fn an_output_comes_back_as_it_went_in() {
    let probe = Function::start("probe", &[]);
    for input in [
        json!(null),
        json!(false),
        json!(-9_007_199_254_740_993_i64),
        json!(0.1),
        json!(""),
        json!("ünï \u{1F980} \"quoted\" \\ \n \u{0}"),
        json!([]),
        json!({ "a": [{ "b": {} }, null] }),
    ] {
        let answer = probe.invoke("e-1", &input);
        assert_eq!((answer.status, answer.json()), (200, json!({ "echo": input })));
    }
}

#[test]
fn a_null_output_is_written_out() {
    let specimen = Function::start("specimen", &[("FUNCTION_HANDLER", "nothing")]);
    let answer = specimen.invoke("e-1", &json!(null));
    assert_eq!((answer.status, answer.text().as_str()), (200, "null"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn the_function_learns_what_the_request_says() {
    let probe = Function::start("probe", &[("TIMEOUT_MS", "60000")]);
    let body = json!({
        "input": { "context": true },
        "metadata": { "tenant": "t" },
        "headers": { "accept": "text/html" },
    });
    let headers = [("X-Execution-Id", "e-1"), ("X-Trace-Id", "t-1"), ("X-Dispatch-Attempt", "3")];
    let context = probe.post(&headers, body.to_string()).json()["context"].take();
    assert_eq!(context["execution_id"], "e-1");
    assert_eq!(context["trace_id"], "t-1");
    assert_eq!(context["dispatch_attempt"], "3");
    assert_eq!(context["metadata"], json!({ "tenant": "t" }));
    assert_eq!(context["headers"], json!({ "accept": "text/html" }));
    assert_eq!(context["cold_start"], true);
    let remaining = context["remaining_ms"].as_u64().expect("a time");
    assert!((1..=60_000).contains(&remaining), "{remaining}");
}

#[test]
fn a_function_that_fails_sends_its_message_as_a_handler_error() {
    let probe = Function::start("probe", &[]);
    let answer = probe.invoke("e-1", &json!({ "fail": "out of ink" }));
    assert_eq!(answer.refusal(), (500, "HANDLER_ERROR".to_owned()));
    assert_eq!(answer.json()["error"], "out of ink");
    assert_eq!(answer.header("x-nanofaas-function-status"), None);
}

#[test]
fn an_author_chooses_code_and_status_of_an_error() {
    let probe = Function::start("probe", &[]);
    let input = json!({ "fail": "only 3 left", "code": "SOLD_OUT", "status": 409 });
    let answer = probe.invoke("e-1", &input);
    assert_eq!(answer.refusal(), (409, "SOLD_OUT".to_owned()));
    assert_eq!(answer.json()["error"], "only 3 left");
}

#[test]
fn an_error_is_never_answered_as_a_success() {
    let probe = Function::start("probe", &[]);
    for status in [0, 99, 200, 204, 304, 399, 600, 999] {
        let answer = probe.invoke("e-1", &json!({ "fail": "no ink", "code": "NO_INK", "status": status }));
        assert!((400..600).contains(&answer.status), "{status} {answer:?}");
        assert_eq!(answer.refusal().1, "NO_INK", "{status}");
    }
}

#[test]
fn an_error_type_chooses_code_and_status_for_each_variant() {
    let orders = Function::start("orders", &[]);
    for (item, quantity, status, code, message) in [
        ("ink", 1, 404, "UNKNOWN_ITEM", "no item `ink`"),
        ("pen", 101, 409, "SOLD_OUT", "only 100 left"),
        ("yacht", 9, 500, "TOO_EXPENSIVE", "the total is beyond counting"),
    ] {
        let answer = orders.invoke("e-1", &json!({ "item": item, "quantity": quantity }));
        assert_eq!(answer.refusal(), (status, code.to_owned()));
        assert_eq!(answer.json()["error"], message);
    }
}

#[test]
fn a_function_finds_the_state_that_init_made() {
    let orders = Function::start("orders", &[]);
    let answer = orders.invoke("e-1", &json!({ "item": "pen", "quantity": 3 }));
    assert_eq!((answer.status, answer.json()), (200, json!({ "total": 600 })));
}

#[test]
fn a_panic_is_answered_and_the_process_lives_on() {
    let probe = Function::start("probe", &[]);
    let answer = probe.invoke("e-1", &json!({ "panic": "no ink" }));
    assert_eq!(answer.refusal(), (500, "HANDLER_PANIC".to_owned()));
    assert_eq!(probe.invoke("e-2", &json!(1)).status, 200);
    assert_eq!(probe.get("/health").status, 200);
}

#[test]
fn a_panic_on_the_functions_own_thread_is_answered_too() {
    let specimen = Function::start("specimen", &[("FUNCTION_HANDLER", "panic_blocking")]);
    for id in ["e-1", "e-2", "e-3"] {
        assert_eq!(specimen.invoke(id, &json!(null)).refusal(), (500, "HANDLER_PANIC".to_owned()));
    }
}
