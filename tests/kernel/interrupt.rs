//! Running code that is interrupted from outside, and by whom.

use harness::{Gate, Kernel, Process, error, stdout, wait_at};
use serde_json::{Value, json};

fn interrupt(kernel: &Kernel, path: &str) -> Value {
    let answer = kernel.request("POST", path, "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[test]
fn a_request_interrupts_what_runs_and_keeps_the_state() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("x = 1");
    let never = Gate::new();
    let mut running = kernel.hold_code("print('begun')", &never, "x = 2");
    assert_eq!(interrupt(&kernel, "/interrupt"), json!({ "status": "interrupted" }));
    let answer = running.answer().expect("an answer").json();
    assert_eq!((error(&answer).0.as_str(), stdout(&answer).as_str()), ("KeyboardInterrupt", "begun\n"));
    assert_eq!(kernel.value("x"), "1");
}

#[test]
fn a_request_while_nothing_runs_says_so_and_harms_nothing() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for _ in 0..5 {
        assert_eq!(interrupt(&kernel, "/interrupt"), json!({ "status": "no_execution_running" }));
        kernel.serves();
    }
}

#[test]
fn code_that_obeys_in_its_own_way_is_not_in_error() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let gate = Gate::new();
    let path = json!(gate.path());
    let code = format!(
        "import os, time\ntry:\n    with open({path} + '.entered', 'w') as f: f.write(str(os.getpid()))\n    \
         time.sleep(600)\nexcept KeyboardInterrupt:\n    print('as you wish')"
    );
    let mut running = kernel.begin("/execute", &json!({ "code": code }));
    let _ = gate.entered_by();
    assert_eq!(interrupt(&kernel, "/interrupt"), json!({ "status": "interrupted" }));
    let answer = running.answer().expect("an answer").json();
    assert_eq!(answer["outputs"], json!([{ "type": "stream", "name": "stdout", "text": "as you wish\n" }]));
}

#[test]
fn code_that_does_not_obey_is_killed_after_the_grace() {
    let Some(kernel) = Kernel::executor(&[("WATCHDOG_KILL_GRACE_MS", "300")]) else { return };
    let never = Gate::new();
    let mut running = kernel.hold_code("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)", &never, "");
    assert_eq!(interrupt(&kernel, "/interrupt"), json!({ "status": "interrupted" }));
    let answer = running.answer().expect("an answer").json();
    let (name, _) = error(&answer);
    assert!(["KeyboardInterrupt", "KernelError"].contains(&name.as_str()), "{answer:#}");
    Process(never.entered_by()).wait_until_gone();
    kernel.serves();
}

#[test]
fn code_that_waits_at_its_top_level_is_interrupted_too() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let gate = Gate::new();
    let path = json!(gate.path());
    let code = format!(
        "import asyncio, os\nwith open({path} + '.entered', 'w') as f: _ = f.write(str(os.getpid()))\nawait asyncio.sleep(600)"
    );
    let mut running = kernel.begin("/execute", &json!({ "code": code }));
    let _ = gate.entered_by();
    assert_eq!(interrupt(&kernel, "/interrupt"), json!({ "status": "interrupted" }));
    let answer = running.answer().expect("an answer").json();
    let (name, _) = error(&answer);
    assert!(["KeyboardInterrupt", "CancelledError"].contains(&name.as_str()), "{answer:#}");
    assert_eq!(kernel.value("await asyncio.sleep(0, 7)"), "7");
}

#[test]
fn a_signal_to_the_watchdog_interrupts_what_runs_everywhere() {
    let Some(kernel) = Kernel::executor(&[("KERNEL_SESSIONS", "2")]) else { return };
    for session in 0..2 {
        kernel.run_at(&format!("/session/{session}/execute"), "x = 1");
    }
    let gates = [Gate::new(), Gate::new()];
    let mut running: Vec<_> = (0..2)
        .zip(&gates)
        .map(|(session, gate)| kernel.begin(&format!("/session/{session}/execute"), &json!({ "code": wait_at(gate) })))
        .collect();
    for gate in &gates {
        let _ = gate.entered_by();
    }
    kernel.signal("USR1");
    for call in &mut running {
        assert_eq!(error(&call.answer().expect("an answer").json()).0, "KeyboardInterrupt");
    }
    for session in 0..2 {
        kernel.run_at(&format!("/session/{session}/execute"), "x");
    }
}

#[test]
fn a_signal_while_nothing_runs_harms_nothing() {
    for api in ["executor", "flowfile", "none"] {
        let Some(kernel) = Kernel::plain(&[("KERNEL_API", api)]) else { return };
        let call = |id: &str, code: &str| kernel.invoke_code(id, code, &json!({ "session": "s" })).json();
        assert_eq!(call("e-1", "x = 1")["success"], true);
        kernel.signal("USR1");
        assert_eq!(call("e-2", "x")["success"], true, "{api}");
    }
}

#[test]
fn a_signal_interrupts_an_invocation() {
    let Some(kernel) = Kernel::plain(&[]) else { return };
    let never = Gate::new();
    let mut caller = kernel.connect();
    let body = json!({ "input": { "code": wait_at(&never), "session": "s" } });
    caller.begin(&[("X-Execution-Id", "e-1")], &body.to_string());
    let _ = never.entered_by();
    kernel.signal("USR1");
    let answer = caller.answer().expect("an answer");
    assert_eq!((answer.status, &answer.json()["success"]), (200, &json!(false)), "{}", answer.text());
    assert_eq!(error(&answer.json()).0, "KeyboardInterrupt");
}

#[test]
fn an_interrupt_never_meets_the_next_execution() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("import time\nn = 0");
    for round in 1..=30 {
        // Some of them come when the code has just ended.
        let mut short = kernel.begin("/execute", &json!({ "code": "time.sleep(0.001)" }));
        let _ = interrupt(&kernel, "/interrupt");
        assert_eq!(short.answer().expect("an answer").status, 200);
        let answer = kernel.execute("n += 1\nfor _ in range(1000): pass\nn");
        assert_eq!(harness::one(&answer, "result")["data"]["text/plain"], round.to_string(), "{answer:#}");
    }
}
