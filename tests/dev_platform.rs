//! The control plane for development, with real functions: what it answers, what it tells the functions, what it
//! shows, and what it leaves behind.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use harness::{Dev, Ended, Function, Gate, Scratch, binary, eventually, quote};
use serde_json::json;

/// A function of the command line: an example's binary with these variables.
fn program(name: &str, example: &str, variables: &[(&str, &str)]) -> String {
    let variables: Vec<_> = variables.iter().map(|(key, value)| quote(&format!("{key}={value}"))).collect();
    format!("{name}=env {} {}", variables.join(" "), quote(&binary(example).display().to_string()))
}

/// A function that waits at gates.
fn gated() -> Function {
    Function::start("specimen", &[("FUNCTION_HANDLER", "gate")])
}

/// Runs one to its end.
fn run(arguments: &[&str]) -> Ended {
    let mut command = Command::new(binary("nanofaas-dev"));
    command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    Function::run_command(command, "")
}

#[test]
fn a_program_is_started_called_and_shown() {
    let dev = Dev::start(&[program("hello", "hello", &[])]);
    let answer = dev.invoke("hello", &[], &json!("hello"));
    assert_eq!(answer.status, 200);
    let id = answer.header("x-execution-id").expect("an id").to_owned();
    let output = json!({ "result": "HELLO" });
    assert_eq!(answer.json(), json!({ "executionId": id, "status": "success", "output": output, "error": null }));
    for parts in [
        ["hello", "started"],
        ["hello", "ready"],
        ["dispatched", &id],
        ["answered", &id],
        ["hello", "| {\"timestamp\""],
        ["called back", &id],
    ] {
        let _ = dev.line(&parts);
    }
}

#[test]
fn a_program_that_asks_for_the_tools_own_token_is_sent_it() {
    let scratch = Scratch::new();
    let file = scratch.path().join("token");
    std::fs::write(&file, "s3cr3t\n").expect("a file");
    let path = file.to_str().expect("a path in UTF-8");
    for variable in [("NANOFAAS_INVOKE_TOKEN", "s3cr3t"), ("NANOFAAS_INVOKE_TOKEN_FILE", path)] {
        let tokens = [variable, ("NANOFAAS_CALLBACK_TOKEN", "other"), ("NANOFAAS_CALLBACK_ALLOW", "127.0.0.1")];
        let dev = Dev::start_with(&tokens, &[program("hello", "hello", &[])]);
        let answer = dev.invoke("hello", &[], &json!("hello"));
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("success")), "{}", answer.text());
        let _ = dev.line(&["called back"]);
        assert!(dev.lines(&["s3cr3t"]).is_empty());
    }
}

#[test]
fn a_function_elsewhere_is_not_sent_the_tools_token() {
    let function = Function::start("hello", &[("NANOFAAS_INVOKE_TOKEN", "s3cr3t")]);
    let dev = Dev::start_with(&[("NANOFAAS_INVOKE_TOKEN", "s3cr3t")], &[]);
    assert_eq!(dev.register(&function, &json!({ "name": "hello" })).status, 201);
    let answer = dev.invoke("hello", &[], &json!("hello"));
    assert!(answer.text().contains("UNAUTHORIZED"), "{}", answer.text());
}

#[test]
fn the_first_answer_of_a_process_is_a_cold_start() {
    let dev = Dev::start(&[program("hello", "hello", &[])]);
    let call = || {
        let answer = dev.invoke("hello", &[], &json!("x")).json();
        let id = answer["executionId"].as_str().expect("an id").to_owned();
        // The callback may have been faster than the answer, which is what tells of a cold start.
        let _ = dev.line(&["answered", &id]);
        dev.execution(&id)
    };
    let (first, second) = (call(), call());
    assert_eq!(first["coldStart"], true);
    assert!(first["initDurationMs"].is_u64(), "{first}");
    assert_eq!((&second["coldStart"], &second["initDurationMs"]), (&json!(false), &json!(null)));
    for key in ["startedAt", "finishedAt"] {
        assert!(first[key].as_str().is_some_and(|time| time.ends_with('Z')), "{first}");
    }
}

#[test]
fn an_enqueued_execution_is_polled_from_queued_to_its_end() {
    let (function, gate, waiting) = (gated(), Gate::new(), Gate::new());
    let dev = Dev::with(&function, &json!({ "concurrency": 1 }));
    let (status, first) = dev.enqueue(&gate.input());
    assert_eq!(status, 202);
    gate.wait_until_entered();
    assert_eq!(dev.execution(&first)["status"], "running");
    let (_, second) = dev.enqueue(&waiting.input());
    let record = dev.execution(&second);
    assert_eq!((&record["status"], &record["startedAt"]), (&json!("queued"), &json!(null)));
    gate.open("");
    waiting.open("");
    assert_eq!(dev.wait_for_status(&first, "success")["output"], "through");
    let _ = dev.wait_for_status(&second, "success");
}

