//! The token of callbacks: where it goes, and that nobody else sees it.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};

use harness::{ControlPlane, Function, Scratch};
use nanofaas::testing::Fault;
use serde_json::json;

const TOKEN: &str = "cb-s3cr3t";
const BEARER: Option<&str> = Some("Bearer cb-s3cr3t");

fn hello(plane: &ControlPlane, more: &[(&str, &str)]) -> Function {
    let (url, host) = (plane.callback_url(), plane.host());
    let own = [("CALLBACK_URL", url.as_str()), ("NANOFAAS_CALLBACK_ALLOW", host.as_str())];
    Function::start("hello", &[&own, more].concat())
}

#[test]
fn every_attempt_of_a_callback_carries_it() {
    let plane = ControlPlane::start();
    plane.fail_next([Fault::Status(503), Fault::Reset]);
    let hello = hello(&plane, &[("NANOFAAS_CALLBACK_TOKEN", TOKEN)]);
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
    assert!(plane.accepted("e-1").success());
    let attempts = plane.attempts("e-1");
    assert_eq!(attempts.len(), 3);
    for attempt in attempts {
        assert_eq!(attempt.header("authorization"), BEARER);
        assert_eq!(attempt.header("content-type"), Some("application/json"));
    }
}

#[test]
fn it_may_stand_in_a_file() {
    let (plane, scratch) = (ControlPlane::start(), Scratch::new());
    let file = scratch.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).expect("a file");
    let hello = hello(&plane, &[("NANOFAAS_CALLBACK_TOKEN_FILE", file.to_str().expect("a path in UTF-8"))]);
    std::fs::remove_file(&file).expect("it is there");
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
    assert_eq!(plane.accepted("e-1").header("authorization"), BEARER);
}

#[test]
fn a_single_run_sends_it_too() {
    let plane = ControlPlane::start();
    let (url, host) = (plane.callback_url(), plane.host());
    let own = [
        ("EXECUTION_ID", "e-1"),
        ("CALLBACK_URL", url.as_str()),
        ("INVOCATION_PAYLOAD", r#"{"input":"x"}"#),
        ("NANOFAAS_CALLBACK_ALLOW", host.as_str()),
        ("NANOFAAS_CALLBACK_TOKEN", TOKEN),
    ];
    let ended = Function::run("hello", &[], &own, "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(plane.accepted("e-1").header("authorization"), BEARER);
}

#[test]
fn without_it_nothing_is_sent_and_the_callers_own_is_not_passed_on() {
    let plane = ControlPlane::start();
    let hello = hello(&plane, &[("NANOFAAS_INVOKE_TOKEN", "s3cr3t")]);
    let headers = [("X-Execution-Id", "e-1"), ("Authorization", "Bearer s3cr3t")];
    assert_eq!(hello.post(&headers, r#"{"input":"x"}"#).status, 200);
    assert_eq!(plane.accepted("e-1").header("authorization"), None);
}

#[test]
fn it_needs_a_list_of_hosts() {
    for own in [&[][..], &[("NANOFAAS_CALLBACK_ALLOW", " , ")]] {
        let own = [&[("NANOFAAS_CALLBACK_TOKEN", TOKEN)], own].concat();
        let ended = Function::run("hello", &[], &own, "");
        assert_eq!(ended.code, Some(64), "{ended:?}");
        assert!(ended.stderr.contains("NANOFAAS_CALLBACK_TOKEN is only sent to hosts of a list"), "{ended:?}");
        assert!(!ended.stderr.contains(TOKEN), "{ended:?}");
    }
}

#[test]
fn it_does_not_leave_the_list() {
    let (inside, outside) = (ControlPlane::start(), ControlPlane::start());
    inside.fail_next([Fault::Redirect(outside.url("/x:complete"))]);
    let mut hello = hello(&inside, &[("NANOFAAS_CALLBACK_TOKEN", TOKEN)]);
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
    let elsewhere = outside.callback_url();
    let headers = [("X-Execution-Id", "e-2"), ("X-Callback-Url", elsewhere.as_str())];
    let answer = hello.post(&headers, r#"{"input":"x"}"#);
    assert_eq!(answer.refusal(), (400, "INVALID_CALLBACK_URL".to_owned()));
    hello.wait_for_metric("callback_drops_total", &[], 1);
    hello.stop();
    assert_eq!(inside.arrived("e-1", 1)[0].header("authorization"), BEARER);
    assert!(outside.completions().is_empty());
}

/// The library that sends callbacks makes `Authorization: Basic` of it.
#[test]
fn it_takes_the_place_of_a_password_in_the_url() {
    for (token, expected) in [(Some(TOKEN), "Bearer cb-s3cr3t"), (None, "Basic dXNlcjpwYXNz")] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let host = listener.local_addr().expect("its number").to_string();
        let url = format!("http://user:pass@{host}/x");
        let mut own = vec![("CALLBACK_URL", url.as_str()), ("NANOFAAS_CALLBACK_ALLOW", host.as_str())];
        own.extend(token.map(|token| ("NANOFAAS_CALLBACK_TOKEN", token)));
        let hello = Function::start("hello", &own);
        assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
        let (mut stream, _) = listener.accept().expect("a callback");
        let lines = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let headers =
            lines.filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())));
        let sent: Vec<_> = headers.filter(|(name, _)| name.eq_ignore_ascii_case("authorization")).collect();
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("the function reads");
        assert_eq!(sent.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), [expected]);
    }
}

#[test]
fn the_log_never_shows_it() {
    let plane = ControlPlane::start();
    plane.fail_next([Fault::Status(500), Fault::Status(401)]);
    let mut hello = hello(&plane, &[("NANOFAAS_CALLBACK_TOKEN", TOKEN), ("RUST_LOG", "trace")]);
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
    hello.wait_for_metric("callback_drops_total", &[], 1);
    let metrics = hello.get("/metrics").text();
    hello.stop();
    for text in hello.log().into_iter().chain([metrics]) {
        assert!(!text.contains(TOKEN), "{text}");
    }
}
