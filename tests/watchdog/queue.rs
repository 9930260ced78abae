//! More calls than slots: they wait for a while, and only then are refused.

use harness::{Connection, ControlPlane, Gate, Watchdog};
use nanofaas::testing::Fault;
use serde_json::{Value, json};

const MODES: [&str; 3] = ["HTTP", "STDIO", "FILE"];

fn begin(watchdog: &Watchdog, id: &str, input: &Value) -> Connection {
    let mut caller = watchdog.connect();
    caller.begin(&[("X-Execution-Id", id)], &json!({ "input": input }).to_string());
    caller
}

fn status(caller: &mut Connection) -> u16 {
    caller.answer().expect("an answer").status
}

#[test]
fn one_call_runs_at_a_time_and_the_next_one_waits() {
    for mode in MODES {
        let watchdog = Watchdog::with_child(mode, &[]);
        let (first, second) = (Gate::new(), Gate::new());
        let mut running = watchdog.hold("e-1", &first);
        let mut waiting = begin(&watchdog, "e-2", &json!({ "gate": second.path() }));
        watchdog.wait_for_metric("queued_invocations", &[], 1);
        assert!(watchdog.metric("active_handlers", &[]) < 1.5, "{mode}");
        first.open("");
        assert_eq!(status(&mut running), 200, "{mode}");
        let _ = second.entered_by();
        watchdog.wait_for_metric("queued_invocations", &[], 0);
        second.open("");
        assert_eq!(status(&mut waiting), 200, "{mode}");
    }
}

#[test]
fn without_a_queue_the_second_call_is_refused() {
    let plane = ControlPlane::start();
    let mut watchdog =
        Watchdog::with_child("STDIO", &[("WATCHDOG_QUEUE", "0"), ("CALLBACK_URL", &plane.callback_url())]);
    let gate = Gate::new();
    let mut running = watchdog.hold("e-1", &gate);
    assert_eq!(watchdog.invoke("e-2", &json!(1)).refusal(), (429, "RUNTIME_HANDLER_SATURATED".to_owned()));
    assert_eq!((watchdog.get("/health").status, watchdog.get("/ready").status), (200, 200));
    gate.open("");
    assert_eq!(status(&mut running), 200);
    assert_eq!(watchdog.invoke("e-3", &json!(1)).status, 200);
    watchdog.stop();
    assert!(plane.attempts("e-2").is_empty());
    assert_eq!(plane.completions().len(), 2);
}

#[test]
fn a_full_queue_refuses_and_those_in_it_are_served_in_their_order() {
    let watchdog = Watchdog::with_child("STDIO", &[("WATCHDOG_QUEUE", "3")]);
    let gate = Gate::new();
    let mut running = watchdog.hold("e-0", &gate);
    let mut waiting = Vec::new();
    for number in 1..=3_u32 {
        waiting.push(begin(&watchdog, &format!("e-{number}"), &json!({ "stderr": format!("turn {number}\n") })));
        watchdog.wait_for_metric("queued_invocations", &[], number);
    }
    assert_eq!(watchdog.invoke("e-4", &json!(1)).refusal(), (429, "RUNTIME_HANDLER_SATURATED".to_owned()));
    gate.open("");
    assert_eq!(status(&mut running), 200);
    for caller in &mut waiting {
        assert_eq!(status(caller), 200);
    }
    let _ = watchdog.wait_for_log("the last turn", |line| line["message"] == "turn 3");
    let turns = watchdog.log_lines(|line| line["message"].as_str().is_some_and(|text| text.starts_with("turn ")));
    let turns: Vec<_> = turns.iter().map(|line| line["message"].as_str().unwrap_or_default()).collect();
    assert_eq!(turns, ["turn 1", "turn 2", "turn 3"]);
}

#[test]
fn a_caller_that_leaves_the_queue_makes_room_and_is_never_served() {
    let watchdog = Watchdog::with_child("STDIO", &[("WATCHDOG_QUEUE", "1")]);
    let (gate, never) = (Gate::new(), Gate::new());
    let mut running = watchdog.hold("e-1", &gate);
    let left = begin(&watchdog, "e-2", &json!({ "stderr": "e-2 ran\n", "gate": never.path() }));
    watchdog.wait_for_metric("queued_invocations", &[], 1);
    drop(left);
    watchdog.wait_for_metric("queued_invocations", &[], 0);
    let mut waiting = begin(&watchdog, "e-3", &json!(1));
    watchdog.wait_for_metric("queued_invocations", &[], 1);
    gate.open("");
    assert_eq!((status(&mut running), status(&mut waiting)), (200, 200));
    assert!(watchdog.log_lines(|line| line["message"] == "e-2 ran").is_empty());
}

#[test]
fn time_in_the_queue_is_not_time_of_the_call() {
    let watchdog = Watchdog::with_child("STDIO", &[("TIMEOUT_MS", "1000")]);
    let gate = Gate::new();
    let mut running = watchdog.connect();
    let envelope = json!({ "execution_id": "e-1", "payload": { "gate": gate.path() }, "timeout_ms": 600_000 });
    running.begin(&[], &envelope.to_string());
    let _ = gate.entered_by();
    let mut waiting = begin(&watchdog, "e-2", &json!(1));
    watchdog.wait_for_metric("queued_invocations", &[], 1);
    // Longer than the time-out of the one that waits: nothing tells when that would have passed.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    gate.open("");
    assert_eq!((status(&mut running), status(&mut waiting)), (200, 200));
}

#[test]
fn more_slots_run_more_calls_at_once() {
    for mode in MODES {
        let watchdog = Watchdog::with_child(mode, &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "3")]);
        let gates = [Gate::new(), Gate::new(), Gate::new()];
        let mut callers: Vec<_> =
            gates.iter().enumerate().map(|(number, gate)| watchdog.hold(&format!("e-{number}"), gate)).collect();
        for gate in &gates {
            gate.open("");
        }
        for caller in &mut callers {
            assert_eq!(status(caller), 200, "{mode}");
        }
    }
}

#[test]
fn the_same_execution_does_not_run_twice_at_once_nor_wait() {
    for mode in MODES {
        let watchdog = Watchdog::with_child(mode, &[]);
        let gate = Gate::new();
        let mut running = watchdog.hold("e-1", &gate);
        assert_eq!(watchdog.invoke("e-1", &json!(1)).refusal(), (429, "EXECUTION_ACTIVE".to_owned()), "{mode}");
        let mut waiting = begin(&watchdog, "e-2", &json!(1));
        watchdog.wait_for_metric("queued_invocations", &[], 1);
        assert_eq!(watchdog.invoke("e-2", &json!(1)).refusal(), (429, "EXECUTION_ACTIVE".to_owned()), "{mode}");
        gate.open("");
        assert_eq!((status(&mut running), status(&mut waiting)), (200, 200), "{mode}");
        assert_eq!(watchdog.invoke("e-1", &json!(1)).status, 200, "{mode}");
    }
}

#[test]
fn a_callback_that_hangs_does_not_delay_the_next_call() {
    for mode in MODES {
        let plane = ControlPlane::start();
        plane.fail_always(Fault::Hang);
        let extra = [("CALLBACK_URL", &*plane.callback_url()), ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "600000")];
        let watchdog = Watchdog::with_child(mode, &extra);
        for id in ["e-1", "e-2", "e-3"] {
            assert_eq!(watchdog.invoke(id, &json!(1)).status, 200, "{mode}");
        }
        for id in ["e-1", "e-2", "e-3"] {
            assert_eq!(plane.arrived(id, 1).len(), 1, "{mode}");
        }
    }
}
