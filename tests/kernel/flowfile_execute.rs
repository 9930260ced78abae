//! Flowfile's `/execute`: what it answers, whatever the code does.

use harness::Kernel;
use serde_json::{Value, json};

const KEYS: [&str; 11] = [
    "artifacts_deleted",
    "artifacts_published",
    "deleted_artifacts",
    "display_outputs",
    "error",
    "execution_time_ms",
    "output_paths",
    "published_artifacts",
    "stderr",
    "stdout",
    "success",
];

fn failure(answer: &Value) -> String {
    assert_eq!(answer["success"], false, "{answer:#}");
    answer["error"].as_str().unwrap_or_else(|| panic!("no error: {answer:#}")).to_owned()
}

#[test]
fn it_is_healthy_and_says_what_it_holds() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let answer = kernel.get("/health");
    let health = answer.json();
    assert_eq!((answer.status, &health["status"], &health["artifact_count"]), (200, &json!("healthy"), &json!(0)));
    assert!(health["version"].as_str().is_some_and(|version| !version.is_empty()), "{health}");
    kernel.node_succeeds(1, "import flowfile\nflowfile.publish_artifact('a', 1)", &json!({ "flow_id": 1 }));
    kernel.node_succeeds(1, "flowfile.publish_artifact('a', 1)", &json!({ "flow_id": 2 }));
    assert_eq!(kernel.get("/health").json()["artifact_count"], 2);
}

#[test]
fn all_keys_are_always_there() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for code in
        ["x = 1", "print(1)", "1 / 0", "x ===", "import os; os._exit(1)", "", "flowfile.publish_artifact('a', 1)"]
    {
        let answer = kernel.node(1, code);
        let keys: Vec<_> = answer.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, KEYS, "{code}");
        for key in
            KEYS.iter().filter(|key| key.contains("artifacts") || ["display_outputs", "output_paths"].contains(key))
        {
            assert!(answer[*key].is_array(), "{code} {key}");
        }
        assert!(answer["execution_time_ms"].as_f64().is_some_and(|time| time >= 0.0), "{code}");
        assert!(answer["stdout"].is_string() && answer["stderr"].is_string(), "{code}");
        assert_eq!(answer["success"].as_bool().map(|success| !success), Some(answer["error"].is_string()), "{code}");
    }
}

#[test]
fn a_success_has_what_was_written() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let answer = kernel.node_succeeds(1, "import sys\nprint('out')\nprint('err', file=sys.stderr)", &json!({}));
    assert_eq!((&answer["stdout"], &answer["stderr"]), (&json!("out\n"), &json!("err\n")));
    for key in ["output_paths", "published_artifacts", "deleted_artifacts", "display_outputs"] {
        assert_eq!(answer[key], json!([]), "{key}");
    }
}

#[test]
fn an_error_is_told_by_its_type_and_its_message() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for (code, error) in [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("nothing", "NameError: name 'nothing' is not defined"),
        ("raise ValueError('größe')", "ValueError: größe"),
        ("raise KeyError('k')", "KeyError: 'k'"),
        ("class Sad(Exception): pass\nraise Sad('x')", "Sad: x"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
    ] {
        assert_eq!(failure(&kernel.node(1, code)), error, "{code}");
    }
    assert!(failure(&kernel.node(1, "x ===")).starts_with("SyntaxError: "));
}

#[test]
fn a_failure_keeps_what_was_written_and_has_the_traceback_in_stderr() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let code = "import sys\nprint('before')\nprint('careful', file=sys.stderr)\ndef f(): return 1 / 0\nf()";
    let answer = kernel.node(1, code);
    assert_eq!(answer["stdout"], "before\n");
    let stderr = answer["stderr"].as_str().expect("a text");
    assert!(stderr.starts_with("careful\n"), "{stderr}");
    for text in ["Traceback", "ZeroDivisionError", "line 4"] {
        assert!(stderr.contains(text), "{text}: {stderr}");
    }
}

#[test]
fn a_flow_keeps_its_names_from_node_to_node() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    kernel.node_succeeds(1, "x = 41\ndef f(): return x + 1", &json!({}));
    assert_eq!(kernel.node_succeeds(2, "print(f())", &json!({}))["stdout"], "42\n");
    assert!(failure(&kernel.node(3, "x = 7\n1 / 0")).starts_with("ZeroDivisionError"));
    assert_eq!(kernel.node_succeeds(4, "print(x)", &json!({}))["stdout"], "7\n");
}

#[test]
fn code_is_the_main_program() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let code = "print(__name__)\nimport pickle\nclass P: pass\nprint(type(pickle.loads(pickle.dumps(P()))) is P)";
    assert_eq!(kernel.node_succeeds(1, code, &json!({}))["stdout"], "__main__\nTrue\n");
}

#[test]
fn the_module_is_there_and_can_be_imported() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let used = "flowfile.publish_artifact('a', 1)";
    let imported = "import flowfile as f\nf.publish_artifact('b', 1)";
    let from = "from flowfile import publish_artifact\npublish_artifact('c', 1)";
    for (node, code) in [(1, used), (2, imported), (3, from)] {
        kernel.node_succeeds(node, code, &json!({}));
    }
    // It is put back for every execution.
    kernel.node_succeeds(4, "flowfile = None", &json!({}));
    kernel.node_succeeds(5, "flowfile.publish_artifact('d', 1)", &json!({}));
    kernel.node_succeeds(6, "del flowfile", &json!({}));
    kernel.node_succeeds(7, "flowfile.publish_artifact('e', 1)", &json!({}));
}

#[test]
fn code_may_wait_at_its_top_level() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let code = "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 7\nprint(await f())";
    assert_eq!(kernel.node_succeeds(1, code, &json!({}))["stdout"], "7\n");
}

#[test]
fn there_is_no_limit_of_time_without_a_word_and_with_one_there_is() {
    let Some(kernel) = Kernel::flowfile(&[("EXECUTION_TIMEOUT", "1"), ("WATCHDOG_KILL_GRACE_MS", "300")]) else {
        return;
    };
    kernel.node_succeeds(1, "x = 1", &json!({}));
    let answer = kernel.node(2, "print('begun')\nwhile True: pass");
    assert_eq!(failure(&answer), "TimeoutError: Execution timed out after 1 seconds");
    assert_eq!(answer["stdout"], "begun\n");
    assert_eq!(kernel.node_succeeds(3, "print(x)", &json!({}))["stdout"], "1\n");
    let deaf = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass";
    assert_eq!(failure(&kernel.node(2, deaf)), "TimeoutError: Execution timed out after 1 seconds");
    kernel.node_succeeds(3, "pass", &json!({}));
}

#[test]
fn memory_is_told() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let answer = kernel.get("/memory");
    let memory = answer.json();
    assert_eq!(answer.status, 200, "{memory}");
    let keys: Vec<_> = memory.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["limit_bytes", "usage_percent", "used_bytes"]);
    assert!(memory["used_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{memory}");
}

#[test]
fn shared_places_have_the_name_of_the_file() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let answer = kernel.node_succeeds(1, "print(flowfile.get_shared_location('data.csv'))", &json!({}));
    assert!(answer["stdout"].as_str().is_some_and(|text| text.trim().ends_with("data.csv")), "{answer:#}");
}
