//! Flows beside each other: isolated, in parallel, cleared, and forgotten when they are too many.

use harness::{Gate, Kernel, flow, wait_at};
use serde_json::{Value, json};

fn flow_id(number: u32) -> Value {
    json!({ "flow_id": number })
}

fn knows(kernel: &Kernel, number: u32, name: &str) -> bool {
    let answer = kernel.node_succeeds("asks", &format!("print('{name}' in globals())"), &flow_id(number));
    answer["stdout"] == "True\n"
}

#[test]
fn flows_do_not_see_each_others_names_and_artifacts() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for number in 1..4 {
        let code = format!("x = {number}\nflowfile.publish_artifact('m', {number})");
        kernel.node_succeeds(1, &code, &flow_id(number));
    }
    for number in 1..4 {
        let answer = kernel.node_succeeds(2, "print(x, flowfile.read_artifact('m'))", &flow_id(number));
        assert_eq!(answer["stdout"], format!("{number} {number}\n"));
    }
    kernel.node_succeeds(3, "flowfile.delete_artifact('m')", &flow_id(1));
    kernel.node_succeeds(3, "flowfile.read_artifact('m')", &flow_id(2));
}

#[test]
fn flow_0_is_the_one_that_is_not_named() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    kernel.node_succeeds(1, "x = 1", &json!({}));
    assert!(knows(&kernel, 0, "x"));
    assert!(!knows(&kernel, 1, "x"));
}

#[test]
fn three_flows_run_in_parallel_and_are_never_mixed() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let gates = [Gate::new(), Gate::new(), Gate::new()];
    let mut running: Vec<_> = (1..4)
        .zip(&gates)
        .map(|(number, gate)| {
            let write = format!(
                "import os, subprocess, sys\nfor _ in range(200):\n    print('{number}')\n    os.write(1, b'{number}\\n')\n    \
                 print('{number}', file=sys.stderr)\nsubprocess.run(['echo', '{number}'])"
            );
            let publish = format!("flowfile.publish_artifact('m{number}', 1)\nflowfile.display('{number}')");
            let code = format!("{write}\n{}\n{write}\n{publish}", wait_at(gate));
            kernel.begin("/execute", &flow(1, &code, &flow_id(number)))
        })
        .collect();
    // All of them are in the middle at the same time.
    for gate in &gates {
        let _ = gate.entered_by();
    }
    for gate in &gates {
        gate.open("");
    }
    for (number, call) in (1..4).zip(&mut running) {
        let answer = call.answer().expect("an answer").json();
        assert_eq!(answer["success"], true, "{answer:#}");
        assert_eq!(answer["stdout"], format!("{number}\n").repeat(802), "flow {number}");
        assert_eq!(answer["stderr"], format!("{number}\n").repeat(400), "flow {number}");
        assert_eq!(answer["published_artifacts"], json!([format!("m{number}")]));
        assert_eq!(answer["display_outputs"].as_array().map(Vec::len), Some(1), "{answer:#}");
    }
}

#[test]
fn nodes_of_one_flow_run_one_after_the_other() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    kernel.node_succeeds(0, "inside = most = 0", &json!({}));
    let code = "import time\ninside += 1\nmost = max(most, inside)\ntime.sleep(0.01)\ninside -= 1";
    let mut calls: Vec<_> = (1..11).map(|node| kernel.begin("/execute", &flow(node, code, &json!({})))).collect();
    for call in &mut calls {
        assert_eq!(call.answer().expect("an answer").json()["success"], true);
    }
    assert_eq!(kernel.node_succeeds(0, "print(inside, most)", &json!({}))["stdout"], "0 1\n");
}

#[test]
fn all_can_be_cleared() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for number in 1..3 {
        kernel.node_succeeds(1, "x = 1\nflowfile.publish_artifact('m', 1)\nflowfile.display('d')", &flow_id(number));
    }
    let answer = kernel.request("POST", "/clear", "");
    assert_eq!((answer.status, answer.json()), (200, json!({ "status": "cleared" })));
    assert_eq!(kernel.get("/artifacts").json(), json!({}));
    assert_eq!(kernel.get("/health").json()["artifact_count"], 0);
    for number in 1..3 {
        assert!(!knows(&kernel, number, "x"), "{number}");
        let shown = kernel.get(&format!("/display_outputs?flow_id={number}&node_id=1"));
        assert_eq!(shown.json(), json!([]), "{number}");
    }
}

