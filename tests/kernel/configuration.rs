//! Variables of kernel mode: what they mean, and mistakes in them.

use harness::{ControlPlane, Kernel, Watchdog, error, free_port, one};
use serde_json::json;

const SOUND: [(&str, &str); 3] = [("EXECUTION_MODE", "KERNEL"), ("KERNEL_API", "executor"), ("WARM_PORT", "0")];

#[test]
fn each_mistake_is_told_with_64() {
    for (name, value) in [
        ("KERNEL_API", "x"),
        ("KERNEL_API", "executor,flowfile"),
        ("EXECUTION_TIMEOUT", "abc"),
        ("EXECUTION_TIMEOUT", "-1"),
        ("EXECUTION_TIMEOUT", "3s"),
        ("EXECUTION_TIMEOUT", "NaN"),
        ("EXECUTION_TIMEOUT", "inf"),
        ("KERNEL_SESSIONS", "0"),
        ("KERNEL_SESSIONS", "-1"),
        ("KERNEL_SESSIONS", "many"),
        ("KERNEL_MAX_SESSIONS", "0"),
        ("KERNEL_MAX_SESSIONS", "1.5"),
        ("KERNEL_SESSION_IDLE_TIMEOUT_MS", "soon"),
        ("KERNEL_SPARE", "-1"),
        ("KERNEL_QUEUE", "-1"),
        ("KERNEL_QUEUE", "x"),
        ("KERNEL_OUTPUT_LIMIT_BYTES", "10MB"),
        ("KERNEL_MEMORY_LIMIT_BYTES", "1G"),
        ("WATCHDOG_KILL_GRACE_MS", "1s"),
        ("WARM_PORT", "65536"),
        ("WATCHDOG_CMD", "python3 'open"),
    ] {
        let ended = Watchdog::run(&[], &[&SOUND[..], &[(name, value)]].concat());
        assert_eq!(ended.code, Some(64), "{name}={value} {ended:?}");
        assert!(ended.stderr.contains(name) && !ended.stderr.contains("panicked"), "{name}={value} {ended:?}");
    }
}

#[test]
fn every_mistake_is_listed_at_once_with_its_value() {
    let mistakes = [
        ("KERNEL_API", "telepathy"),
        ("EXECUTION_TIMEOUT", "abc"),
        ("KERNEL_SESSIONS", "many"),
        ("KERNEL_MAX_SESSIONS", "none"),
        ("KERNEL_QUEUE", "long"),
        ("WATCHDOG_KILL_GRACE_MS", "1s"),
    ];
    let ended = Watchdog::run(&[], &[&SOUND[..], &mistakes].concat());
    assert_eq!(ended.code, Some(64), "{ended:?}");
    for (name, value) in mistakes {
        let told = |line: &str| line.contains(name) && line.contains(value);
        assert!(ended.stderr.lines().any(told), "{name}={value} is not in\n{}", ended.stderr);
    }
}

