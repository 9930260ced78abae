//! Objects that nodes leave to each other by name.

use harness::Kernel;
use serde_json::{Value, json};

fn failure(answer: &Value) -> String {
    assert_eq!(answer["success"], false, "{answer:#}");
    answer["error"].as_str().unwrap_or_else(|| panic!("no error: {answer:#}")).to_owned()
}

/// The names in both spellings.
fn published(answer: &Value) -> Value {
    assert_eq!(answer["published_artifacts"], answer["artifacts_published"], "{answer:#}");
    answer["published_artifacts"].clone()
}

fn deleted(answer: &Value) -> Value {
    assert_eq!(answer["deleted_artifacts"], answer["artifacts_deleted"], "{answer:#}");
    answer["deleted_artifacts"].clone()
}

fn names(kernel: &Kernel, path: &str) -> Vec<String> {
    let answer = kernel.get(path);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().as_object().expect("an object").keys().cloned().collect()
}

#[test]
fn what_one_node_publishes_another_one_reads() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let answer = kernel.node_succeeds(1, "flowfile.publish_artifact('model', {'a': 1})", &json!({}));
    assert_eq!((published(&answer), deleted(&answer)), (json!(["model"]), json!([])));
    let answer = kernel.node_succeeds(2, "print(flowfile.read_artifact('model'))", &json!({}));
    assert_eq!((answer["stdout"].clone(), published(&answer)), (json!("{'a': 1}\n"), json!([])));
}

#[test]
fn it_is_the_same_object_and_no_copy() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let code = "x = [1]\nflowfile.publish_artifact('x', x)\nprint(flowfile.read_artifact('x') is x)";
    assert_eq!(kernel.node_succeeds(1, code, &json!({}))["stdout"], "True\n");
    let code = "flowfile.read_artifact('x').append(2)\nprint(x, flowfile.read_artifact('x') is x)";
    assert_eq!(kernel.node_succeeds(2, code, &json!({}))["stdout"], "[1, 2] True\n");
}

#[test]
fn anything_can_be_one() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let code = "import threading\nflowfile.publish_artifact('none', None)\nflowfile.publish_artifact('lock', threading.Lock())\n\
                flowfile.publish_artifact('function', lambda x: x + 1)";
    let answer = kernel.node_succeeds(1, code, &json!({}));
    assert_eq!(published(&answer), json!(["function", "lock", "none"]), "sorted by name");
    let code = "print(flowfile.read_artifact('none'), flowfile.read_artifact('function')(1))";
    assert_eq!(kernel.node_succeeds(2, code, &json!({}))["stdout"], "None 2\n");
}

#[test]
fn a_name_is_given_once_in_a_flow() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    kernel.node_succeeds(24, "flowfile.publish_artifact('m', 1)", &json!({}));
    let error = failure(&kernel.node(25, "flowfile.publish_artifact('m', 2)"));
    assert!(
        error.starts_with("ValueError: Artifact 'm' already exists (published by node 24). Delete it first"),
        "{error}"
    );
    assert_eq!(kernel.node_succeeds(26, "print(flowfile.read_artifact('m'))", &json!({}))["stdout"], "1\n");
    let twice = "flowfile.publish_artifact('n', 1)\nflowfile.publish_artifact('n', 2)";
    assert!(failure(&kernel.node(27, twice)).starts_with("ValueError: Artifact 'n' already exists"));
}

#[test]
fn one_that_is_not_there_is_not_found() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for call in ["read_artifact('q')", "delete_artifact('q')"] {
        let error = failure(&kernel.node(1, &format!("flowfile.{call}")));
        assert!(error.starts_with("KeyError: ") && error.contains("Artifact 'q' not found"), "{call}: {error}");
    }
}

#[test]
fn it_can_be_deleted_and_is_told_as_deleted() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    kernel.node_succeeds(1, "flowfile.publish_artifact('b', 1)\nflowfile.publish_artifact('a', 1)", &json!({}));
    let answer = kernel.node_succeeds(2, "flowfile.delete_artifact('b')\nflowfile.delete_artifact('a')", &json!({}));
    assert_eq!((published(&answer), deleted(&answer)), (json!([]), json!(["a", "b"])));
    assert!(names(&kernel, "/artifacts").is_empty());
    let answer = kernel.node_succeeds(3, "flowfile.publish_artifact('a', 2)", &json!({}));
    assert_eq!(published(&answer), json!(["a"]));
}