#[test]
fn a_function_learns_what_its_caller_said() {
    let function = Function::start("probe", &[]);
    let dev = Dev::with(&function, &json!({}));
    let body = json!({ "input": { "context": true }, "metadata": { "tenant": "a" } }).to_string();
    let headers = [("X-Trace-Id", "t-1"), ("Idempotency-Key", "k-1"), ("X-Colour", "blue")];
    let answer = dev.request("POST", "/v1/functions/f:invoke", &headers, &body).json();
    let context = &answer["output"]["context"];
    assert_eq!(context["execution_id"], answer["executionId"]);
    assert_eq!((&context["trace_id"], &context["dispatch_attempt"]), (&json!("t-1"), &json!("1")));
    assert_eq!((&context["metadata"], &context["headers"]["x-colour"]), (&json!({ "tenant": "a" }), &json!("blue")));
    let again = dev.request("POST", "/v1/functions/f:invoke", &headers, &body).json();
    assert_eq!(again, answer, "the same idempotency key is the same execution");
    assert_eq!(dev.lines(&["dispatched"]).len(), 1);
}

#[test]
fn a_failure_is_tried_again_at_once_and_the_function_sees_the_attempt() {
    let dev = Dev::start(&[program("probe", "probe", &[])]);
    let answer = dev.invoke("probe", &[], &json!({ "fail": "no luck", "status": 404 }));
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("error")));
    assert_eq!(answer.json()["output"], json!(null));
    assert!(answer.json()["error"]["message"].as_str().expect("a text").contains("no luck"), "{}", answer.text());
    let id = answer.json()["executionId"].as_str().expect("an id").to_owned();
    for attempt in ["1", "2", "3"] {
        let _ = dev.line(&["| {", &id, &format!("\"attempt\":\"{attempt}\"")]);
    }
    assert_eq!((dev.lines(&["dispatched", &id]).len(), dev.lines(&["retried", &id]).len()), (3, 2));
}

#[test]
fn a_status_of_the_functions_own_is_no_failure() {
    let function = Function::start("probe", &[]);
    let dev = Dev::with(&function, &json!({}));
    let input = json!({ "respond": { "status": 404, "headers": { "etag": "e" } } });
    let answer = dev.invoke("f", &[], &input);
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("success")));
    let record = dev.execution(answer.json()["executionId"].as_str().expect("an id"));
    assert_eq!((&record["statusCode"], &record["headers"]["etag"]), (&json!(404), &json!("e")));
    assert_eq!(dev.lines(&["dispatched"]).len(), 1);
}

#[test]
fn each_attempt_has_its_time_and_then_its_connection_is_dropped() {
    let function = Function::start("probe", &[]);
    let dev = Dev::with(&function, &json!({ "timeoutMs": 300, "maxRetries": 2 }));
    let answer = dev.invoke("f", &[], &json!({ "sleep_ms": 600_000 })).json();
    assert_eq!((&answer["status"], &answer["error"]["code"]), (&json!("timeout"), &json!("TIMEOUT")));
    let id = answer["executionId"].as_str().expect("an id");
    let _ = dev.line(&["timed out", id, "attempt 2"]);
    assert_eq!(dev.lines(&["timed out", id]).len(), 2);
    // Without a callback it is cancelled with its connection.
    function.wait_for_metric("active_handlers", &[], 0);
}

#[test]
fn a_caller_may_wait_for_a_shorter_time() {
    let (function, gate) = (gated(), Gate::new());
    let dev = Dev::with(&function, &json!({}));
    let answer = dev.invoke("f", &[("X-Timeout-Ms", "200")], &gate.input()).json();
    assert_eq!(answer["status"], "timeout");
    function.wait_for_metric("active_handlers", &[], 0);
    assert_eq!(dev.invoke("f", &[("X-Timeout-Ms", "soon")], &gate.input()).failure(), (400, "INVALID_REQUEST".into()));
}

