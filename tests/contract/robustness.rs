//! What must not take the function down with it: a log that nobody reads, an output that cannot be
//! printed, a control plane that does not finish its answer, a stop at an awkward moment.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use harness::{ControlPlane, Function, Gate, binary, free_port, skip};
use nanofaas::testing::Fault;
use serde_json::json;

#[test]
fn a_log_that_nobody_reads_does_not_hold_up_invocations_or_signals() {
    let port = free_port();
    let mut command = Command::new(binary("hello"));
    command.env_clear().env("PORT", port.to_string()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut hello = Function::adopt(command.spawn().expect("hello starts"));
    hello.wait_until_listening(port);
    // More than a pipe holds, several times over.
    let mut connection = hello.connect();
    for number in 0..3000 {
        let id = format!("e-{number}");
        let answer = connection.request("POST", "/invoke", &[("X-Execution-Id", &id)], br#"{"input":"x"}"#);
        assert_eq!(answer.status, 200);
    }
    assert_eq!(hello.get("/health").status, 200);
    hello.signal("TERM");
    assert_eq!(hello.wait().code(), Some(0));
}

#[test]
fn a_log_that_is_read_again_tells_what_is_missing() {
    let port = free_port();
    let mut command = Command::new(binary("hello"));
    command.env_clear().env("PORT", port.to_string()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("hello starts");
    let mut stderr = child.stderr.take().expect("stderr is a pipe");
    let mut hello = Function::adopt(child);
    hello.wait_until_listening(port);
    for number in 0..1000 {
        assert_eq!(hello.invoke(&format!("e-{number}"), &json!("x")).status, 200);
    }
    let mut first = vec![0; 60_000];
    stderr.read_exact(&mut first).expect("what the pipe held");
    assert_eq!(hello.invoke("last", &json!("x")).status, 200);
    hello.signal("TERM");
    assert_eq!(hello.wait().code(), Some(0));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("the rest of the log");
    assert!(rest.contains("log lines dropped"), "{rest}");
    assert!(rest.contains(r#""execution_id":"last""#), "{rest}");
}

#[test]
fn a_stop_during_the_init_of_a_one_shot_ends_it_and_is_reported() {
    let gate = Gate::new();
    let path = gate.path();
    let plane = ControlPlane::start();
    let url = plane.callback_url();
    let mut specimen = Function::spawn(
        "specimen",
        &[
            ("FUNCTION_HANDLER", "nothing"),
            ("INIT_GATE", path.as_str()),
            ("INVOCATION_PAYLOAD", "{}"),
            ("EXECUTION_ID", "e-1"),
            ("CALLBACK_URL", &url),
        ],
    );
    gate.wait_until_entered();
    specimen.signal("TERM");
    assert_eq!(specimen.wait().code(), Some(0), "it was reported");
    assert_eq!(plane.accepted("e-1").error().expect("an error").code, "INVOCATION_CANCELLED");
}

#[test]
fn a_callback_is_delivered_when_its_status_has_arrived() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("http://{}/x", listener.local_addr().expect("an address"));
    let hello = Function::start("hello", &[("CALLBACK_URL", &url)]);
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
    let (mut stream, _) = listener.accept().expect("a callback");
    let mut request = [0; 16];
    stream.read_exact(&mut request).expect("a request");
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").expect("an answer without its body");
    hello.wait_for_metric("callback_deliveries_total", &[], 1);
}

#[test]
fn what_cannot_be_printed_is_an_error_and_no_panic() {
    if !std::path::Path::new("/dev/full").exists() {
        skip("this machine has no /dev/full");
        return;
    }
    for arguments in [&["--version"][..], &["--help"], &["invoke", "\"x\""]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let output =
            Command::new(binary("hello")).env_clear().args(arguments).stdout(full).output().expect("hello runs");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?} {text}");
        assert!(text.starts_with("error: the output cannot be printed"), "{arguments:?} {text}");
    }
}

#[test]
fn a_refused_callback_url_keeps_its_password_out_of_the_log() {
    let hello = Function::start("hello", &[]);
    let headers = [("X-Execution-Id", "e-1"), ("X-Callback-Url", "ftp://user:secretpw@cp/x?token=secrettoken")];
    assert_eq!(hello.post(&headers, r#"{"input":"x"}"#).status, 400);
    hello.wait_for_log("the refusal", |line| line["code"] == "INVALID_CALLBACK_URL");
    assert!(hello.log().iter().all(|line| !line.contains("secret")), "{:?}", hello.log());
}

#[test]
fn an_answer_before_the_end_of_the_body_says_that_the_connection_ends() {
    let hello = Function::start("hello", &[("NANOFAAS_BODY_READ_TIMEOUT", "200")]);
    let mut connection = hello.connect();
    connection.send(b"POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: e-1\r\ncontent-length: 10\r\n\r\n{");
    let answer = connection.answer().expect("an answer");
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
}

#[test]
fn a_header_that_says_two_things_is_refused() {
    let hello = Function::start("hello", &[]);
    for name in ["X-Execution-Id", "X-Callback-Url", "X-Trace-Id"] {
        let headers = [("X-Execution-Id", "a"), (name, "b"), (name, "c")];
        let answer = hello.post(&headers, r#"{"input":"x"}"#);
        assert_eq!(answer.failure(), (400, "INVALID_REQUEST".to_owned()), "{name}");
    }
    let same = [("X-Execution-Id", "a"), ("X-Execution-Id", "a")];
    assert_eq!(hello.post(&same, r#"{"input":"x"}"#).status, 200);
}

#[test]
fn a_callback_that_the_end_cuts_off_tells_how_often_it_was_tried() {
    let plane = ControlPlane::start();
    plane.fail_always(Fault::RetryAfter(503, 60));
    let url = plane.callback_url();
    let mut hello = Function::start("hello", &[("CALLBACK_URL", &url), ("NANOFAAS_SHUTDOWN_TIMEOUT", "100")]);
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
    hello.wait_for_log("the first attempt", |line| line["message"] == "callback is tried again");
    hello.signal("TERM");
    let lost = hello.wait_for_log("the end", |line| line["message"] == "callback lost");
    assert_eq!(lost["attempts"], 1, "{lost}");
    assert_eq!(hello.wait().code(), Some(1));
}