#[test]
fn help_names_the_variables_of_kernel_mode() {
    let ended = Watchdog::run(&["--help"], &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for name in [
        "KERNEL_API",
        "EXECUTION_TIMEOUT",
        "WORKSPACE_FOLDER",
        "KERNEL_SESSIONS",
        "KERNEL_MAX_SESSIONS",
        "KERNEL_SESSION_IDLE_TIMEOUT_MS",
        "KERNEL_SPARE",
        "KERNEL_QUEUE",
        "KERNEL_OUTPUT_LIMIT_BYTES",
        "KERNEL_MEMORY_LIMIT_BYTES",
        "KERNEL_PACKAGES",
    ] {
        assert!(ended.stdout.contains(name), "{name} is not in\n{}", ended.stdout);
    }
}

#[test]
fn the_executors_api_is_the_default() {
    let Some(kernel) = Kernel::executor(&[("KERNEL_API", "")]) else { return };
    assert_eq!(kernel.get("/health").json(), json!({ "status": "ok" }));
    kernel.serves();
}

#[test]
fn without_an_api_there_is_only_invoke() {
    let Some(kernel) = Kernel::plain(&[]) else { return };
    for path in ["/execute", "/restart", "/clear"] {
        assert_eq!(kernel.post(path, &json!({ "code": "1" })).status, 404, "{path}");
    }
    assert_eq!(kernel.get("/health").status, 200);
    assert_eq!(kernel.get("/ready").status, 200);
    assert_eq!(kernel.invoke_code("e-1", "1", &json!({})).status, 200);
}

#[test]
fn the_port_of_the_environment_is_taken_where_no_other_is_named() {
    let port = free_port();
    let Some(kernel) = Kernel::executor(&[("WARM_PORT", ""), ("PORT", &port.to_string())]) else { return };
    assert_eq!(kernel.address().port(), port);
    let Some(kernel) = Kernel::executor(&[("WARM_PORT", "0"), ("PORT", "1")]) else { return };
    assert_ne!(kernel.address().port(), 1);
}

#[test]
fn the_interpreter_may_be_named_with_its_options() {
    let Some(kernel) = Kernel::executor(&[("WATCHDOG_CMD", "python3 -X dev")]) else { return };
    assert_eq!(kernel.value("import sys; sys.flags.dev_mode"), "True");
    kernel.restart();
    assert_eq!(kernel.value("import sys; sys.flags.dev_mode"), "True");
}

#[test]
fn an_interpreter_that_is_not_there_is_named() {
    let Some(kernel) = Kernel::spawn("executor", &[("WATCHDOG_CMD", "/nowhere/to-be-found")]) else { return };
    let _ = kernel.wait_for_log("the program", |line| line.to_string().contains("/nowhere/to-be-found"));
}

#[test]
fn the_environment_reaches_the_code() {
    let Some(kernel) = Kernel::executor(&[("OF_THE_USER", "größe")]) else { return };
    assert_eq!(kernel.value("import os; os.environ['OF_THE_USER']"), "'größe'");
}

#[test]
fn programs_that_the_code_starts_have_no_descriptor_of_the_kernels() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let answer = kernel.execute("import subprocess\nsubprocess.run(['ls', '/proc/self/fd'], close_fds=False)\nNone");
    // The last one is the directory that is listed.
    assert_eq!(harness::stdout(&answer), "0\n1\n2\n3\n");
}

#[test]
fn signals_are_as_a_program_expects_them() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("import signal");
    assert_eq!(kernel.value("signal.pthread_sigmask(signal.SIG_BLOCK, [])"), "set()");
    for name in ["SIGTERM", "SIGCHLD", "SIGHUP", "SIGUSR1"] {
        assert_eq!(kernel.value(&format!("signal.getsignal(signal.{name}) == signal.SIG_DFL")), "True", "{name}");
    }
}

#[test]
fn one_execution_without_a_server_is_reported() {
    let Some(_python) = Kernel::plain(&[]) else { return };
    let plane = ControlPlane::start();
    let url = plane.callback_url();
    let run = |id: &str, code: &str| {
        let payload = json!({ "code": code }).to_string();
        let variables = [
            ("EXECUTION_MODE", "KERNEL"),
            ("KERNEL_API", "none"),
            ("WARM", "false"),
            ("EXECUTION_ID", id),
            ("CALLBACK_URL", url.as_str()),
            ("INVOCATION_PAYLOAD", payload.as_str()),
        ];
        let ended = Watchdog::run(&[], &variables);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let completion = plane.accepted(id);
        assert!(completion.success(), "{:?}", completion.body());
        completion.output().clone()
    };
    let output = run("e-1", "1 + 1");
    assert_eq!((&output["success"], &one(&output, "result")["data"]["text/plain"]), (&json!(true), &json!("2")));
    let output = run("e-2", "1 / 0");
    assert_eq!((&output["success"], error(&output).0.as_str()), (&json!(false), "ZeroDivisionError"));
}