#[test]
fn the_first_of_answer_and_callback_counts_and_an_end_is_final() {
    let (function, gate) = (gated(), Gate::new());
    let dev = Dev::with(&function, &json!({}));
    let (_, id) = dev.enqueue(&gate.input());
    gate.wait_until_entered();
    let success = |output: &str| json!({ "success": true, "output": output, "error": null });
    dev.call_back(&id, &[("X-Dispatch-Attempt", "7")], &success("stale"));
    let _ = dev.line(&["called back", &id, "attempt 7", "stale: attempt 1"]);
    assert_eq!(dev.execution(&id)["status"], "running");
    dev.call_back(&id, &[("X-Dispatch-Attempt", "1")], &success("first"));
    let _ = dev.line(&["called back", &id, "attempt 1", "accepted"]);
    let ended = dev.execution(&id);
    assert_eq!((&ended["status"], &ended["output"]), (&json!("success"), &json!("first")));
    dev.call_back(&id, &[], &json!({ "success": false, "error": { "code": "C", "message": "m" } }));
    let _ = dev.line(&["called back", &id, "no attempt", "C m", "duplicate"]);
    gate.open("");
    let _ = dev.line(&["answered", &id, "duplicate"]);
    let mut after = dev.execution(&id);
    // What a late answer says of its process is noted all the same.
    for key in ["coldStart", "initDurationMs"] {
        after[key] = ended[key].clone();
    }
    assert_eq!(after, ended);
}

#[test]
fn a_callback_after_the_answer_changes_nothing() {
    let function = Function::start("hello", &[]);
    let dev = Dev::with(&function, &json!({}));
    let answer = dev.invoke("f", &[], &json!("x")).json();
    let id = answer["executionId"].as_str().expect("an id");
    let before = dev.execution(id);
    dev.call_back(id, &[("X-Dispatch-Attempt", "1")], &json!({ "success": true, "output": "late", "error": null }));
    let _ = dev.line(&["called back", id, "duplicate"]);
    assert_eq!(dev.execution(id), before);
}

#[test]
fn a_failure_without_an_attempt_burns_the_current_one() {
    let (function, gate) = (gated(), Gate::new());
    let dev = Dev::with(&function, &json!({ "maxRetries": 2 }));
    let (_, id) = dev.enqueue(&gate.input());
    gate.wait_until_entered();
    dev.call_back(&id, &[], &json!({ "success": false, "output": null, "error": { "code": "C", "message": "m" } }));
    let _ = dev.line(&["dispatched", &id, "attempt 2"]);
    dev.call_back(&id, &[], &json!({ "success": false, "output": null, "error": { "code": "C", "message": "m" } }));
    assert_eq!(dev.wait_for_status(&id, "error")["error"], json!({ "code": "C", "message": "m" }));
    gate.open("");
}

#[test]
fn any_callback_is_answered_with_204() {
    let dev = Dev::start(&[]);
    dev.call_back("nobody", &[], &json!({ "success": true, "output": 1 }));
    let _ = dev.line(&["called back", "nobody", "unknown"]);
    dev.call_back("nobody", &[("X-Dispatch-Attempt", "x")], &json!("nonsense"));
    let _ = dev.line(&["called back", "nobody", "ignored"]);
}

#[test]
fn what_is_not_there_is_404_and_says_what_is() {
    let function = Function::start("hello", &[]);
    let dev = Dev::with(&function, &json!({}));
    let answer = dev.invoke("g", &[], &json!(1));
    assert_eq!(answer.refusal(), (404, "FUNCTION_NOT_FOUND".to_owned()));
    assert_eq!(answer.json()["error"], "there is no function `g`; there are: `f`");
    assert_eq!(dev.get("/v1/executions/e-1").refusal(), (404, "EXECUTION_NOT_FOUND".to_owned()));
    assert_eq!(dev.get("/v2").refusal(), (404, "NOT_FOUND".to_owned()));
    assert_eq!(dev.get("/v1/functions/f:invoke").refusal(), (405, "METHOD_NOT_ALLOWED".to_owned()));
}

#[test]
fn a_registration_is_checked() {
    let function = Function::start("hello", &[]);
    let dev = Dev::start(&[]);
    let url = format!("http://{}/invoke", function.address());
    let spec = json!({
        "name": "f", "image": "i", "executionMode": "POOL", "endpointUrl": url,
        "timeoutMs": 30_000, "concurrency": 4, "queueSize": 100, "maxRetries": 3,
    });
    let registered = dev.register(&function, &json!({ "executionMode": "POOL" }));
    assert_eq!((registered.status, registered.json()), (201, spec.clone()));
    assert_eq!(dev.get("/v1/functions").json(), json!([spec]));
    assert_eq!(dev.register(&function, &json!({})).refusal(), (409, "FUNCTION_EXISTS".to_owned()));
    for wrong in
        [json!({ "name": "g", "image": " " }), json!({ "name": "g", "endpointUrl": "ftp://h" }), json!({ "name": 7 })]
    {
        assert_eq!(dev.register(&function, &wrong).refusal(), (400, "INVALID_REQUEST".to_owned()), "{wrong}");
    }
    let null = dev.invoke("f", &[], &json!(null));
    assert_eq!(null.refusal(), (400, "INVALID_REQUEST".to_owned()));
}