#[test]
fn what_comes_and_goes_within_one_execution_is_told_as_neither() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let answer =
        kernel.node_succeeds(1, "flowfile.publish_artifact('a', 1)\nflowfile.delete_artifact('a')", &json!({}));
    assert_eq!((published(&answer), deleted(&answer)), (json!([]), json!([])));
}

#[test]
fn a_second_execution_of_a_node_begins_without_its_artifacts() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let code = "flowfile.publish_artifact('m', 1)";
    for _ in 0..3 {
        let answer = kernel.node_succeeds(1, code, &json!({}));
        assert_eq!((published(&answer), deleted(&answer)), (json!(["m"]), json!([])));
    }
    let answer = kernel.node_succeeds(1, "pass", &json!({}));
    assert_eq!((published(&answer), deleted(&answer)), (json!([]), json!([])));
    assert!(names(&kernel, "/artifacts").is_empty());
}

#[test]
fn a_second_execution_that_fails_has_dropped_them_too() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for code in ["1 / 0", "x ===", "import sys; sys.exit(1)"] {
        kernel.node_succeeds(1, "flowfile.publish_artifact('m', 1)", &json!({}));
        kernel.node_succeeds(2, "flowfile.publish_artifact('other', 1)", &json!({}));
        let answer = kernel.node(1, code);
        assert_eq!((&answer["success"], deleted(&answer)), (&json!(false), json!([])), "{code}");
        assert_eq!(names(&kernel, "/artifacts"), ["other"], "{code}");
    }
}

#[test]
fn artifacts_of_other_nodes_stay() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    kernel.node_succeeds(1, "flowfile.publish_artifact('a', 1)", &json!({}));
    kernel.node_succeeds(2, "flowfile.publish_artifact('b', 1)", &json!({}));
    kernel.node_succeeds(1, "pass", &json!({}));
    assert_eq!(names(&kernel, "/artifacts"), ["b"]);
}

#[test]
fn a_number_as_a_text_is_the_same_node() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    kernel.node_succeeds("7", "flowfile.publish_artifact('m', 1)", &json!({}));
    assert_eq!(kernel.get("/artifacts").json()["m"]["node_id"], 7);
    assert_eq!(names(&kernel, "/artifacts/node/7"), ["m"]);
    kernel.node_succeeds(7, "flowfile.publish_artifact('m', 2)", &json!({}));
    kernel.node_succeeds("7", "pass", &json!({}));
    assert!(names(&kernel, "/artifacts").is_empty());
}

#[test]
fn a_node_may_have_a_name() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    kernel.node_succeeds("node_1", "flowfile.publish_artifact('m', 1)", &json!({}));
    assert_eq!(kernel.get("/artifacts").json()["m"]["node_id"], "node_1");
    assert_eq!(names(&kernel, "/artifacts/node/node_1"), ["m"]);
    assert!(
        failure(&kernel.node("node_2", "flowfile.publish_artifact('m', 1)")).contains("(published by node node_1)")
    );
    kernel.node_succeeds("node_1", "pass", &json!({}));
    assert!(names(&kernel, "/artifacts").is_empty());
}

#[test]
fn a_thread_of_the_code_publishes_for_its_node() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let code = "import threading\ndef f(): flowfile.publish_artifact('t', 1)\nt = threading.Thread(target=f)\nt.start()\nt.join()";
    let answer = kernel.node_succeeds(5, code, &json!({ "flow_id": 4 }));
    assert_eq!(published(&answer), json!(["t"]));
    let described = kernel.get("/artifacts").json()["t"].clone();
    assert_eq!((&described["node_id"], &described["flow_id"]), (&json!(5), &json!(4)));
    let code = "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as pool:\n    \
                print(list(pool.map(flowfile.read_artifact, ['t', 't'])))";
    assert_eq!(kernel.node_succeeds(6, code, &json!({ "flow_id": 4 }))["stdout"], "[1, 1]\n");
}
