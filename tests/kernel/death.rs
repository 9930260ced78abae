//! Interpreters that die: an error, and a fresh one for the next call.

use harness::{Gate, Kernel, Process, error, stdout};
use serde_json::{Value, json};

/// A death, and words that tell of it.
const DEATHS: [(&str, &str); 6] = [
    ("os._exit(1)", "exited with status 1"),
    ("os._exit(0)", "exited with status 0"),
    ("os._exit(77)", "exited with status 77"),
    ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL (signal 9)"),
    ("os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV (signal 11)"),
    ("os.abort()", "was ended by SIGABRT (signal 6)"),
];

fn died(answer: &Value, how: &str) {
    let (name, value) = error(answer);
    assert_eq!(name, "KernelError", "{answer:#}");
    assert!(value.contains(how), "{how}: {value}");
    assert_eq!(harness::one(answer, "error")["traceback"], json!([]));
}

#[test]
fn a_death_is_an_error_that_tells_how_and_the_next_call_works() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for (death, how) in DEATHS {
        died(&kernel.execute(&format!("import os, signal\nx = 1\n{death}")), how);
        assert_eq!(error(&kernel.execute("x")).0, "NameError", "{death}");
        kernel.serves();
    }
}

#[test]
fn what_was_shown_before_a_death_is_not_lost() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let answer = kernel.execute("import os, sys\nprint('last', end=' ')\nprint('words', end='')\nos._exit(1)");
    assert_eq!(stdout(&answer), "last words");
    died(&answer, "exited with status 1");
    let answer = kernel.execute("import os\nos.write(1, b'raw')\nos.kill(os.getpid(), 9)");
    assert_eq!(stdout(&answer), "raw");
    let answer = kernel.execute("import os\nprint('x' * 1_000_000)\nos._exit(1)");
    assert_eq!(stdout(&answer).len(), 1_000_001);
}

#[test]
fn a_real_fault_in_c_code_is_a_death() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    if kernel.execute("import ctypes")["outputs"] != json!([]) {
        return harness::skip("this Python has no ctypes");
    }
    died(&kernel.execute("import ctypes; ctypes.string_at(0)"), "SIGSEGV");
    kernel.serves();
}

#[test]
fn a_death_while_nobody_calls_is_noticed() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let process = Process(kernel.value("import os; os.getpid()").parse().expect("a process id"));
    assert!(process.signal("KILL"));
    process.wait_until_gone();
    harness::eventually("a call that works", || {
        let answer = kernel.post("/execute", &json!({ "code": "40 + 2" }));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().contains("\"42\"").then_some(())
    });
    kernel.wait_for_status("/ready", 200);
}

#[test]
fn a_death_in_a_thread_is_one_too() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = "import os, threading, time\nthreading.Thread(target=lambda: os._exit(5)).start()\ntime.sleep(600)";
    died(&kernel.execute(code), "exited with status 5");
    kernel.serves();
}

#[test]
fn calls_that_wait_survive_a_death() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let gate = Gate::new();
    let mut dying = kernel.hold_code("", &gate, "_os._exit(1)");
    let mut waiting: Vec<_> = (0..3).map(|_| kernel.begin("/execute", &json!({ "code": "40 + 2" }))).collect();
    assert_eq!(kernel.get("/health").status, 200);
    gate.open("");
    died(&dying.answer().expect("an answer").json(), "exited with status 1");
    for call in &mut waiting {
        let answer = call.answer().expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().contains("\"42\""), "{}", answer.text());
    }
}

#[test]
fn twenty_deaths_in_a_row_are_not_too_many() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for _ in 0..20 {
        died(&kernel.execute("import os; os._exit(1)"), "exited with status 1");
    }
    kernel.serves();
    assert!(kernel.process().is_alive());
    assert!(kernel.process().zombies().is_empty());
}

#[test]
fn what_a_dead_interpreter_had_started_ends_with_it() {
    let Some(kernel) = Kernel::executor(&[("WATCHDOG_KILL_GRACE_MS", "300")]) else { return };
    let id = Gate::new();
    let code = format!(
        "import os, subprocess, time\n\
         subprocess.Popen(['sh', '-c', 'echo $$ > {path}.draft; mv {path}.draft {path}; exec sleep 600'])\n\
         while not os.path.exists('{path}'): time.sleep(0.005)\n\
         os._exit(1)",
        path = id.path()
    );
    died(&kernel.execute(&code), "exited with status 1");
    let id = std::fs::read_to_string(id.path()).ok().and_then(|text| text.trim().parse().ok());
    Process(id.expect("a process id")).wait_until_gone();
    kernel.serves();
}

#[test]
fn in_flowfiles_api_a_death_is_a_failure_and_other_flows_live_on() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    kernel.node_succeeds(1, "x = 1", &json!({ "flow_id": 1 }));
    kernel.node_succeeds(1, "x = 2", &json!({ "flow_id": 2 }));
    let answer = kernel.node_with(2, "print('begun')\nimport os\nos._exit(1)", &json!({ "flow_id": 1 }));
    assert_eq!((&answer["success"], &answer["stdout"]), (&json!(false), &json!("begun\n")), "{answer:#}");
    let error = answer["error"].as_str().unwrap_or_default();
    assert!(error.starts_with("KernelError: ") && error.contains("exited with status 1"), "{error}");
    assert_eq!(answer["output_paths"], json!([]));
    assert_eq!(kernel.node_succeeds(2, "print(x)", &json!({ "flow_id": 2 }))["stdout"], "2\n");
    let next = kernel.node_with(2, "print(x)", &json!({ "flow_id": 1 }));
    assert!(next["error"].as_str().is_some_and(|error| error.starts_with("NameError")), "{next:#}");
}
