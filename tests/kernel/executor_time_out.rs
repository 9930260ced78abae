//! Code that takes too long is stopped, and the session lives on where the code lets it.

use harness::{Gate, Kernel, Process, error, one, stdout, wait_at};
use serde_json::json;

const SHORT: (&str, &str) = ("EXECUTION_TIMEOUT", "1");
const GRACE: (&str, &str) = ("WATCHDOG_KILL_GRACE_MS", "300");
/// Cannot be interrupted.
const DEAF: &str = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n";

fn timed_out(answer: &serde_json::Value, seconds: &str) {
    let expected = json!({
        "type": "error",
        "name": "TimeoutError",
        "value": format!("Execution timed out after {seconds} seconds"),
        "traceback": [],
    });
    assert_eq!(one(answer, "error"), expected);
}

#[test]
fn without_a_word_code_has_three_seconds() {
    let Some(kernel) = Kernel::executor(&[("EXECUTION_TIMEOUT", "")]) else { return };
    timed_out(&kernel.execute("while True: pass"), "3");
}

#[test]
fn a_time_out_comes_after_what_was_shown_before() {
    let Some(kernel) = Kernel::executor(&[SHORT, GRACE]) else { return };
    let answer = kernel.execute("import time\nprint('begun')\ndisplay(1)\ntime.sleep(600)\nprint('never')");
    assert_eq!(stdout(&answer), "begun\n");
    let _ = one(&answer, "display");
    timed_out(&answer, "1");
    assert_eq!(answer["outputs"].as_array().and_then(|all| all.last()), Some(&one(&answer, "error")));
}

#[test]
fn a_time_out_keeps_the_state() {
    let Some(kernel) = Kernel::executor(&[SHORT]) else { return };
    kernel.run("x = 1");
    for code in
        ["while True: pass", "import time\nx = 2\ntime.sleep(600)", "import threading\nthreading.Event().wait()"]
    {
        timed_out(&kernel.execute(code), "1");
    }
    assert_eq!(kernel.value("x"), "2");
}

#[test]
fn code_that_tidies_up_at_a_time_out_may_finish_that() {
    let Some(kernel) = Kernel::executor(&[SHORT, ("WATCHDOG_KILL_GRACE_MS", "600000")]) else { return };
    let code = "import time\ntry:\n    time.sleep(600)\nfinally:\n    tidied = True\n    print('tidied')";
    let answer = kernel.execute(code);
    timed_out(&answer, "1");
    assert_eq!(kernel.value("tidied"), "True");
}

#[test]
fn code_that_ignores_the_interrupt_loses_its_session() {
    let Some(kernel) = Kernel::executor(&[SHORT, GRACE]) else { return };
    let gate = Gate::new();
    kernel.run("x = 1");
    let answer = kernel.execute(&format!("{DEAF}print('begun')\n{}", wait_at(&gate)));
    assert_eq!(stdout(&answer), "begun\n");
    timed_out(&answer, "1");
    Process(gate.entered_by()).wait_until_gone();
    assert_eq!(error(&kernel.execute("x")).0, "NameError");
    kernel.serves();
}

#[test]
fn code_that_catches_every_interrupt_loses_its_session() {
    let Some(kernel) = Kernel::executor(&[SHORT, GRACE]) else { return };
    let code = "while True:\n    try:\n        while True: pass\n    except KeyboardInterrupt: pass";
    timed_out(&kernel.execute(code), "1");
    kernel.serves();
}

#[test]
fn a_program_that_the_code_waits_for_is_ended_with_it() {
    let Some(kernel) = Kernel::executor(&[SHORT, GRACE]) else { return };
    let id = Gate::new();
    let code = format!("import subprocess\nsubprocess.run(['sh', '-c', 'echo $$ > {}; exec sleep 600'])", id.path());
    timed_out(&kernel.execute(&code), "1");
    let id = std::fs::read_to_string(id.path()).ok().and_then(|text| text.trim().parse().ok());
    Process(id.expect("a process id")).wait_until_gone();
    kernel.serves();
}

#[test]
fn a_time_of_zero_is_no_limit_and_fractions_are_one() {
    let Some(kernel) = Kernel::executor(&[("EXECUTION_TIMEOUT", "0.5")]) else { return };
    timed_out(&kernel.execute("while True: pass"), "0.5");
    let Some(kernel) = Kernel::executor(&[("EXECUTION_TIMEOUT", "0")]) else { return };
    assert_eq!(kernel.value("import time; time.sleep(0.01); 1"), "1");
}

#[test]
fn the_time_of_those_that_wait_does_not_run() {
    let Some(kernel) = Kernel::executor(&[SHORT, GRACE]) else { return };
    let mut first = kernel.begin("/execute", &json!({ "code": "while True: pass" }));
    let mut others: Vec<_> = (0..3).map(|_| kernel.begin("/execute", &json!({ "code": "1" }))).collect();
    timed_out(&first.answer().expect("an answer").json(), "1");
    for other in &mut others {
        let answer = other.answer().expect("an answer").json();
        assert_eq!(one(&answer, "result")["data"]["text/plain"], "1", "{answer:#}");
    }
}

#[test]
fn health_and_readiness_are_told_while_a_session_is_stuck() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let gate = Gate::new();
    let mut stuck = kernel.hold_code(DEAF, &gate, "1");
    for _ in 0..5 {
        let health = kernel.get("/health");
        assert_eq!((health.status, health.json()), (200, json!({ "status": "ok" })));
        let ready = kernel.get("/ready");
        assert_eq!((ready.status, ready.json()), (200, json!({ "ready": true })));
        assert_eq!(kernel.get("/session/0/health").status, 200);
        assert_eq!(kernel.get("/restart-status").json(), json!({ "restarting": false }));
        assert_eq!(kernel.get("/metrics").status, 200);
    }
    gate.open("");
    assert_eq!(stuck.answer().expect("an answer").status, 200);
}
