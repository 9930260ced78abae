//! What is told of artifacts, and how several are cleared at once.

use harness::{Gate, Kernel};
use serde_json::json;

fn names(kernel: &Kernel, path: &str) -> Vec<String> {
    let answer = kernel.get(path);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().as_object().expect("an object").keys().cloned().collect()
}

#[test]
fn each_is_described() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    kernel.node_succeeds(24, "flowfile.publish_artifact('m', {'a': 1})", &json!({ "flow_id": 3 }));
    let described = kernel.get("/artifacts").json()["m"].clone();
    let keys: Vec<_> = described.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["created_at", "flow_id", "module", "name", "node_id", "size_bytes", "type_name"], "{described}");
    for (key, value) in [
        ("name", json!("m")),
        ("type_name", json!("dict")),
        ("module", json!("builtins")),
        ("node_id", json!(24)),
        ("flow_id", json!(3)),
    ] {
        assert_eq!(described[key], value, "{key}");
    }
    let created = described["created_at"].as_str().expect("a time");
    assert!(created.contains('T') && (created.ends_with("+00:00") || created.ends_with('Z')), "{created}");
    assert!(described["size_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{described}");
}

#[test]
fn they_are_listed_by_flow_and_by_node() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for (flow, node, name) in [(1, 1, "a"), (1, 2, "b"), (2, 1, "c")] {
        let code = format!("flowfile.publish_artifact('{name}', 1)");
        kernel.node_succeeds(node, &code, &json!({ "flow_id": flow }));
    }
    assert_eq!(names(&kernel, "/artifacts"), ["a", "b", "c"]);
    assert_eq!(names(&kernel, "/artifacts?flow_id=1"), ["a", "b"]);
    assert_eq!(names(&kernel, "/artifacts?flow_id=2"), ["c"]);
    assert!(names(&kernel, "/artifacts?flow_id=9").is_empty());
    assert_eq!(names(&kernel, "/artifacts/node/1"), ["a", "c"]);
    assert_eq!(names(&kernel, "/artifacts/node/1?flow_id=2"), ["c"]);
    assert!(names(&kernel, "/artifacts/node/9").is_empty());
}

#[test]
fn the_code_can_list_them() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    kernel.node_succeeds(
        1,
        "flowfile.publish_artifact('b', 1)\nflowfile.publish_artifact('a', 1)",
        &json!({ "flow_id": 1 }),
    );
    kernel.node_succeeds(1, "flowfile.publish_artifact('c', 1)", &json!({ "flow_id": 2 }));
    let answer = kernel.node_succeeds(2, "print(sorted(flowfile.list_artifacts()))", &json!({ "flow_id": 1 }));
    assert_eq!(answer["stdout"], "['a', 'b']\n");
}

#[test]
fn those_of_some_nodes_can_be_cleared() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for (flow, node, name) in [(1, 1, "a"), (1, 2, "b"), (1, 3, "c"), (2, 1, "d")] {
        let code = format!("flowfile.publish_artifact('{name}', 1)");
        kernel.node_succeeds(node, &code, &json!({ "flow_id": flow }));
    }
    let answer = kernel.post("/clear_node_artifacts", &json!({ "node_ids": [1, "2"], "flow_id": 1 }));
    assert_eq!((answer.status, answer.json()), (200, json!({ "status": "cleared", "removed": ["a", "b"] })));
    assert_eq!(names(&kernel, "/artifacts"), ["c", "d"]);
    let answer = kernel.post("/clear_node_artifacts", &json!({ "node_ids": [1, 9] }));
    assert_eq!(answer.json(), json!({ "status": "cleared", "removed": ["d"] }));
    let answer = kernel.post("/clear_node_artifacts", &json!({ "node_ids": [] }));
    assert_eq!(answer.json(), json!({ "status": "cleared", "removed": [] }));
    assert_eq!(names(&kernel, "/artifacts"), ["c"]);
}

#[test]
fn they_are_listed_while_code_runs() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    kernel.node_succeeds(1, "flowfile.publish_artifact('a', 1)", &json!({}));
    let gate = Gate::new();
    let mut running = kernel.begin("/execute", &harness::flow(2, &harness::wait_at(&gate), &json!({})));
    let _ = gate.entered_by();
    assert_eq!(names(&kernel, "/artifacts"), ["a"]);
    assert_eq!(kernel.get("/health").json()["artifact_count"], 1);
    gate.open("");
    assert_eq!(running.answer().expect("an answer").json()["success"], true);
}

#[test]
fn one_that_cannot_be_measured_is_published_all_the_same() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let code = "class Bad:\n    def __sizeof__(self): raise ValueError('no')\n    def __repr__(self): raise ValueError('no')\n\
                flowfile.publish_artifact('bad', Bad())";
    kernel.node_succeeds(1, code, &json!({}));
    let described = kernel.get("/artifacts").json()["bad"].clone();
    assert_eq!((&described["type_name"], &described["module"]), (&json!("Bad"), &json!("__main__")), "{described}");
}
