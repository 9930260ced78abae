//! Several sessions side by side.

use harness::{Gate, Kernel, error, one, wait_at};
use serde_json::json;

const THREE: (&str, &str) = ("KERNEL_SESSIONS", "3");

#[test]
fn session_0_is_the_one_without_a_number() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("x = 1");
    let answer = kernel.execute_at("/session/0/execute", "x");
    assert_eq!(one(&answer, "result")["data"]["text/plain"], "1");
}

#[test]
fn sessions_do_not_see_each_other() {
    let Some(kernel) = Kernel::executor(&[THREE]) else { return };
    for session in 0..3 {
        kernel.run_at(&format!("/session/{session}/execute"), &format!("x = {session}"));
    }
    for session in 0..3 {
        let answer = kernel.execute_at(&format!("/session/{session}/execute"), "x");
        assert_eq!(one(&answer, "result")["data"]["text/plain"], session.to_string());
    }
}

#[test]
fn sessions_run_in_parallel() {
    let Some(kernel) = Kernel::executor(&[THREE]) else { return };
    let gate = Gate::new();
    let mut held = kernel.hold_code("", &gate, "'held'");
    // It is answered though session 0 is not.
    kernel.run_at("/session/1/execute", "1");
    kernel.run_at("/session/2/execute", "1");
    gate.open("");
    assert!(held.answer().expect("an answer").text().contains("held"));
}

#[test]
fn each_session_has_the_routes_of_the_first() {
    let Some(kernel) = Kernel::executor(&[THREE]) else { return };
    for session in 0..3 {
        kernel.run_at(&format!("/session/{session}/execute"), "1");
        let health = kernel.get(&format!("/session/{session}/health"));
        assert_eq!((health.status, health.json()), (200, json!({ "status": "ok" })));
        let ready = kernel.get(&format!("/session/{session}/ready"));
        assert_eq!((ready.status, ready.json()), (200, json!({ "ready": true })));
    }
}

#[test]
fn a_restart_of_one_session_leaves_the_others() {
    let Some(kernel) = Kernel::executor(&[THREE]) else { return };
    for session in 0..3 {
        kernel.run_at(&format!("/session/{session}/execute"), "x = 1");
    }
    let answer = kernel.request("POST", "/session/1/restart", "");
    assert_eq!((answer.status, answer.json()), (200, json!({ "status": "restarting" })));
    kernel.wait_for_status("/session/1/ready", 200);
    assert_eq!(error(&kernel.execute_at("/session/1/execute", "x")).0, "NameError");
    for session in [0, 2] {
        assert_eq!(kernel.execute_at(&format!("/session/{session}/execute"), "x = x")["outputs"], json!([]));
    }
}

#[test]
fn the_death_of_one_session_leaves_the_others() {
    let Some(kernel) = Kernel::executor(&[THREE]) else { return };
    kernel.run("x = 1");
    let gate = Gate::new();
    let code = format!("{}\nx", wait_at(&gate));
    let mut running = kernel.begin("/execute", &json!({ "code": code }));
    let _ = gate.entered_by();
    assert_eq!(error(&kernel.execute_at("/session/1/execute", "import os; os._exit(1)")).0, "KernelError");
    gate.open("");
    assert_eq!(one(&running.answer().expect("an answer").json(), "result")["data"]["text/plain"], "1");
}

#[test]
fn a_session_that_is_none_is_not_found() {
    let Some(kernel) = Kernel::executor(&[THREE]) else { return };
    for session in ["3", "7", "1000000"] {
        let expected = json!({ "detail": format!("Session {session} not found") });
        for answer in [
            kernel.get(&format!("/session/{session}/health")),
            kernel.get(&format!("/session/{session}/ready")),
            kernel.post(&format!("/session/{session}/execute"), &json!({ "code": "1" })),
            kernel.request("POST", &format!("/session/{session}/restart"), ""),
        ] {
            assert_eq!((answer.status, answer.json()), (404, expected.clone()));
        }
    }
}

#[test]
fn a_session_that_is_no_number_is_a_mistake() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let answer = kernel.post("/session/abc/execute", &json!({ "code": "1" }));
    assert_eq!(answer.status, 422, "{}", answer.text());
    let detail = answer.json()["detail"][0].clone();
    assert_eq!((&detail["type"], &detail["input"]), (&json!("int_parsing"), &json!("abc")), "{detail}");
    assert_eq!(detail["loc"][0], "path");
    assert_eq!(detail["msg"], "Input should be a valid integer, unable to parse string as an integer");
}

#[test]
fn one_session_is_the_default() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    assert_eq!(kernel.get("/session/1/health").status, 404);
}
