//! Requests of Flowfile's API that are none: answered in the words of the original service.

use harness::Kernel;
use serde_json::{Value, json};

fn detail(kernel: &Kernel, body: &Value) -> Value {
    let answer = kernel.post("/execute", body);
    assert_eq!(answer.status, 422, "{body} {}", answer.text());
    answer.json()["detail"].clone()
}

#[test]
fn a_node_and_code_are_needed() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let missing = |key: &str, input: &Value| json!({ "type": "missing", "loc": ["body", key], "msg": "Field required", "input": input });
    let empty = json!({});
    assert_eq!(detail(&kernel, &empty), json!([missing("node_id", &empty), missing("code", &empty)]));
    let node = json!({ "node_id": 1 });
    assert_eq!(detail(&kernel, &node), json!([missing("code", &node)]));
    let code = json!({ "code": "1" });
    assert_eq!(detail(&kernel, &code), json!([missing("node_id", &code)]));
}

#[test]
fn every_value_has_its_kind() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for (key, value, kind, place) in [
        ("code", json!(1), "string_type", json!(["body", "code"])),
        ("code", json!(null), "string_type", json!(["body", "code"])),
        ("flow_id", json!("x"), "int_parsing", json!(["body", "flow_id"])),
        ("flow_id", json!([]), "int_type", json!(["body", "flow_id"])),
        ("flow_id", json!(null), "int_type", json!(["body", "flow_id"])),
        ("interactive", json!("maybe"), "bool_parsing", json!(["body", "interactive"])),
        ("interactive", json!([]), "bool_type", json!(["body", "interactive"])),
        ("input_paths", json!([]), "dict_type", json!(["body", "input_paths"])),
        ("input_paths", json!({ "main": "x" }), "list_type", json!(["body", "input_paths", "main"])),
        ("input_paths", json!({ "main": [1] }), "string_type", json!(["body", "input_paths", "main", 0])),
        ("output_dir", json!(1), "string_type", json!(["body", "output_dir"])),
        ("log_callback_url", json!(1), "string_type", json!(["body", "log_callback_url"])),
    ] {
        let mut body = json!({ "node_id": 1, "code": "1" });
        body[key] = value.clone();
        let found = detail(&kernel, &body);
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{key} {found:#}");
        assert_eq!((&found[0]["type"], &found[0]["loc"]), (&json!(kind), &place), "{key} {found:#}");
        assert!(found[0]["msg"].as_str().is_some_and(|text| !text.is_empty()), "{key} {found:#}");
        // An input inside is the innermost one.
        let inner = match key {
            "input_paths" if kind == "list_type" => json!("x"),
            "input_paths" if kind == "string_type" => json!(1),
            _ => value,
        };
        assert_eq!(found[0]["input"], inner, "{key} {found:#}");
    }
}

#[test]
fn several_mistakes_are_told_at_once() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let found = detail(&kernel, &json!({ "node_id": 1, "code": 1, "flow_id": "x", "interactive": "maybe" }));
    let kinds: Vec<_> = found.as_array().expect("a list").iter().map(|error| error["type"].clone()).collect();
    assert_eq!(json!(kinds), json!(["string_type", "int_parsing", "bool_parsing"]), "{found:#}");
}

#[test]
fn a_node_is_a_number_or_a_text() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for node in [json!([]), json!({}), json!(null)] {
        let found = detail(&kernel, &json!({ "node_id": node, "code": "1" }));
        assert_eq!((&found[0]["loc"][0], &found[0]["loc"][1]), (&json!("body"), &json!("node_id")), "{found:#}");
    }
    for node in [json!(1), json!("1"), json!("node_1"), json!(-5), json!("größe/ x")] {
        kernel.node_succeeds(node, "pass", &json!({}));
    }
}

#[test]
fn what_can_be_read_as_meant_is_taken() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let keys = json!({ "flow_id": "7", "interactive": "true", "unknown": 1 });
    let answer = kernel.node_succeeds(1, "42", &keys);
    assert_eq!(answer["display_outputs"].as_array().map(Vec::len), Some(1), "{answer:#}");
    kernel.node_succeeds(2, "x = 1", &json!({ "flow_id": 7.0, "interactive": 1 }));
    kernel.node_succeeds(3, "x", &json!({ "flow_id": 7 }));
}

#[test]
fn no_json_and_no_object_are_told_apart() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for (body, kind) in
        [("{", "json_invalid"), ("[]", "model_attributes_type"), ("1", "model_attributes_type"), ("", "missing")]
    {
        let answer = kernel.post_raw("/execute", body);
        assert_eq!((answer.status, &answer.json()["detail"][0]["type"]), (422, &json!(kind)), "{body:?}");
    }
}

#[test]
fn a_query_that_is_no_number_is_a_mistake() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for (method, path) in [
        ("GET", "/artifacts?flow_id=x"),
        ("POST", "/clear?flow_id=x"),
        ("POST", "/clear_namespace?flow_id=x"),
        ("GET", "/artifacts/node/1?flow_id=x"),
    ] {
        let answer = kernel.request(method, path, "");
        assert_eq!(answer.status, 422, "{path} {}", answer.text());
        let found = answer.json()["detail"][0].clone();
        assert_eq!((&found["type"], &found["loc"]), (&json!("int_parsing"), &json!(["query", "flow_id"])), "{path}");
    }
}

#[test]
fn a_list_of_nodes_is_needed_to_clear_them() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for (body, kind, place) in [
        (json!({}), "missing", json!(["body", "node_ids"])),
        (json!({ "node_ids": 1 }), "list_type", json!(["body", "node_ids"])),
    ] {
        let answer = kernel.post("/clear_node_artifacts", &body);
        assert_eq!(answer.status, 422, "{}", answer.text());
        let found = answer.json()["detail"][0].clone();
        assert_eq!((&found["type"], &found["loc"]), (&json!(kind), &place), "{body}");
    }
}

#[test]
fn what_is_not_there_is_not_found_and_another_method_is_not_allowed() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for path in ["/", "/nowhere", "/artifacts/nowhere", "/session/0/health"] {
        let answer = kernel.get(path);
        assert_eq!((answer.status, answer.json()), (404, json!({ "detail": "Not Found" })), "{path}");
    }
    for (method, path, allow) in [
        ("GET", "/execute", "POST"),
        ("POST", "/artifacts", "GET"),
        ("GET", "/clear", "POST"),
        ("GET", "/clear_namespace", "POST"),
        ("GET", "/clear_node_artifacts", "POST"),
        ("GET", "/interrupt", "POST"),
        ("POST", "/memory", "GET"),
        ("POST", "/health", "GET"),
    ] {
        let answer = kernel.request(method, path, "");
        assert_eq!((answer.status, answer.json()), (405, json!({ "detail": "Method Not Allowed" })), "{path}");
        assert_eq!(answer.header("allow").map(|names| names.contains(allow)), Some(true), "{path}");
    }
}