#[test]
fn one_flow_can_be_cleared() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for number in 1..3 {
        kernel.node_succeeds(1, &format!("x = 1\nflowfile.publish_artifact('m{number}', 1)"), &flow_id(number));
    }
    assert_eq!(kernel.request("POST", "/clear?flow_id=1", "").json(), json!({ "status": "cleared" }));
    assert!(!knows(&kernel, 1, "x") && knows(&kernel, 2, "x"));
    let left = kernel.get("/artifacts").json();
    assert_eq!(left.as_object().expect("an object").keys().collect::<Vec<_>>(), ["m2"]);
    kernel.node_succeeds(1, "flowfile.publish_artifact('m1', 1)", &flow_id(1));
}

#[test]
fn names_alone_can_be_cleared() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for number in 1..3 {
        kernel.node_succeeds(1, "x = 1\nflowfile.publish_artifact('m', [1])", &flow_id(number));
    }
    let answer = kernel.request("POST", "/clear_namespace?flow_id=1", "");
    assert_eq!((answer.status, answer.json()), (200, json!({ "status": "cleared", "flow_id": 1 })));
    assert!(!knows(&kernel, 1, "x") && knows(&kernel, 2, "x"));
    let answer = kernel.node_succeeds(2, "print(flowfile.read_artifact('m'), __name__)", &flow_id(1));
    assert_eq!(answer["stdout"], "[1] __main__\n");
}

#[test]
fn a_flow_that_is_not_there_can_be_cleared_too() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    assert_eq!(kernel.request("POST", "/clear", "").json(), json!({ "status": "cleared" }));
    assert_eq!(kernel.request("POST", "/clear?flow_id=99", "").json(), json!({ "status": "cleared" }));
    let answer = kernel.request("POST", "/clear_namespace?flow_id=99", "");
    assert_eq!(answer.json(), json!({ "status": "cleared", "flow_id": 99 }));
}

#[test]
fn the_flow_that_was_not_used_for_longest_is_forgotten() {
    let Some(kernel) = Kernel::flowfile(&[("KERNEL_MAX_SESSIONS", "2")]) else { return };
    for number in [1, 2, 1, 3] {
        kernel.node_succeeds(1, "x = 1", &flow_id(number));
    }
    assert!(knows(&kernel, 1, "x") && knows(&kernel, 3, "x"));
    assert!(!knows(&kernel, 2, "x"));
}

#[test]
fn without_a_word_twenty_flows_are_remembered() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    for number in 1..=20 {
        kernel.node_succeeds(1, "x = 1", &flow_id(number));
    }
    assert!((1..=20).all(|number| knows(&kernel, number, "x")));
    kernel.node_succeeds(1, "x = 1", &flow_id(21));
    assert!(!knows(&kernel, 1, "x"));
}

#[test]
fn a_flow_that_runs_is_not_forgotten() {
    let Some(kernel) = Kernel::flowfile(&[("KERNEL_MAX_SESSIONS", "1")]) else { return };
    let gate = Gate::new();
    let code = format!("x = 1\n{}\nprint(x)", wait_at(&gate));
    let mut running = kernel.begin("/execute", &flow(1, &code, &flow_id(1)));
    let _ = gate.entered_by();
    let other = kernel.begin("/execute", &flow(1, "pass", &flow_id(2)));
    assert_eq!(kernel.get("/health").status, 200);
    gate.open("");
    let answer = running.answer().expect("an answer").json();
    assert_eq!((&answer["success"], &answer["stdout"]), (&json!(true), &json!("1\n")), "{answer:#}");
    drop(other);
}

#[test]
fn a_flow_that_is_not_used_ends_after_the_time_for_that() {
    let Some(kernel) = Kernel::flowfile(&[("KERNEL_SESSION_IDLE_TIMEOUT_MS", "300"), ("KERNEL_SPARE", "0")]) else {
        return;
    };
    kernel.node_succeeds(1, "x = 1", &flow_id(1));
    kernel.wait_until_alone();
    assert!(!knows(&kernel, 1, "x"));
    assert_eq!(kernel.get("/health").status, 200);
}

#[test]
fn what_runs_can_be_interrupted() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let idle = kernel.request("POST", "/interrupt", "");
    assert_eq!((idle.status, idle.json()), (200, json!({ "status": "no_execution_running" })));
    kernel.node_succeeds(1, "x = 1", &json!({}));
    let never = Gate::new();
    let mut running = kernel.begin("/execute", &flow(2, &format!("print('begun')\n{}", wait_at(&never)), &json!({})));
    let _ = never.entered_by();
    assert_eq!(kernel.request("POST", "/interrupt", "").json(), json!({ "status": "interrupted" }));
    let answer = running.answer().expect("an answer").json();
    assert_eq!((&answer["success"], &answer["stdout"]), (&json!(false), &json!("begun\n")), "{answer:#}");
    assert_eq!(answer["error"], "KeyboardInterrupt: Execution interrupted by user");
    assert!(knows(&kernel, 0, "x"));
    assert_eq!(kernel.request("POST", "/interrupt", "").json(), json!({ "status": "no_execution_running" }));
}
