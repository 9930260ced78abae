//! What may stand in the body of a request.

use harness::Function;
use serde_json::{Value, json};

const ID: [(&str, &str); 1] = [("X-Execution-Id", "e-1")];

/// The body is refused as a request, and the next one is served.
fn refuses(function: &Function, body: impl AsRef<[u8]>) {
    let body = body.as_ref();
    let answer = function.post(&ID, body);
    let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
    assert_eq!(answer.refusal(), (400, "INVALID_REQUEST".to_owned()), "{shown}");
    assert_eq!(function.get("/health").status, 200, "{shown}");
}

/// What the probe found in this body.
fn context(probe: &Function, body: &Value) -> Value {
    let answer = probe.post(&ID, body.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["context"].take()
}

#[test]
fn null_and_absent_keys_are_the_same() {
    let probe = Function::start("probe", &[]);
    for body in ["{}", r#"{"input":null}"#, r#"{"input":null,"metadata":null,"headers":null}"#] {
        let answer = probe.post(&ID, body);
        assert_eq!((answer.status, answer.json()), (200, json!({ "echo": null })), "{body}");
    }
}

#[test]
fn metadata_and_headers_that_are_null_or_absent_are_empty() {
    let probe = Function::start("probe", &[]);
    let input = json!({ "context": true });
    for body in [
        json!({ "input": input }),
        json!({ "input": input, "metadata": null, "headers": null }),
        json!({ "input": input, "metadata": {}, "headers": {} }),
    ] {
        let context = context(&probe, &body);
        assert_eq!((&context["metadata"], &context["headers"]), (&json!({}), &json!({})), "{body}");
    }
}

#[test]
fn a_typed_function_learns_metadata_too() {
    let trades = Function::start("two-functions", &[("FUNCTION_HANDLER", "buy")]);
    for (metadata, customer) in
        [(json!(null), json!(null)), (json!({ "customer": "Ada" }), json!("Ada")), (json!({}), json!(null))]
    {
        let body = json!({ "input": { "item": "pen", "quantity": 2 }, "metadata": metadata });
        let answer = trades.post(&ID, body.to_string());
        assert_eq!(answer.json(), json!({ "item": "pen", "change": 2, "customer": customer }), "{body}");
    }
}

#[test]
fn unknown_keys_are_ignored() {
    let hello = Function::start("hello", &[]);
    let body = r#"{"later":[1,{"a":null}],"input":"x","Input":7,"execution_id":"other"}"#;
    let answer = hello.post(&ID, body);
    assert_eq!((answer.status, answer.json()), (200, json!({ "result": "X" })));
}

#[test]
fn white_space_around_the_body_is_ignored() {
    let hello = Function::start("hello", &[]);
    assert_eq!(hello.post(&ID, " \r\n\t{ \"input\" : \"x\" } \n").status, 200);
}

#[test]
fn a_body_that_is_no_json_object_is_refused() {
    let hello = Function::start("hello", &[]);
    for body in
        ["", " ", "null", "[]", "\"text\"", "7", "{", "{\"input\":1", "{\"input\":1} x", "{'input':1}", "\u{feff}{}"]
    {
        refuses(&hello, body);
    }
}

#[test]
fn metadata_or_headers_that_are_no_objects_are_refused() {
    let hello = Function::start("hello", &[]);
    for key in ["metadata", "headers"] {
        for value in ["[]", "\"x\"", "7", "true"] {
            refuses(&hello, format!(r#"{{"input":"x","{key}":{value}}}"#));
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    let hello = Function::start("hello", &[]);
    for bytes in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80"] {
        refuses(&hello, [b"{\"input\":\"", bytes, b"\"}"].concat());
        refuses(&hello, [b"{\"later\":\"", bytes, b"\",\"input\":\"x\"}"].concat());
    }
}

#[test]
fn half_of_a_surrogate_pair_is_refused() {
    refuses(&Function::start("hello", &[]), r#"{"input":"\ud800"}"#);
}

#[test]
fn a_number_that_no_reader_can_hold_is_refused() {
    let probe = Function::start("probe", &[]);
    for number in ["1e999", "-1e999", "[1e999]", "NaN", "Infinity", "01", "+1", ".5"] {
        refuses(&probe, format!(r#"{{"input":{number}}}"#));
    }
}

#[test]
fn a_key_twice_in_one_object_is_refused() {
    let probe = Function::start("probe", &[]);
    refuses(&probe, r#"{"input":1,"input":2}"#);
    refuses(&probe, r#"{"input":{"a":1,"a":2}}"#);
    refuses(&probe, r#"{"input":[{"a":{"key":1,"\u006bey":2}}]}"#);
    refuses(&probe, r#"{"input":1,"metadata":{"a":"1","a":"2"}}"#);
}

#[test]
fn deep_nesting_is_refused_and_does_not_end_the_process() {
    let probe = Function::start("probe", &[]);
    for levels in [1000, 100_000] {
        refuses(&probe, format!(r#"{{"input":{}{}}}"#, "[".repeat(levels), "]".repeat(levels)));
        refuses(&probe, format!(r#"{{"input":{}"#, "[".repeat(levels)));
        refuses(&probe, format!(r#"{{"later":{}1{}}}"#, "{\"a\":".repeat(levels), "}".repeat(levels)));
    }
}

#[test]
fn nesting_that_people_use_is_served() {
    let probe = Function::start("probe", &[]);
    let body = format!(r#"{{"input":{}{}}}"#, "[".repeat(100), "]".repeat(100));
    assert_eq!(probe.post(&ID, body).status, 200);
}

#[test]
fn an_input_of_another_type_is_refused_with_its_path() {
    let orders = Function::start("orders", &[]);
    for (input, start) in [
        (json!({ "item": "pen", "quantity": "three" }), "quantity: "),
        (json!({ "item": "pen", "quantity": -1 }), "quantity: "),
        (json!({ "item": 7, "quantity": 1 }), "item: "),
    ] {
        let answer = orders.invoke("e-1", &input);
        assert_eq!(answer.refusal(), (400, "INVALID_INPUT".to_owned()), "{input}");
        let message = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(message.starts_with(start), "{message}");
    }
}

#[test]
fn an_input_that_is_missing_parts_names_them() {
    let orders = Function::start("orders", &[]);
    let answer = orders.invoke("e-1", &json!({ "item": "pen" }));
    assert_eq!(answer.refusal(), (400, "INVALID_INPUT".to_owned()));
    assert!(answer.json()["error"].as_str().is_some_and(|message| message.contains("quantity")), "{answer:?}");
}

#[test]
fn an_input_of_another_type_is_refused_at_the_top_too() {
    let hello = Function::start("hello", &[]);
    for input in [json!(null), json!(7), json!(["x"]), json!({ "name": "x" })] {
        assert_eq!(hello.invoke("e-1", &input).refusal(), (400, "INVALID_INPUT".to_owned()), "{input}");
    }
}
