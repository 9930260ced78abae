//! Requests that are none: answered in the words of the original service.

use harness::Kernel;
use serde_json::{Value, json};

fn detail(kernel: &Kernel, body: &str) -> Value {
    let answer = kernel.post_raw("/execute", body);
    assert_eq!(answer.status, 422, "{body} {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"), "{body}");
    answer.json()["detail"].clone()
}

#[test]
fn a_body_without_code_is_refused() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let missing =
        |loc: Value, input: Value| json!([{ "type": "missing", "loc": loc, "msg": "Field required", "input": input }]);
    assert_eq!(detail(&kernel, "{}"), missing(json!(["body", "code"]), json!({})));
    let other = r#"{"Code":"1"}"#;
    assert_eq!(detail(&kernel, other), missing(json!(["body", "code"]), json!({ "Code": "1" })));
    assert_eq!(detail(&kernel, ""), missing(json!(["body"]), json!(null)));
}

#[test]
fn code_that_is_no_text_is_refused() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for value in [json!(1), json!(null), json!(true), json!(["1"]), json!({ "a": 1 }), json!(1.5)] {
        let expected = json!([{
            "type": "string_type",
            "loc": ["body", "code"],
            "msg": "Input should be a valid string",
            "input": value,
        }]);
        assert_eq!(detail(&kernel, &json!({ "code": value }).to_string()), expected);
    }
}

#[test]
fn a_body_that_is_no_object_is_refused() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for value in [json!([]), json!("x"), json!(1), json!(false)] {
        let expected = json!([{
            "type": "model_attributes_type",
            "loc": ["body"],
            "msg": "Input should be a valid dictionary or object to extract fields from",
            "input": value,
        }]);
        assert_eq!(detail(&kernel, &value.to_string()), expected);
    }
}

#[test]
fn a_body_that_is_no_json_is_refused() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for body in [r#"{"code":"#, "x", r#"{"code":"a" "b":1}"#, "{'code':'1'}", r#"{"code":"1"} x"#, "\u{1}"] {
        let found = detail(&kernel, body);
        let error = &found[0];
        assert_eq!((&error["type"], &error["msg"]), (&json!("json_invalid"), &json!("JSON decode error")), "{body}");
        assert_eq!((&error["loc"][0], &error["input"]), (&json!("body"), &json!({})), "{body} {error}");
        assert!(error["loc"][1].is_u64() && error["ctx"]["error"].is_string(), "{body} {error}");
    }
    assert_eq!(detail(&kernel, r#"{"code":"#)[0]["loc"], json!(["body", 8]));
}

#[test]
fn keys_that_nobody_knows_do_no_harm() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let answer = kernel.post("/execute", &json!({ "code": "1", "more": [1] }));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn a_refused_request_executes_nothing_and_harms_nothing() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("x = 1");
    let _ = detail(&kernel, "[]");
    let _ = kernel.post_raw("/execute", b"\xff\xfe\0");
    assert_eq!(kernel.value("x"), "1");
}

#[test]
fn what_is_not_there_is_not_found() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for path in ["/", "/nowhere", "/execute/more", "/session", "/session/0", "/session/0/nowhere", "/artifacts"] {
        let answer = kernel.get(path);
        assert_eq!((answer.status, answer.json()), (404, json!({ "detail": "Not Found" })), "{path}");
    }
}

#[test]
fn another_method_is_not_allowed_and_the_right_one_is_named() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for (method, path, allow) in [
        ("GET", "/execute", "POST"),
        ("PUT", "/execute", "POST"),
        ("DELETE", "/restart", "POST"),
        ("POST", "/health", "GET"),
        ("POST", "/ready", "GET"),
        ("POST", "/restart-status", "GET"),
        ("GET", "/session/0/execute", "POST"),
        ("POST", "/session/0/health", "GET"),
    ] {
        let answer = kernel.request(method, path, "");
        let expected = json!({ "detail": "Method Not Allowed" });
        assert_eq!((answer.status, answer.json()), (405, expected), "{method} {path}");
        let allowed = answer.header("allow").unwrap_or_default();
        assert!(allowed.split(',').any(|known| known.trim() == allow), "{method} {path} {allowed}");
    }
}

#[test]
fn a_large_program_is_executed() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = format!("text = '{}'\nlen(text)", "x".repeat(500_000));
    assert_eq!(kernel.value(&code), "500000");
}

#[test]
fn any_letter_is_code() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    assert_eq!(kernel.value("größe = '世界🎈'\ngröße"), "'世界🎈'");
    assert_eq!(kernel.value("'a\\r\\n\\tb'"), r"'a\r\n\tb'");
    assert_eq!(kernel.value("x = 1\r\nx + 1\r\n"), "2");
}