#[test]
fn a_full_queue_refuses_until_there_is_room() {
    let (function, gate) = (gated(), Gate::new());
    let dev = Dev::with(&function, &json!({ "concurrency": 1, "queueSize": 1 }));
    let (_, running) = dev.enqueue(&gate.input());
    gate.wait_until_entered();
    let (status, waiting) = dev.enqueue(&gate.input());
    assert_eq!(status, 202);
    assert_eq!(dev.enqueue(&gate.input()).0, 429);
    assert_eq!(dev.invoke("f", &[], &gate.input()).refusal(), (429, "QUEUE_FULL".to_owned()));
    let _ = dev.line(&["refused", "1 run and 1 wait"]);
    gate.open("");
    let _ = dev.wait_for_status(&running, "success");
    let _ = dev.wait_for_status(&waiting, "success");
    assert_eq!(dev.invoke("f", &[], &gate.input()).json()["status"], "success");
}

#[test]
fn a_program_that_dies_fails_its_calls_until_it_is_started_by_hand() {
    let gate = Gate::new();
    let mut dev = Dev::start(&[program("f", "specimen", &[("FUNCTION_HANDLER", "gate")])]);
    let (_, id) = dev.enqueue(&gate.input());
    gate.wait_until_entered();
    assert!(dev.process("f").signal("KILL"));
    let _ = dev.line(&["ended", "signal: 9"]);
    assert_eq!(dev.wait_for_status(&id, "error")["error"]["code"], "FUNCTION_UNREACHABLE");
    let answer = dev.invoke("f", &[], &gate.input()).json();
    let message = answer["error"]["message"].as_str().expect("a text");
    assert!(message.starts_with("the function's program has ended: signal: 9"), "{message}");
    gate.open("");
    dev.type_in("g\nf\n");
    let _ = dev.line(&["there is no function `g`; there are: `f`"]);
    eventually("a second start", || (dev.lines(&["started"]).len() == 2).then_some(()));
    assert_eq!(dev.invoke("f", &[], &gate.input()).json()["output"], "through");
}

#[test]
fn ctrl_c_leaves_no_process() {
    for signal in ["INT", "TERM", "HUP"] {
        // Its leader ends at SIGTERM, and what it started does not.
        let family = r#"sh=sh -c '(trap "" TERM; echo deaf; sleep 1000) & sleep 1000'"#.to_owned();
        let mut dev = Dev::start(&[program("hello", "hello", &[]), family]);
        let _ = dev.line(&["hello", "ready"]);
        let _ = dev.line(&["sh", "| deaf"]);
        dev.tool.signal(signal);
        assert_eq!(dev.tool.wait().code(), Some(0), "{signal}");
        dev.wait_until_alone();
    }
}

#[test]
fn a_program_that_ignores_sigterm_is_killed_after_the_grace_or_at_a_second_signal() {
    for signals in [&["INT"][..], &["INT", "TERM"]] {
        let stubborn = r#"f=sh -c 'trap "" TERM; echo deaf; while :; do sleep 1000; done'"#.to_owned();
        let mut dev = Dev::start(&[stubborn]);
        let _ = dev.line(&["| deaf"]);
        for signal in signals {
            dev.tool.signal(signal);
        }
        assert_eq!(dev.tool.wait().code(), Some(0), "{signals:?}");
        let _ = dev.line(&["ended", "signal: 9"]);
        dev.wait_until_alone();
    }
}

#[test]
fn running_work_is_called_back_before_the_end() {
    let gate = Gate::new();
    let mut dev = Dev::start(&[program("f", "specimen", &[("FUNCTION_HANDLER", "gate")])]);
    let (_, id) = dev.enqueue(&gate.input());
    gate.wait_until_entered();
    dev.tool.signal("INT");
    let _ = dev.line(&["| {", "stopping"]);
    gate.open("");
    let _ = dev.line(&["called back", &id, "success"]);
    assert_eq!(dev.tool.wait().code(), Some(0));
}

#[test]
fn what_keeps_it_from_starting_is_said() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = taken.local_addr().expect("its number").port().to_string();
    let ended = run(&["--port", &port]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr, format!("error: port {port} is taken: choose another one with --port\n"));
    let ended = run(&["--port", "0", "a=sleep 1000", "b=no-such-program"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr, "error: `b` cannot be started: `no-such-program`: there is no such program\n");
    let ended = run(&["hello"]);
    assert_eq!(ended.code, Some(64));
    assert!(ended.stderr.starts_with("error: `hello` is not a function: expected NAME="), "{}", ended.stderr);
}
