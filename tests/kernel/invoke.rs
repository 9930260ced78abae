//! Code as an invocation like any other.

use harness::{Answer, ControlPlane, Gate, Kernel, error, one, stdout, wait_at};
use serde_json::{Value, json};

fn output(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[test]
fn an_invocation_executes_its_code() {
    for api in ["executor", "flowfile", "none"] {
        let Some(kernel) = Kernel::plain(&[("KERNEL_API", api)]) else { return };
        let answer = output(&kernel.invoke_code("e-1", "print('hello')\n1 + 1", &json!({})));
        let expected = json!({
            "outputs": [
                { "type": "stream", "name": "stdout", "text": "hello\n" },
                { "type": "result", "data": { "text/plain": "2" } },
            ],
            "success": true,
        });
        assert_eq!(answer, expected, "{api}");
    }
}

#[test]
fn code_that_fails_is_an_output_that_says_so() {
    let Some(kernel) = Kernel::plain(&[]) else { return };
    let answer = output(&kernel.invoke_code("e-1", "print('before')\n1 / 0", &json!({})));
    assert_eq!((&answer["success"], stdout(&answer)), (&json!(false), "before\n".to_owned()));
    assert_eq!(error(&answer), ("ZeroDivisionError".to_owned(), "division by zero".to_owned()));
}

#[test]
fn a_death_is_an_output_that_says_so() {
    let Some(kernel) = Kernel::plain(&[]) else { return };
    let answer = output(&kernel.invoke_code("e-1", "import os; os._exit(3)", &json!({ "session": "s" })));
    assert_eq!(answer["success"], false);
    let (name, value) = error(&answer);
    assert!(name == "KernelError" && value.contains("exited with status 3"), "{name} {value}");
    assert_eq!(output(&kernel.invoke_code("e-2", "1", &json!({ "session": "s" })))["success"], true);
}

#[test]
fn a_session_keeps_its_names_and_another_one_has_its_own() {
    let Some(kernel) = Kernel::plain(&[]) else { return };
    for (session, value) in [("one", 1), ("two", 2), ("größe/../x y", 3)] {
        let answer = kernel.invoke_code("e-1", &format!("x = {value}"), &json!({ "session": session }));
        assert_eq!(output(&answer)["success"], true, "{session}");
    }
    for (session, value) in [("one", "1"), ("two", "2"), ("größe/../x y", "3")] {
        let answer = output(&kernel.invoke_code("e-2", "x", &json!({ "session": session })));
        assert_eq!(one(&answer, "result")["data"]["text/plain"], value, "{session}");
    }
    let answer = output(&kernel.invoke_code("e-3", "x", &json!({ "session": "three" })));
    assert_eq!(error(&answer).0, "NameError");
}

#[test]
fn the_session_that_was_not_used_for_longest_goes_first() {
    let Some(kernel) = Kernel::plain(&[("KERNEL_MAX_SESSIONS", "2")]) else { return };
    let call = |session: &str, code: &str| output(&kernel.invoke_code("e", code, &json!({ "session": session })));
    for session in ["one", "two", "one", "three"] {
        assert_eq!(call(session, "x = 1")["success"], true, "{session}");
    }
    assert_eq!(call("one", "x")["success"], true);
    assert_eq!(error(&call("two", "x")).0, "NameError");
}

#[test]
fn sessions_run_in_parallel() {
    let Some(kernel) = Kernel::plain(&[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "8")]) else { return };
    let gate = Gate::new();
    let mut held = kernel.connect();
    let input = json!({ "input": { "code": wait_at(&gate), "session": "held" } });
    held.begin(&[("X-Execution-Id", "e-1")], &input.to_string());
    let _ = gate.entered_by();
    assert_eq!(output(&kernel.invoke_code("e-2", "1", &json!({ "session": "other" })))["success"], true);
    gate.open("");
    assert_eq!(output(&held.answer().expect("an answer"))["success"], true);
}

#[test]
fn its_time_may_be_limited() {
    let Some(kernel) = Kernel::plain(&[]) else { return };
    let keys = json!({ "session": "s", "timeout_ms": 500 });
    let answer = output(&kernel.invoke_code("e-1", "x = 1\nprint('begun')\nwhile True: pass", &keys));
    assert_eq!((&answer["success"], stdout(&answer)), (&json!(false), "begun\n".to_owned()));
    let (name, value) = error(&answer);
    assert!(name == "TimeoutError" && value.starts_with("Execution timed out after 0.5 second"), "{name} {value}");
    let next = output(&kernel.invoke_code("e-2", "x", &json!({ "session": "s" })));
    assert_eq!(one(&next, "result")["data"]["text/plain"], "1");
}

