//! Several workers: each has one call at a time, and one that is down takes nobody else along.

use std::collections::HashSet;

use harness::{Connection, Gate, Process, Watchdog, child, eventually};
use serde_json::json;

const ACK: (&str, &str) = ("OW_WAIT_FOR_ACK", "true");
const TWO: [(&str, &str); 2] = [("WATCHDOG_WORKERS", "2"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "2")];

fn family_of(watchdog: &Watchdog, count: usize) -> Vec<Process> {
    eventually(&format!("{count} workers"), || Some(watchdog.family()).filter(|family| family.len() == count))
}

fn begin(watchdog: &Watchdog, id: &str, input: &serde_json::Value) -> Connection {
    let mut caller = watchdog.connect();
    caller.begin(&[("X-Execution-Id", id)], &json!({ "input": input }).to_string());
    caller
}

fn answered(caller: &mut Connection) -> u16 {
    caller.answer().expect("an answer").status
}

#[test]
fn there_are_as_many_as_were_asked_for() {
    for (extra, count) in [
        (&[][..], 1),
        (&[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "3")], 3),
        (&[("WATCHDOG_WORKERS", "3"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "3")], 3),
        (&[("WATCHDOG_WORKERS", "1"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "3")], 1),
    ] {
        let watchdog = Watchdog::with_child("WORKER", extra);
        let workers = family_of(&watchdog, count);
        assert_eq!(watchdog.invoke("e-1", &json!(1)).status, 200);
        assert_eq!(watchdog.family(), workers, "{extra:?}");
    }
}

#[test]
fn calls_at_once_are_served_by_different_workers() {
    let extra = [("WATCHDOG_WORKERS", "3"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "3")];
    let watchdog = Watchdog::with_child("WORKER", &extra);
    let gates: Vec<Gate> = (0..3).map(|_| Gate::new()).collect();
    let mut callers: Vec<_> =
        gates.iter().enumerate().map(|(number, gate)| watchdog.hold(&format!("e-{number}"), gate)).collect();
    let serving: HashSet<u32> = gates.iter().map(Gate::entered_by).collect();
    assert_eq!(serving.len(), 3);
    for (gate, caller) in gates.iter().zip(&mut callers) {
        gate.open("");
        assert_eq!(answered(caller), 200);
    }
}

#[test]
fn a_worker_never_has_two_calls() {
    for extra in [&[][..], &[("WATCHDOG_WORKERS", "1"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "3")]] {
        let watchdog = Watchdog::with_child("WORKER", extra);
        let (gate, second) = (Gate::new(), Gate::new());
        let mut running = watchdog.hold("e-1", &gate);
        let mut waiting = begin(&watchdog, "e-2", &json!({ "gate": second.path() }));
        // Whether it waits for a slot or for a worker is nobody's business.
        if extra.is_empty() {
            watchdog.wait_for_metric("queued_invocations", &[], 1);
        }
        gate.open("");
        assert_eq!(answered(&mut running), 200);
        assert_eq!(second.entered_by(), gate.entered_by(), "the same worker, one after the other");
        second.open("");
        assert_eq!(answered(&mut waiting), 200);
    }
}

#[test]
fn concurrent_callers_get_their_own_answers() {
    let extra = [("WATCHDOG_WORKERS", "4"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "4"), ("WATCHDOG_QUEUE", "100")];
    let watchdog = Watchdog::with_child("WORKER", &extra);
    let workers = family_of(&watchdog, 4);
    std::thread::scope(|scope| {
        for caller in 0..20 {
            let watchdog = &watchdog;
            scope.spawn(move || {
                let mut connection = watchdog.connect();
                for call in 0..20 {
                    let own = json!({ "caller": caller, "call": call, "text": "x".repeat(caller * 500) });
                    let (id, body) = (format!("e-{caller}-{call}"), json!({ "input": own }).to_string());
                    let headers = [("X-Execution-Id", id.as_str())];
                    let answer = connection.request("POST", "/invoke", &headers, body.as_bytes());
                    assert_eq!((answer.status, answer.json()), (200, json!({ "echo": own })), "{id}");
                }
            });
        }
    });
    assert_eq!(watchdog.family(), workers, "none of them was replaced");
}

