//! The first answer of a process says how long it took to start.

use harness::{Answer, Function, Gate};
use serde_json::json;

fn init_ms(answer: &Answer) -> u64 {
    assert_eq!(answer.header("x-cold-start"), Some("true"), "{answer:?}");
    answer.header("x-init-duration-ms").and_then(|ms| ms.parse().ok()).expect("whole milliseconds")
}

fn is_warm(answer: &Answer) {
    assert_eq!((answer.header("x-cold-start"), answer.header("x-init-duration-ms")), (None, None), "{answer:?}");
}

#[test]
fn only_the_first_answer_is_a_cold_start() {
    let hello = Function::start("hello", &[]);
    let _ = init_ms(&hello.invoke("e-1", &json!("x")));
    for id in ["e-2", "e-3"] {
        is_warm(&hello.invoke(id, &json!("x")));
    }
}

#[test]
fn of_many_first_calls_one_is_the_cold_start() {
    let hello = Function::start("hello", &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "64")]);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let hello = &hello;
        let calls: Vec<_> =
            (0..20).map(|number| scope.spawn(move || hello.invoke(&format!("e-{number}"), &json!("x")))).collect();
        calls.into_iter().map(|call| call.join().expect("an answer")).collect()
    });
    let cold = answers.iter().filter(|answer| answer.header("x-cold-start").is_some()).count();
    assert_eq!(cold, 1);
    assert!((hello.metric("cold_starts_total", &[]) - 1.0).abs() < 0.5);
}

#[test]
fn a_first_answer_that_is_a_failure_is_a_cold_start_too() {
    for input in [json!({ "fail": true }), json!({ "panic": true }), json!({ "respond": { "status": 404 } })] {
        let probe = Function::start("probe", &[]);
        let _ = init_ms(&probe.invoke("e-1", &input));
        is_warm(&probe.invoke("e-2", &input));
    }
}

#[test]
fn a_request_that_never_reached_the_function_uses_up_no_cold_start() {
    let hello = Function::start("hello", &[]);
    is_warm(&hello.post(&[], "{}"));
    is_warm(&hello.get("/health"));
    is_warm(&hello.get("/nowhere"));
    let _ = init_ms(&hello.invoke("e-1", &json!("x")));
}

#[test]
fn the_time_of_init_counts() {
    let gate = Gate::new();
    let port = harness::free_port();
    let mut function = Function::spawn(
        "specimen",
        &[("FUNCTION_HANDLER", "started"), ("INIT_GATE", &gate.path()), ("PORT", &port.to_string())],
    );
    gate.wait_until_entered();
    function.wait_until_listening(port);
    let waited = std::time::Instant::now();
    harness::eventually("a measurable time", || (waited.elapsed().as_millis() >= 100).then_some(()));
    gate.open("");
    function.wait_until_ready();
    assert!(init_ms(&function.invoke("e-1", &json!(null))) >= 100);
}

#[test]
fn idle_time_before_the_first_call_does_not_count() {
    let _ = harness::binary("hello");
    let start = std::time::Instant::now();
    let hello = Function::start("hello", &[]);
    let started = start.elapsed();
    harness::eventually("as long again", || (start.elapsed() >= started * 3).then_some(()));
    let told = u128::from(init_ms(&hello.invoke("e-1", &json!("x"))));
    assert!(told <= started.as_millis(), "{told} ms, and it took {} ms to its ready line", started.as_millis());
}
