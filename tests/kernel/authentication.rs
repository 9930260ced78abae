//! The token of callers in kernel mode: without it no code runs and nothing is shown of what ran.

use harness::{Answer, Kernel, Process, eventually, mark, stdout};
use serde_json::json;

const TOKEN: (&str, &str) = ("NANOFAAS_INVOKE_TOKEN", "s3cr3t");
const RIGHT: (&str, &str) = ("Authorization", "Bearer s3cr3t");

/// Every path of the two contracts, and some of none.
const PATHS: [&str; 21] = [
    "/",
    "/invoke",
    "/execute",
    "/restart",
    "/restart-status",
    "/interrupt",
    "/session/0/execute",
    "/session/0/health",
    "/session/0/ready",
    "/session/0/restart",
    "/artifacts",
    "/artifacts/node/1",
    "/display_outputs",
    "/memory",
    "/clear",
    "/clear_namespace",
    "/clear_node_artifacts",
    "/docs",
    "//health",
    "/health/",
    "/nowhere",
];

fn is_refused(answer: &Answer) {
    assert_eq!(answer.refusal(), (401, "UNAUTHORIZED".to_owned()), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{answer:?}");
}

/// No path of any method is answered without the token, but for reading health and readiness.
fn is_closed(kernel: &Kernel) {
    let mut connection = kernel.connect();
    let body = json!({ "code": "print('ran')", "node_id": 1, "input": { "code": "print('ran')" } }).to_string();
    for path in PATHS {
        for method in ["GET", "POST", "DELETE"] {
            is_refused(&connection.request(method, path, &[("X-Execution-Id", "e-1")], body.as_bytes()));
        }
    }
    for path in ["/health", "/ready", "/metrics"] {
        is_refused(&connection.request("POST", path, &[], body.as_bytes()));
        assert_eq!(connection.request("GET", path, &[], b"").status, 200, "{path}");
    }
    is_refused(&connection.request("POST", "/execute", &[("accept", "text/event-stream")], body.as_bytes()));
}

/// Executes code with the token.
fn execute(kernel: &Kernel, token: (&str, &str), code: &str) -> Answer {
    let body = json!({ "code": code, "node_id": 1 }).to_string();
    let answer = kernel.connect().request("POST", "/execute", &[token], body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

#[test]
fn the_executors_contract_is_closed_without_it() {
    let Some(kernel) = Kernel::executor(&[TOKEN]) else { return };
    is_closed(&kernel);
    let answer = execute(&kernel, RIGHT, "print(40 + 2)").json();
    assert_eq!(stdout(&answer), "42\n");
    let streamed = [RIGHT, ("accept", "application/x-ndjson")];
    let mut connection = kernel.connect();
    connection.begin_at("/execute", &streamed, &json!({ "code": "1" }).to_string());
    assert_eq!(connection.answer_head().expect("an answer").status, 200);
}

#[test]
fn flowfiles_contract_is_closed_without_it() {
    let Some(kernel) = Kernel::flowfile(&[TOKEN]) else { return };
    is_closed(&kernel);
    assert_eq!(execute(&kernel, RIGHT, "print(40 + 2)").json()["stdout"], "42\n");
}

#[test]
fn invoke_alone_is_closed_without_it() {
    let Some(kernel) = Kernel::plain(&[TOKEN]) else { return };
    is_closed(&kernel);
    let body = json!({ "input": { "code": "40 + 2" } }).to_string();
    assert_eq!(
        kernel.connect().request("POST", "/invoke", &[("X-Execution-Id", "e-1"), RIGHT], body.as_bytes()).status,
        200
    );
}

#[test]
fn it_is_decided_before_the_kernel_is_ready() {
    let Some(mut kernel) = Kernel::executor(&[TOKEN, ("WATCHDOG_KILL_GRACE_MS", "300")]) else { return };
    assert_eq!(kernel.connect().request("POST", "/restart", &[RIGHT], b"").status, 200);
    is_refused(&kernel.request("POST", "/execute", r#"{"code":"1"}"#));
    is_refused(&kernel.request("GET", "/restart-status", ""));
    kernel.stop();
}

#[test]
fn code_does_not_inherit_tokens() {
    let (token, callback) = (mark(), mark());
    let bearer = format!("Bearer {token}");
    let own = [
        ("NANOFAAS_INVOKE_TOKEN", token.as_str()),
        ("NANOFAAS_CALLBACK_TOKEN", &callback),
        ("NANOFAAS_CALLBACK_ALLOW", "cp"),
        ("KERNEL_SPARE", "1"),
    ];
    let Some(kernel) = Kernel::executor(&own) else { return };
    let code = "import os\nprint(sorted(name for name in os.environ if 'TOKEN' in name))";
    let answer = execute(&kernel, ("Authorization", &bearer), code).json();
    assert_eq!(stdout(&answer), "[]\n");
    for variable in [format!("NANOFAAS_INVOKE_TOKEN={token}"), format!("NANOFAAS_CALLBACK_TOKEN={callback}")] {
        // A process shares the watchdog's memory until it has become its program.
        eventually("nobody else with it", || (Process::marked(&variable) == [kernel.process()]).then_some(()));
    }
}