#[test]
fn the_time_of_an_invocation_ends_it_as_ever() {
    let Some(kernel) = Kernel::plain(&[("TIMEOUT_MS", "1000"), ("WATCHDOG_KILL_GRACE_MS", "300")]) else { return };
    let never = Gate::new();
    for (id, code) in [
        ("e-1", wait_at(&never)),
        ("e-2", format!("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{}", wait_at(&never))),
    ] {
        let answer = kernel.invoke_code(id, &code, &json!({ "session": "s" }));
        assert_eq!(answer.failure(), (504, "TIMEOUT".to_owned()), "{}", answer.text());
        harness::eventually("the next call", || {
            let answer = kernel.invoke_code("next", "40 + 2", &json!({ "session": "s" }));
            (answer.status == 200 && answer.text().contains("42")).then_some(())
        });
    }
}

#[test]
fn an_input_that_cannot_be_meant_is_refused_and_the_place_is_named() {
    let Some(kernel) = Kernel::plain(&[]) else { return };
    for (input, place) in [
        (json!({}), "code"),
        (json!({ "code": 1 }), "code"),
        (json!({ "code": null }), "code"),
        (json!({ "code": "1", "session": 7 }), "session"),
        (json!({ "code": "1", "timeout_ms": "soon" }), "timeout_ms"),
        (json!({ "code": "1", "timeout_ms": -1 }), "timeout_ms"),
    ] {
        let answer = kernel.invoke("e-1", &input);
        assert_eq!(answer.failure(), (400, "INVALID_INPUT".to_owned()), "{input} {}", answer.text());
        assert!(answer.json()["error"].as_str().is_some_and(|text| text.contains(place)), "{input} {}", answer.text());
    }
    for input in [json!("1 + 1"), json!(1), json!(null), json!([])] {
        assert_eq!(kernel.invoke("e-1", &input).failure(), (400, "INVALID_INPUT".to_owned()), "{input}");
    }
}

#[test]
fn an_invocation_needs_its_id_and_a_body() {
    let Some(kernel) = Kernel::plain(&[]) else { return };
    assert_eq!(
        kernel.connect().request("POST", "/invoke", &[], br#"{"input":{"code":"1"}}"#).refusal().1,
        "EXECUTION_ID_REQUIRED"
    );
    let answer = kernel.connect().request("POST", "/invoke", &[("X-Execution-Id", "e-1")], b"[]");
    assert_eq!(answer.refusal(), (400, "INVALID_REQUEST".to_owned()));
}

#[test]
fn a_callback_brings_the_output() {
    let plane = ControlPlane::start();
    let Some(kernel) = Kernel::plain(&[("CALLBACK_URL", &plane.callback_url())]) else { return };
    for (id, code, success) in [("e-1", "1 + 1", true), ("e-2", "1 / 0", false)] {
        let answer = output(&kernel.invoke_code(id, code, &json!({})));
        let completion = plane.accepted(id);
        assert!(completion.success(), "{code}: the invocation itself did not fail");
        assert_eq!((completion.output(), &answer["success"]), (&answer, &json!(success)), "{code}");
    }
    assert_eq!(kernel.invoke("e-3", &json!({})).status, 400);
    assert_eq!(plane.accepted("e-3").error().expect("an error").code, "INVALID_INPUT");
}

#[test]
fn everything_of_a_call_can_be_in_the_envelope() {
    let plane = ControlPlane::start();
    let Some(kernel) = Kernel::plain(&[]) else { return };
    let envelope = json!({
        "execution_id": "e-1",
        "callback_url": plane.callback_url(),
        "trace_id": "t-1",
        "payload": { "code": "1 + 1" },
        "timeout_ms": 20_000,
    });
    let answer = output(&kernel.connect().request("POST", "/invoke", &[], envelope.to_string().as_bytes()));
    assert_eq!((&answer["success"], &answer["error"]), (&json!(true), &json!(null)), "{answer:#}");
    assert_eq!(one(&answer["output"], "result")["data"]["text/plain"], "2");
    let completion = plane.accepted("e-1");
    assert_eq!((completion.body(), completion.trace_id()), (&answer, Some("t-1")));
}

#[test]
fn each_invocation_has_a_line_and_is_counted() {
    let Some(kernel) = Kernel::plain(&[]) else { return };
    for (id, code) in [("e-1", "1"), ("e-2", "1 / 0")] {
        let _ = output(&kernel.invoke_code(id, code, &json!({})));
        let _ = kernel.line(id);
    }
    kernel.wait_for_metric("invocations_total", &[], 2);
    kernel.wait_for_metric("active_handlers", &[], 0);
}

#[test]
fn nothing_of_the_code_is_logged() {
    const SECRET: &str = "c0ffee_payload";
    let Some(mut kernel) = Kernel::plain(&[("RUST_LOG", "trace")]) else { return };
    let _ = output(&kernel.invoke_code("e-1", &format!("x = '{SECRET}'\nprint(x)\nx"), &json!({})));
    kernel.stop();
    let leaks: Vec<_> = kernel.log().into_iter().filter(|line| line.contains(SECRET)).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}
