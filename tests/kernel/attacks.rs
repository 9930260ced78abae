//! What a deliberate attack broke once.

use harness::{Gate, Kernel, Process, Scratch, error, eventually};
use serde_json::{Value, json};

use crate::GUARDED;

#[test]
fn start_up_code_that_hangs_is_given_up_and_a_restart_mends_it() {
    let folder = Scratch::new();
    let file = folder.path().join("start.py");
    std::fs::write(&file, "x = 1\n").expect("a file");
    let workspace = folder.path().display().to_string();
    let Some(kernel) = Kernel::executor(&[("WORKSPACE_FOLDER", &workspace), ("READY_TIMEOUT_MS", "1000")]) else {
        return;
    };
    std::fs::write(&file, "while True: pass\n").expect("a file");
    assert_eq!(kernel.post("/restart", &json!({})).json(), json!({"status": "restarting"}));
    let (name, value) = error(&kernel.execute("1+1"));
    assert_eq!(name, "KernelError", "{value}");
    assert!(value.contains("did not end within 1000 ms (READY_TIMEOUT_MS)"), "{value}");
    std::fs::write(&file, "x = 2\n").expect("a file");
    eventually("a session again", || (kernel.get("/ready").status == 200).then_some(()));
    assert_eq!(kernel.value("x"), "2");
}

#[test]
fn a_spare_interpreter_that_was_stopped_does_not_stop_its_flow() {
    let Some(kernel) = Kernel::flowfile(&[("KERNEL_SPARE", "1")]) else { return };
    let spares = eventually("a spare interpreter", || {
        let family = pythons(&kernel);
        (!family.is_empty()).then_some(family)
    });
    for spare in spares {
        assert!(spare.signal("STOP"));
    }
    assert_eq!(kernel.node(1, "print(1)")["stdout"], "1\n");
}

fn pythons(kernel: &Kernel) -> Vec<Process> {
    kernel.family()
}

#[test]
fn a_process_that_goes_on_writing_does_not_hold_up_answers() {
    let Some(kernel) = Kernel::executor(&GUARDED) else { return };
    kernel.run("import subprocess\nwriter = subprocess.Popen(['yes'])");
    for number in 0..30 {
        assert_eq!(error_of(&kernel.execute(&number.to_string())), None);
    }
    kernel.run("writer.kill()");
    kernel.serves();
}

fn error_of(answer: &Value) -> Option<String> {
    let outputs = answer["outputs"].as_array()?;
    outputs.iter().find(|output| output["type"] == "error").map(Value::to_string)
}

#[test]
fn a_session_without_memory_answers_or_ends() {
    let limit = (256 * 1024 * 1024).to_string();
    let Some(kernel) = Kernel::flowfile(&[("KERNEL_MEMORY_LIMIT_BYTES", &limit)]) else { return };
    let answer = kernel.node(1, "kept = []\nwhile True: kept.append(bytearray(1 << 12))");
    assert_eq!(answer["success"], false, "{answer}");
    for _ in 0..3 {
        // Whatever it says, it says something.
        let _ = kernel.node(1, "print(len(kept) > 1)");
    }
    let _ = kernel.node(1, "kept = None");
    eventually("a session that works", || (kernel.node(1, "print(40 + 2)")["stdout"] == "42\n").then_some(()));
}

#[test]
fn who_leaves_the_queue_leaves_a_place() {
    let Some(kernel) = Kernel::executor(&[("KERNEL_QUEUE", "1"), ("EXECUTION_TIMEOUT", "60")]) else { return };
    let gate = Gate::new();
    let mut running = kernel.hold_code("", &gate, "1");
    let waiting = kernel.begin("/execute", &json!({"code": "2"}));
    eventually("a full queue", || (kernel.post("/execute", &json!({"code": "3"})).status == 429).then_some(()));
    drop(waiting);
    let mut next = eventually("a place in the queue", || {
        let connection = kernel.begin("/execute", &json!({"code": "4"}));
        let is_full = kernel.post("/execute", &json!({"code": "5"})).status == 429;
        // Refused as well while the one before it still has the place; else it waits.
        let stream = connection.sender();
        stream.set_nonblocking(true).expect("a socket");
        let waits = stream.peek(&mut [0]).is_err();
        stream.set_nonblocking(false).expect("a socket");
        (is_full && waits).then_some(connection)
    });
    gate.open("");
    assert_eq!(running.answer().expect("an answer").status, 200);
    assert_eq!(next.answer().expect("an answer").status, 200);
}

#[test]
fn a_session_mends_what_its_code_needs_itself() {
    let Some(kernel) = Kernel::executor(&GUARDED) else { return };
    for code in [
        "import sys\nsys.modules['builtins'] = None",
        "import linecache\nlinecache.getlines = None\nlinecache.cache = None\n1/0",
        "import linecache\nlinecache.cache = {1: 2}\nlinecache.getlines = lambda *a: 1/0\n1/0",
    ] {
        let _ = kernel.execute(code);
        assert_eq!(kernel.value("40 + 2"), "42", "{code}");
    }
}

#[test]
fn code_that_moves_to_another_group_is_ended_all_the_same() {
    let Some(kernel) = Kernel::executor(&GUARDED) else { return };
    let code = "import os\nos.setpgid(0, os.getpgid(os.getppid()))\n\
                while True:\n    try:\n        while True: pass\n    except BaseException: pass";
    assert_eq!(error(&kernel.execute(code)).0, "TimeoutError");
    kernel.serves();
}

#[test]
fn there_are_never_more_sessions_than_allowed() {
    let Some(kernel) = Kernel::flowfile(&[("KERNEL_MAX_SESSIONS", "2")]) else { return };
    let gates = [Gate::new(), Gate::new()];
    let mut held: Vec<_> = gates
        .iter()
        .enumerate()
        .map(|(flow, gate)| {
            let code = harness::wait_at(gate);
            kernel.begin("/execute", &json!({"node_id": 1, "flow_id": flow, "code": code}))
        })
        .collect();
    for gate in &gates {
        let _ = gate.entered_by();
    }
    let third = kernel.post("/execute", &json!({"node_id": 1, "flow_id": 3, "code": "1"}));
    assert_eq!(third.status, 429, "{}", third.text());
    for (gate, connection) in gates.iter().zip(&mut held) {
        gate.open("");
        assert_eq!(connection.answer().expect("an answer").status, 200);
    }
    eventually("room", || {
        (kernel.post("/execute", &json!({"node_id": 1, "flow_id": 3, "code": "1"})).status == 200).then_some(())
    });
}

#[test]
fn clearing_the_variables_of_a_flow_leaves_its_artifacts() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    kernel.node_succeeds(1, "x = 1\nflowfile.publish_artifact('model', 7)", &json!({"flow_id": 7}));
    assert_eq!(kernel.post("/clear_namespace?flow_id=7", &json!({})).status, 200);
    assert_eq!(kernel.get("/artifacts?flow_id=7").json()["model"]["node_id"], 1);
    let answer =
        kernel.node_with(2, "print('x' in globals(), flowfile.read_artifact('model'))", &json!({"flow_id": 7}));
    assert_eq!(answer["stdout"], "False 7\n", "{answer}");
}
