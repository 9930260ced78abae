//! Many calls: limits of those that wait, and nothing that piles up.

use std::sync::mpsc;

use harness::{Gate, Kernel, error, eventually, flow, wait_at};
use serde_json::json;

#[test]
fn more_than_may_wait_are_refused() {
    let Some(kernel) = Kernel::executor(&[("KERNEL_QUEUE", "1")]) else { return };
    let gate = Gate::new();
    let mut running = kernel.hold_code("", &gate, "'first'");
    let (told, answers) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (told, mut call) = (told.clone(), kernel.begin("/execute", &json!({ "code": "'waited'" })));
            scope.spawn(move || told.send(call.answer().expect("an answer")));
        }
        // One has the place; the others are told at once.
        for _ in 0..3 {
            let refused = answers.recv().expect("an answer");
            assert_eq!(refused.status, 429, "{}", refused.text());
            assert!(refused.json()["detail"].as_str().is_some_and(|text| !text.is_empty()), "{}", refused.text());
        }
        gate.open("");
        let waited = answers.recv().expect("an answer");
        assert_eq!(waited.status, 200, "{}", waited.text());
        assert!(waited.text().contains("waited"));
    });
    assert!(running.answer().expect("an answer").text().contains("first"));
    kernel.serves();
}

#[test]
fn flows_that_wait_are_counted_for_each_flow() {
    let Some(kernel) = Kernel::flowfile(&[("KERNEL_QUEUE", "0")]) else { return };
    let gate = Gate::new();
    let mut running = kernel.begin("/execute", &flow(1, &wait_at(&gate), &json!({ "flow_id": 1 })));
    let _ = gate.entered_by();
    let refused = kernel.post("/execute", &flow(2, "1", &json!({ "flow_id": 1 })));
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert!(refused.json()["detail"].is_string(), "{}", refused.text());
    kernel.node_succeeds(1, "pass", &json!({ "flow_id": 2 }));
    gate.open("");
    assert_eq!(running.answer().expect("an answer").json()["success"], true);
    kernel.node_succeeds(2, "pass", &json!({ "flow_id": 1 }));
}

#[test]
fn sixty_four_may_wait_without_a_word() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let gate = Gate::new();
    let mut running = kernel.hold_code("n = 0", &gate, "");
    let mut waiting: Vec<_> = (0..64).map(|_| kernel.begin("/execute", &json!({ "code": "n += 1" }))).collect();
    gate.open("");
    assert_eq!(running.answer().expect("an answer").status, 200);
    for call in &mut waiting {
        assert_eq!(call.answer().expect("an answer").status, 200);
    }
    assert_eq!(kernel.value("n"), "64");
}

#[test]
fn one_connection_carries_many_calls() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let mut connection = kernel.connect();
    kernel.run("n = 0");
    for number in 1..=100 {
        let answer =
            connection.request("POST", "/execute", &[("content-type", "application/json")], br#"{"code":"n += 1\nn"}"#);
        let expected = json!({ "outputs": [{ "type": "result", "data": { "text/plain": number.to_string() } }] });
        assert_eq!((answer.status, answer.json()), (200, expected));
    }
}

#[test]
fn nothing_piles_up() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let round = || {
        for _ in 0..50 {
            let _ = kernel.execute("print('x' * 10_000)\n1 / 0");
        }
        assert_eq!(error(&kernel.execute("import os; os._exit(1)")).0, "KernelError");
        kernel.restart();
        drop(kernel.hold_code("", &Gate::new(), ""));
        kernel.serves();
    };
    round();
    let process = kernel.process();
    let (descriptors, threads) = (process.descriptors(), process.threads());
    for _ in 0..4 {
        round();
    }
    eventually("as many descriptors as before", || (process.descriptors() <= descriptors + 1).then_some(()));
    eventually("as many threads as before", || (process.threads() <= threads + 4).then_some(()));
    assert!(process.zombies().is_empty());
    eventually("one interpreter", || (kernel.family().len() == 1).then_some(()));
}

#[test]
fn metrics_are_there_in_every_api() {
    for api in ["executor", "flowfile", "none"] {
        let Some(kernel) = Kernel::plain(&[("KERNEL_API", api)]) else { return };
        assert_eq!(kernel.invoke_code("e-1", "1", &json!({})).status, 200);
        kernel.wait_for_metric("invocations_total", &["outcome=\"success\""], 1);
        let answer = kernel.get("/metrics");
        assert_eq!(answer.status, 200, "{api}");
        for line in answer.text().lines().filter(|line| !line.starts_with("# ")) {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
            assert!(name.starts_with("nanofaas_runtime_") && value.parse::<f64>().is_ok(), "{api} {line}");
        }
    }
}

#[test]
fn invocations_that_were_refused_are_counted() {
    let Some(kernel) = Kernel::plain(&[]) else { return };
    let _ = kernel.connect().request("POST", "/invoke", &[], b"{}");
    kernel.wait_for_metric("refusals_total", &["code=\"EXECUTION_ID_REQUIRED\""], 1);
}

#[test]
fn those_that_run_are_seen() {
    let Some(kernel) = Kernel::plain(&[]) else { return };
    let gate = Gate::new();
    let mut caller = kernel.connect();
    caller.begin(&[("X-Execution-Id", "e-1")], &json!({ "input": { "code": wait_at(&gate) } }).to_string());
    let _ = gate.entered_by();
    kernel.wait_for_metric("active_handlers", &[], 1);
    gate.open("");
    assert_eq!(caller.answer().expect("an answer").status, 200);
    kernel.wait_for_metric("active_handlers", &[], 0);
}
