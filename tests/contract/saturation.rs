//! More work than there is room for.

use harness::{Answer, Connection, ControlPlane, Function, Gate, eventually};
use nanofaas::testing::Fault;
use serde_json::json;

fn specimen(handler: &str, more: &[(&str, &str)]) -> Function {
    Function::start("specimen", &[&[("FUNCTION_HANDLER", handler)], more].concat())
}

/// A call that waits at the gate.
fn hold(function: &Function, gate: &Gate, headers: &[(&str, &str)]) -> Connection {
    let mut caller = function.connect();
    caller.begin(headers, &gate.body());
    gate.wait_until_entered();
    caller
}

/// An input that goes through at once.
fn open_gate() -> Gate {
    let gate = Gate::new();
    gate.open("");
    gate
}

#[test]
fn the_same_execution_and_attempt_does_not_run_twice_at_once() {
    let function = specimen("gate", &[]);
    let (gate, open) = (Gate::new(), open_gate());
    let headers = [("X-Execution-Id", "e-1"), ("X-Dispatch-Attempt", "1")];
    let mut first = hold(&function, &gate, &headers);
    assert_eq!(function.post(&headers, open.body()).refusal(), (429, "EXECUTION_ACTIVE".to_owned()));
    gate.open("");
    assert_eq!(first.answer().expect("an answer").status, 200);
    assert_eq!(function.post(&headers, open.body()).status, 200);
}

#[test]
fn the_same_execution_without_attempts_does_not_run_twice_at_once() {
    let function = specimen("gate", &[]);
    let (gate, open) = (Gate::new(), open_gate());
    let headers = [("X-Execution-Id", "e-1")];
    let mut first = hold(&function, &gate, &headers);
    assert_eq!(function.post(&headers, open.body()).refusal(), (429, "EXECUTION_ACTIVE".to_owned()));
    assert_eq!(function.invoke("e-2", &open.input()).status, 200);
    gate.open("");
    assert_eq!(first.answer().expect("an answer").status, 200);
}

#[test]
fn a_higher_attempt_of_a_running_execution_passes() {
    let function = specimen("gate", &[]);
    let (gate, open) = (Gate::new(), open_gate());
    let mut first = hold(&function, &gate, &[("X-Execution-Id", "e-1"), ("X-Dispatch-Attempt", "1")]);
    for attempt in ["2", "3"] {
        let headers = [("X-Execution-Id", "e-1"), ("X-Dispatch-Attempt", attempt)];
        assert_eq!(function.post(&headers, open.body()).status, 200);
    }
    gate.open("");
    assert_eq!(first.answer().expect("an answer").status, 200);
}

#[test]
fn when_all_slots_are_taken_the_next_call_is_refused_without_a_callback() {
    let plane = ControlPlane::start();
    let mut function =
        specimen("gate", &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "2"), ("CALLBACK_URL", &plane.callback_url())]);
    let gates = [Gate::new(), Gate::new()];
    let mut callers = [
        hold(&function, &gates[0], &[("X-Execution-Id", "e-1")]),
        hold(&function, &gates[1], &[("X-Execution-Id", "e-2")]),
    ];
    let open = open_gate();
    assert_eq!(function.invoke("e-3", &open.input()).refusal(), (429, "RUNTIME_HANDLER_SATURATED".to_owned()));
    assert_eq!(function.get("/health").status, 200);
    assert_eq!(function.get("/ready").status, 200);
    gates[0].open("");
    assert_eq!(callers[0].answer().expect("an answer").status, 200);
    assert_eq!(function.invoke("e-4", &open.input()).status, 200);
    gates[1].open("");
    assert_eq!(callers[1].answer().expect("an answer").status, 200);
    function.stop();
    assert!(plane.attempts("e-3").is_empty());
    assert_eq!(plane.completions().len(), 3);
}

#[test]
fn a_slot_is_free_when_the_answer_is_there() {
    for (name, input) in [("hello", json!("x")), ("probe", json!(1)), ("probe", json!({ "panic": true }))] {
        let function = Function::start(name, &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "1")]);
        let mut connection = function.connect();
        let body = json!({ "input": input }).to_string();
        for _ in 0..200 {
            let answer = connection.request("POST", "/invoke", &[("X-Execution-Id", "e-1")], body.as_bytes());
            assert_ne!(answer.status, 429, "{name}: {answer:?}");
        }
    }
}