#[test]
fn a_call_beyond_the_queue_is_refused() {
    let watchdog = Watchdog::with_child("WORKER", &[("WATCHDOG_QUEUE", "0")]);
    let gate = Gate::new();
    let mut running = watchdog.hold("e-1", &gate);
    assert_eq!(watchdog.invoke("e-2", &json!(1)).refusal(), (429, "RUNTIME_HANDLER_SATURATED".to_owned()));
    assert_eq!((watchdog.get("/health").status, watchdog.get("/ready").status), (200, 200));
    gate.open("");
    assert_eq!(answered(&mut running), 200);
    assert_eq!(watchdog.invoke("e-3", &json!(1)).status, 200);
}

#[test]
fn while_one_is_down_it_is_ready_and_serves_and_with_none_it_is_not() {
    let gate = Gate::new();
    gate.open("");
    let command = child(&format!("worker --late {}", gate.path()));
    let watchdog = Watchdog::start("WORKER", &command, &[&TWO[..], &[ACK]].concat());
    let both = family_of(&watchdog, 2);
    for id in ["e-1", "e-2"] {
        assert_eq!(watchdog.invoke(id, &json!(1)).status, 200);
    }
    gate.close();
    assert!(both[0].signal("KILL"));
    both[0].wait_until_gone();
    // Its replacement cannot be ready before the gate opens.
    let third = Process(gate.entered_by());
    for id in ["e-3", "e-4", "e-5"] {
        assert_eq!((watchdog.get("/health").status, watchdog.get("/ready").status), (200, 200));
        assert_eq!(watchdog.child(id), both[1]);
    }
    assert!(both[1].signal("KILL"));
    watchdog.wait_for_status("/ready", 503);
    assert_eq!(watchdog.get("/health").status, 503);
    assert_eq!(watchdog.invoke("e-6", &json!(1)).refusal(), (503, "RUNTIME_NOT_READY".to_owned()));
    assert_eq!(watchdog.get("/metrics").status, 200);
    gate.open("");
    watchdog.wait_for_status("/ready", 200);
    assert_eq!(watchdog.get("/health").status, 200);
    assert_eq!(watchdog.invoke("e-7", &json!(1)).status, 200);
    assert!(family_of(&watchdog, 2).contains(&third));
}

#[test]
fn a_crash_of_one_does_not_touch_the_call_of_another() {
    let watchdog = Watchdog::with_child("WORKER", &TWO);
    let gate = Gate::new();
    let mut held = watchdog.hold("e-1", &gate);
    for id in ["e-2", "e-3"] {
        let answer =
            eventually("a worker", || Some(watchdog.invoke(id, &json!({ "exit": 43 }))).filter(|it| it.status != 503));
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()));
    }
    gate.open("");
    assert_eq!(answered(&mut held), 200);
}

#[test]
fn a_time_out_of_one_does_not_touch_the_call_of_another() {
    let watchdog = Watchdog::with_child("WORKER", &[&TWO[..], &[("WATCHDOG_KILL_GRACE_MS", "200")]].concat());
    let (gate, never) = (Gate::new(), Gate::new());
    let mut held = watchdog.hold("e-1", &gate);
    let envelope = json!({ "execution_id": "e-2", "payload": { "gate": never.path() }, "timeout_ms": 500 });
    assert_eq!(watchdog.post(&[], envelope.to_string()).status, 504);
    Process(never.entered_by()).wait_until_gone();
    gate.open("");
    assert_eq!(answered(&mut held), 200);
    let _ = family_of(&watchdog, 2);
}
