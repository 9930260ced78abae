//! Callers that hang up.

use harness::{ControlPlane, Gate, Kernel, one, wait_at};
use serde_json::{Value, json};

fn result(answer: &Value) -> &Value {
    let outputs = answer["outputs"].as_array().expect("outputs");
    outputs
        .iter()
        .find(|output| output["type"] == "result")
        .map_or(&Value::Null, |output| &output["data"]["text/plain"])
}

#[test]
fn code_is_interrupted_when_its_client_goes_and_the_state_stays() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("x = 1");
    let before = kernel.value("import os; os.getpid()");
    for _ in 0..5 {
        let never = Gate::new();
        drop(kernel.hold_code("", &never, "x = 2"));
        assert_eq!(kernel.value("x"), "1");
    }
    assert_eq!(kernel.value("os.getpid()"), before);
}

#[test]
fn the_code_meets_a_keyboard_interrupt() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let gate = Gate::new();
    let path = json!(gate.path());
    let code = format!(
        "import os, time\nseen = None\ntry:\n    \
         with open({path} + '.entered', 'w') as f: f.write(str(os.getpid()))\n    \
         time.sleep(600)\nexcept BaseException as error:\n    seen = type(error).__name__"
    );
    let client = kernel.begin("/execute", &json!({ "code": code }));
    let _ = gate.entered_by();
    drop(client);
    assert_eq!(kernel.value("seen"), "'KeyboardInterrupt'");
}

#[test]
fn it_is_never_the_next_call_that_is_interrupted() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("done = 0");
    for round in 1..=20 {
        let never = Gate::new();
        let leaving = kernel.hold_code("", &never, "");
        let code = "import time\nfor _ in range(10): time.sleep(0.001)\ndone += 1\ndone";
        let mut next = kernel.begin("/execute", &json!({ "code": code }));
        drop(leaving);
        let answer = next.answer().expect("an answer").json();
        assert_eq!(result(&answer), &json!(round.to_string()), "{answer:#}");
    }
}

#[test]
fn a_client_that_goes_when_its_code_has_just_ended_harms_nobody() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("n = 0");
    for round in 1..=50 {
        // Nobody knows whether the code has ended when its client goes.
        drop(kernel.begin("/execute", &json!({ "code": "pass" })));
        let answer = kernel.execute("n += 1\nfor _ in range(1000): pass\nn");
        assert_eq!(result(&answer), &json!(round.to_string()), "{answer:#}");
    }
}

#[test]
fn a_call_whose_client_went_while_it_waited_is_never_executed() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("ran = False");
    let gate = Gate::new();
    let mut running = kernel.hold_code("", &gate, "'through'");
    drop(kernel.begin("/execute", &json!({ "code": "ran = True" })));
    // Two more requests: the end of that connection has been seen by now.
    assert_eq!((kernel.get("/health").status, kernel.get("/ready").status), (200, 200));
    gate.open("");
    assert_eq!(result(&running.answer().expect("an answer").json()), "'through'");
    assert_eq!(kernel.value("ran"), "False");
}

#[test]
fn code_that_ignores_the_interrupt_is_killed_when_its_client_goes() {
    let Some(kernel) = Kernel::executor(&[("WATCHDOG_KILL_GRACE_MS", "300")]) else { return };
    let never = Gate::new();
    drop(kernel.hold_code("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)", &never, ""));
    kernel.serves();
    harness::Process(never.entered_by()).wait_until_gone();
}

#[test]
fn other_sessions_do_not_notice() {
    let Some(kernel) = Kernel::executor(&[("KERNEL_SESSIONS", "2")]) else { return };
    let (never, gate) = (Gate::new(), Gate::new());
    let code = format!("{}\n'untouched'", wait_at(&gate));
    let mut other = kernel.begin("/session/1/execute", &json!({ "code": code }));
    let _ = gate.entered_by();
    drop(kernel.hold_code("", &never, ""));
    kernel.serves();
    gate.open("");
    assert_eq!(result(&other.answer().expect("an answer").json()), "'untouched'");
}

#[test]
fn in_flowfiles_api_it_is_the_same() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let keys = json!({ "flow_id": 1 });
    kernel.node_succeeds(1, "x = 1", &keys);
    let never = Gate::new();
    let client = kernel.begin("/execute", &harness::flow(2, &wait_at(&never), &keys));
    let _ = never.entered_by();
    drop(client);
    assert_eq!(kernel.node_succeeds(3, "print(x)", &keys)["stdout"], "1\n");
}

#[test]
fn an_invocation_without_a_callback_is_interrupted_and_one_with_a_callback_runs_on() {
    let plane = ControlPlane::start();
    let Some(kernel) = Kernel::plain(&[]) else { return };
    let never = Gate::new();
    let begin = |headers: &[(&str, &str)], code: &str| {
        let mut caller = kernel.connect();
        caller.begin(headers, &json!({ "input": { "code": code, "session": "s" } }).to_string());
        caller
    };
    let caller = begin(&[("X-Execution-Id", "e-1")], &wait_at(&never));
    let _ = never.entered_by();
    drop(caller);
    assert_eq!(kernel.line("e-1")["code"], "INVOCATION_CANCELLED");
    let (gate, callback) = (Gate::new(), plane.callback_url());
    let code = format!("{}\n'finished'", wait_at(&gate));
    let caller = begin(&[("X-Execution-Id", "e-2"), ("X-Callback-Url", &callback)], &code);
    let _ = gate.entered_by();
    drop(caller);
    assert_eq!((kernel.get("/metrics").status, kernel.get("/metrics").status), (200, 200));
    gate.open("");
    let completion = plane.accepted("e-2");
    assert!(completion.success(), "{:?}", completion.body());
    assert_eq!(one(completion.output(), "result")["data"]["text/plain"], "'finished'");
}