/// Invokes from 200 threads at once.
fn burst(function: &Function, input: &serde_json::Value) -> Vec<Answer> {
    let start = std::sync::Barrier::new(200);
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..200)
            .map(|number| {
                let start = &start;
                scope.spawn(move || {
                    let mut connection = function.connect();
                    start.wait();
                    let id = format!("e-{number}");
                    let body = json!({ "input": input }).to_string();
                    connection.request("POST", "/invoke", &[("X-Execution-Id", &id)], body.as_bytes())
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().expect("an answer")).collect()
    })
}

#[test]
fn a_burst_that_fits_is_served_whole() {
    for (name, input) in [("hello", json!("x")), ("probe", json!({ "sleep_ms": 50 }))] {
        let function = Function::start(name, &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "256")]);
        for answer in burst(&function, &input) {
            assert_eq!(answer.status, 200, "{name}: {answer:?}");
        }
    }
}

#[test]
fn a_burst_with_callbacks_at_the_default_room_is_served_and_reported_whole() {
    let plane = ControlPlane::start();
    let mut hello = Function::start(
        "hello",
        &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "256"), ("CALLBACK_URL", &plane.callback_url())],
    );
    for answer in burst(&hello, &json!("x")) {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    hello.stop();
    assert_eq!(plane.completions().len(), 200);
    for number in 0..200 {
        assert_eq!(plane.attempts(&format!("e-{number}")).len(), 1, "e-{number}");
    }
}

#[test]
fn a_burst_that_does_not_fit_is_served_or_refused_and_nothing_else() {
    let plane = ControlPlane::start();
    let mut probe =
        Function::start("probe", &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "8"), ("CALLBACK_URL", &plane.callback_url())]);
    let answers = burst(&probe, &json!({ "sleep_ms": 100 }));
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.refusal(), (429, "RUNTIME_HANDLER_SATURATED".to_owned()));
    }
    assert!((8..200).contains(&served), "{served}");
    probe.stop();
    assert_eq!(plane.completions().len(), served);
}

#[test]
fn without_room_for_a_callback_a_call_is_refused_until_there_is_again() {
    let plane = ControlPlane::start();
    plane.fail_always(Fault::Hang);
    let mut probe = Function::start(
        "probe",
        &[
            ("NANOFAAS_MAX_PENDING_CALLBACKS", "2"),
            ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "400"),
            ("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "1000"),
            ("NANOFAAS_SHUTDOWN_TIMEOUT", "30000"),
        ],
    );
    let url = plane.callback_url();
    let call = |id: &str| probe.post(&[("X-Execution-Id", id), ("X-Callback-Url", &url)], r#"{"input":1}"#);
    assert_eq!((call("e-1").status, call("e-2").status), (200, 200));
    assert_eq!(call("e-3").refusal(), (429, "RUNTIME_CALLBACK_SATURATED".to_owned()));
    assert_eq!(probe.get("/health").status, 200);
    plane.fail_always(None);
    eventually("room for a callback", || (call("e-4").status == 200).then_some(()));
    for id in ["e-1", "e-2", "e-4"] {
        assert!(plane.accepted(id).success());
    }
    probe.stop();
    assert!(plane.attempts("e-3").is_empty());
}

#[test]
fn a_call_without_a_target_needs_no_room_for_a_callback() {
    let plane = ControlPlane::start();
    plane.fail_always(Fault::Hang);
    let probe = Function::start("probe", &[("NANOFAAS_MAX_PENDING_CALLBACKS", "1")]);
    let url = plane.callback_url();
    let with_target = [("X-Execution-Id", "e-1"), ("X-Callback-Url", url.as_str())];
    assert_eq!(probe.post(&with_target, r#"{"input":1}"#).status, 200);
    for id in ["e-2", "e-3"] {
        assert_eq!(probe.invoke(id, &json!(1)).status, 200);
    }
}

#[test]
fn a_running_function_has_its_room_reserved() {
    let plane = ControlPlane::start();
    let function =
        specimen("gate", &[("NANOFAAS_MAX_PENDING_CALLBACKS", "1"), ("CALLBACK_URL", &plane.callback_url())]);
    let (gate, open) = (Gate::new(), open_gate());
    let mut first = hold(&function, &gate, &[("X-Execution-Id", "e-1")]);
    assert_eq!(function.invoke("e-2", &open.input()).refusal(), (429, "RUNTIME_CALLBACK_SATURATED".to_owned()));
    gate.open("");
    assert_eq!(first.answer().expect("an answer").status, 200);
    assert!(plane.accepted("e-1").success());
}
