//! The token of callers: what is refused without it, when, and that nobody sees it.

use harness::{Answer, Connection, Function, Gate, Scratch, eventually};
use serde_json::json;

const TOKEN: &str = "s3cr3t-t0ken";
const RIGHT: (&str, &str) = ("Authorization", "Bearer s3cr3t-t0ken");
const ID: (&str, &str) = ("X-Execution-Id", "e-1");
const BODY: &[u8] = br#"{"input":"x"}"#;

fn start(name: &str, more: &[(&str, &str)]) -> Function {
    Function::start(name, &[&[("NANOFAAS_INVOKE_TOKEN", TOKEN)], more].concat())
}

/// It is the refusal of the contract, and says nothing of the token.
fn is_refused(answer: &Answer) {
    assert_eq!(answer.refusal(), (401, "UNAUTHORIZED".to_owned()), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{answer:?}");
    assert!(!answer.text().contains(TOKEN), "{answer:?}");
}

/// The token opens, on this connection.
fn serves(connection: &mut Connection) {
    let answer = connection.request("POST", "/invoke", &[ID, RIGHT], BODY);
    assert_eq!((answer.status, answer.json()), (200, json!({ "result": "X" })));
}

#[test]
fn without_the_token_nothing_is_told_but_health_readiness_and_metrics() {
    let mut hello = start("hello", &[]);
    let mut connection = hello.connect();
    for path in ["/invoke", "/", "/nowhere", "/healthz", "/health/", "//health", "/session/0/health"] {
        for method in ["GET", "POST", "PUT", "OPTIONS"] {
            is_refused(&connection.request(method, path, &[ID], BODY));
        }
    }
    for path in ["/health", "/ready", "/metrics"] {
        is_refused(&connection.request("POST", path, &[ID], BODY));
        assert_eq!(connection.request("GET", path, &[], b"").status, 200, "{path}");
        let mut head = hello.connect();
        head.send(format!("HEAD {path} HTTP/1.1\r\nhost: f\r\n\r\n").as_bytes());
        assert_eq!(head.answer_head().expect("an answer").status, 200, "{path}");
    }
    serves(&mut connection);
    hello.stop();
    assert_eq!(hello.log_lines(|line| line["message"] == "invocation").len(), 1);
}

#[test]
fn the_token_opens_whatever_the_case_of_its_scheme() {
    let hello = start("hello", &[]);
    for value in ["Bearer s3cr3t-t0ken", "bearer s3cr3t-t0ken", " BEARER  s3cr3t-t0ken "] {
        assert_eq!(hello.post(&[ID, ("authorization", value)], BODY).status, 200, "{value}");
    }
    assert_eq!(hello.post(&[ID, RIGHT, RIGHT], BODY).status, 200, "the same twice");
}

#[test]
fn anything_else_is_refused() {
    let hello = start("hello", &[]);
    for given in [
        &[][..],
        &[""],
        &[TOKEN],
        &["Bearer"],
        &["Bearer s3cr3t-t0ke"],
        &["Bearer s3cr3t-t0kenn"],
        &["Bearer S3CR3T-T0KEN"],
        &["Basic s3cr3t-t0ken"],
        &["Bearer s3cr3t-t0ken, Bearer s3cr3t-t0ken"],
        &["Bearer s3cr3t-t0ken", "Bearer other"],
        &["Bearer other", "Bearer s3cr3t-t0ken"],
    ] {
        let headers: Vec<_> = [ID].into_iter().chain(given.iter().map(|value| ("Authorization", *value))).collect();
        is_refused(&hello.post(&headers, BODY));
    }
}

#[test]
fn it_is_decided_before_the_rest_of_the_request_is_looked_at() {
    let hello = start("hello", &[("NANOFAAS_MAX_INPUT_BYTES", "100")]);
    let large = "x".repeat(1000);
    for (headers, body) in [
        (&[][..], "{"),
        (&[ID, ("X-Execution-Id", "e-2")], r#"{"input":"x"}"#),
        (&[ID, ("X-Callback-Url", "nonsense")], r#"{"input":"x"}"#),
        (&[ID], large.as_str()),
    ] {
        is_refused(&hello.post(headers, body));
    }
}

#[test]
fn it_is_decided_before_anything_is_said_of_the_state_of_the_function() {
    let gate = Gate::new();
    let port = harness::free_port();
    let own = [
        ("NANOFAAS_INVOKE_TOKEN", TOKEN),
        ("FUNCTION_HANDLER", "started"),
        ("INIT_GATE", &gate.path()),
        ("PORT", &port.to_string()),
    ];
    let mut specimen = Function::spawn("specimen", &own);
    specimen.wait_until_listening(port);
    is_refused(&specimen.post(&[ID], BODY));
    assert_eq!(specimen.post(&[ID, RIGHT], BODY).refusal(), (503, "RUNTIME_NOT_READY".to_owned()));
    assert_eq!(specimen.get("/health").status, 503);
    gate.open("");
    specimen.wait_until_ready();
}

#[test]
fn no_way_of_writing_a_request_leads_around_it() {
    let hello = start("hello", &[]);
    for line in [
        "OPTIONS * HTTP/1.1",
        "CONNECT localhost:80 HTTP/1.1",
        "POST http://localhost/invoke HTTP/1.1",
        "POST /invoke?/health HTTP/1.1",
        "POST /health/../invoke HTTP/1.1",
        "GET /%68ealth HTTP/1.1",
        "BREW /health HTTP/1.1",
        "POST /invoke HTTP/1.0",
    ] {
        let mut connection = hello.connect();
        connection.send(format!("{line}\r\nhost: f\r\nx-execution-id: e-1\r\ncontent-length: 0\r\n\r\n").as_bytes());
        let answer = connection.answer().unwrap_or_else(|| panic!("no answer to {line}"));
        is_refused(&answer);
    }
    for line in ["GET http://localhost/health HTTP/1.1", "GET /health?a=b HTTP/1.1"] {
        let mut connection = hello.connect();
        connection.send(format!("{line}\r\nhost: f\r\n\r\n").as_bytes());
        assert_eq!(connection.answer().expect("an answer").status, 200, "{line}");
    }
}

#[test]
fn a_connection_is_kept_over_a_refused_body() {
    let hello = start("hello", &[]);
    let mut connection = hello.connect();
    is_refused(&connection.request("POST", "/invoke", &[ID], &vec![b'x'; 4_000_000]));
    is_refused(&connection.request("POST", "/nowhere", &[ID], &vec![b'x'; 4_000_000]));
    serves(&mut connection);
}

#[test]
fn a_client_that_asks_first_is_not_asked_for_its_body() {
    let hello = start("hello", &[]);
    let mut connection = hello.connect();
    connection.send(b"POST /invoke HTTP/1.1\r\nhost: f\r\nexpect: 100-continue\r\ncontent-length: 13\r\n\r\n");
    let answer = connection.answer().expect("an answer");
    is_refused(&answer);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(connection.closed_silently());
}

#[test]
fn a_body_that_never_comes_does_not_keep_the_answer_back() {
    let hello = start("hello", &[("NANOFAAS_BODY_READ_TIMEOUT", "600000")]);
    let mut connection = hello.connect();
    connection.send(b"POST /invoke HTTP/1.1\r\nhost: f\r\ncontent-length: 13\r\n\r\n{");
    is_refused(&connection.answer().expect("an answer"));
}

#[test]
fn refusals_are_counted_and_logged_without_any_token() {
    let mut hello = start("hello", &[("RUST_LOG", "trace")]);
    is_refused(&hello.post(&[ID, ("Authorization", "Bearer gu3ss")], BODY));
    is_refused(&hello.post(&[ID, ("Authorization", "gu3ss")], BODY));
    serves(&mut hello.connect());
    hello.wait_for_metric("refusals_total", &["code=\"UNAUTHORIZED\""], 2);
    let metrics = hello.get("/metrics").text();
    let line = hello.wait_for_log("a refusal", |line| line["code"] == "UNAUTHORIZED");
    assert_eq!((&line["execution_id"], &line["status"]), (&json!("e-1"), &json!(401)), "{line}");
    hello.stop();
    for text in hello.log().into_iter().chain([metrics]) {
        assert!(!text.contains(TOKEN) && !text.contains("gu3ss"), "{text}");
    }
}

#[test]
fn a_file_is_read_once_at_the_start_and_trimmed() {
    let scratch = Scratch::new();
    let file = scratch.path().join("token");
    std::fs::write(&file, format!("\n {TOKEN}\r\n")).expect("a file");
    let hello = Function::start("hello", &[("NANOFAAS_INVOKE_TOKEN_FILE", file.to_str().expect("a path in UTF-8"))]);
    std::fs::write(&file, "another one").expect("a file");
    serves(&mut hello.connect());
    std::fs::remove_file(&file).expect("it is there");
    serves(&mut hello.connect());
    is_refused(&hello.post(&[ID], BODY));
}

#[test]
fn a_health_check_needs_no_token_and_no_file() {
    let hello = start("hello", &[]);
    let port = hello.address().port().to_string();
    for own in [&[][..], &[("NANOFAAS_INVOKE_TOKEN_FILE", "/nowhere/token")], &[("NANOFAAS_INVOKE_TOKEN", TOKEN)]] {
        let ended = Function::run("hello", &["health"], &[&[("PORT", port.as_str())], own].concat(), "");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "healthy\n"), "{own:?} {ended:?}");
    }
}

#[test]
fn a_function_that_stops_refuses_by_the_token_first() {
    let gate = Gate::new();
    let own = [("NANOFAAS_INVOKE_TOKEN", TOKEN), ("FUNCTION_HANDLER", "gate"), ("NANOFAAS_SHUTDOWN_TIMEOUT", "60000")];
    let mut specimen = Function::start("specimen", &own);
    let mut held = specimen.connect();
    held.begin(&[ID, RIGHT], &gate.body());
    gate.wait_until_entered();
    let mut other = specimen.connect();
    specimen.signal("TERM");
    eventually("a function that stops", || {
        is_refused(&other.request("POST", "/invoke", &[ID], BODY));
        let answer = other.request("POST", "/invoke", &[("X-Execution-Id", "e-2"), RIGHT], br#"{"input":"/"}"#);
        (answer.status == 503).then_some(())
    });
    gate.open("");
    assert_eq!(held.answer().expect("an answer").status, 200);
    assert_eq!(specimen.wait().code(), Some(0));
}
