//! A restart gives a fresh interpreter.

use harness::{Gate, Kernel, Process, Scratch, error, wait_at};
use serde_json::json;

/// A workspace whose start-up file waits at the gate.
fn workspace(gate: &Gate) -> Scratch {
    let workspace = Scratch::new();
    std::fs::write(workspace.path().join("slow.py"), wait_at(gate)).expect("a writable directory");
    workspace
}

#[test]
fn a_restart_forgets_what_was_there() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("x = 1");
    let before = kernel.value("import os; os.getpid()");
    kernel.restart();
    assert_eq!(error(&kernel.execute("x")).0, "NameError");
    assert_ne!(kernel.value("import os; os.getpid()"), before);
    Process(before.parse().expect("a process id")).wait_until_gone();
}

#[test]
fn cells_are_counted_anew_after_a_restart() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("1");
    kernel.restart();
    assert!(kernel.execute("nothing").to_string().contains("Cell In[1], line 1"));
}

#[test]
fn nothing_is_being_restarted_at_first() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let answer = kernel.get("/restart-status");
    assert_eq!((answer.status, answer.json()), (200, json!({ "restarting": false })));
}

#[test]
fn a_restart_is_answered_at_once_and_a_second_one_too() {
    let gate = Gate::new();
    gate.open("");
    let workspace = workspace(&gate);
    let folder = workspace.path().display().to_string();
    let Some(kernel) = Kernel::executor(&[("WORKSPACE_FOLDER", &folder)]) else { return };
    gate.close();
    assert_eq!(kernel.request("POST", "/restart", "").json(), json!({ "status": "restarting" }));
    let _ = gate.entered_by();
    let second = kernel.request("POST", "/restart", "");
    assert_eq!((second.status, second.json()), (200, json!({ "status": "already_restarting" })));
    assert_eq!(kernel.get("/restart-status").json(), json!({ "restarting": true }));
    assert_eq!(kernel.get("/health").json(), json!({ "status": "ok" }));
    let ready = kernel.get("/ready");
    assert_eq!((ready.status, &ready.json()["ready"]), (503, &json!(false)));
    assert!(ready.json()["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{}", ready.text());
    gate.open("");
    kernel.wait_until_restarted();
    kernel.serves();
}

#[test]
fn code_that_runs_at_a_restart_ends_with_an_error() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let gate = Gate::new();
    let mut running = kernel.hold_code("print('begun')", &gate, "");
    kernel.restart();
    let answer = running.answer().expect("an answer");
    assert_eq!(answer.status, 200);
    assert_eq!(error(&answer.json()).0, "KernelError");
    assert_eq!(harness::stdout(&answer.json()), "begun\n");
    kernel.serves();
}

#[test]
fn code_that_cannot_be_interrupted_does_not_hold_up_a_restart() {
    let Some(kernel) = Kernel::executor(&[("WATCHDOG_KILL_GRACE_MS", "300")]) else { return };
    let gate = Gate::new();
    let deaf = "import signal\nfor s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, signal.SIG_IGN)";
    let mut running = kernel.hold_code(deaf, &gate, "");
    kernel.restart();
    assert_eq!(error(&running.answer().expect("an answer").json()).0, "KernelError");
    Process(gate.entered_by()).wait_until_gone();
    kernel.serves();
}

#[test]
fn code_sent_while_a_restart_goes_on_meets_the_fresh_interpreter_or_is_refused() {
    let gate = Gate::new();
    gate.open("");
    let workspace = workspace(&gate);
    let folder = workspace.path().display().to_string();
    let Some(kernel) = Kernel::executor(&[("WORKSPACE_FOLDER", &folder)]) else { return };
    kernel.run("x = 1");
    gate.close();
    assert_eq!(kernel.request("POST", "/restart", "").status, 200);
    let _ = gate.entered_by();
    let mut early = kernel.begin("/execute", &json!({ "code": "'x' in globals()" }));
    assert_eq!(kernel.get("/restart-status").json(), json!({ "restarting": true }));
    gate.open("");
    let answer = early.answer().expect("an answer");
    match answer.status {
        200 => assert!(answer.text().contains("False"), "{}", answer.text()),
        503 => assert!(answer.json()["detail"].is_string(), "{}", answer.text()),
        _ => panic!("{answer:?}"),
    }
    kernel.wait_until_restarted();
    kernel.serves();
}

#[test]
fn ten_restarts_leave_one_interpreter() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for _ in 0..10 {
        kernel.restart();
    }
    kernel.serves();
    harness::eventually("one interpreter", || (kernel.family().len() == 1).then_some(()));
}
