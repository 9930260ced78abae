//! Requests for something else than a path of the contract: other forms of targets, other protocols.

use harness::{Answer, Function};
use serde_json::Value;

const BODY: &str = "x-execution-id: e-1\r\ncontent-length: 11\r\n\r\n{\"input\":1}";

/// What the probe answers to these bytes first.
fn answer(probe: &Function, bytes: &str) -> Option<Answer> {
    let mut connection = probe.connect();
    let _ = connection.try_send(bytes.as_bytes());
    connection.answer()
}

fn executed(mut probe: Function) -> usize {
    probe.stop();
    probe.log_lines(|line: &Value| line["message"] == "invocation" && line["status"] == 200).len()
}

#[test]
fn an_absolute_target_is_its_path() {
    let probe = Function::start("probe", &[]);
    for target in ["http://elsewhere/invoke", "http://user@elsewhere:1/invoke", "https://169.254.169.254/invoke?x=1"] {
        let answer = answer(&probe, &format!("POST {target} HTTP/1.1\r\nhost: f\r\n{BODY}")).expect("an answer");
        assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"echo":1}"#), "{target}");
    }
    assert_eq!(executed(probe), 3);
}

#[test]
fn what_is_only_like_the_path_is_not_invoked() {
    let probe = Function::start("probe", &[]);
    for target in [
        "/invoke/",
        "//invoke",
        "/%69nvoke",
        "/invoke%00",
        "/invoke;x",
        "/./invoke",
        "/health/../invoke",
        "/INVOKE",
        "/x/%2e%2e/invoke",
        "\\invoke",
        "http://f//invoke",
        "http://f\\invoke",
        "invoke",
        "*",
        "f:80",
        "",
    ] {
        let answer = answer(&probe, &format!("POST {target} HTTP/1.1\r\nhost: f\r\n{BODY}"));
        assert!(answer.as_ref().is_none_or(|answer| [400, 404].contains(&answer.status)), "{target:?} {answer:?}");
    }
    assert_eq!(executed(probe), 0);
}

#[test]
fn nobody_tunnels_or_upgrades() {
    let probe = Function::start("probe", &[]);
    for start in [
        "CONNECT 169.254.169.254:80",
        "CONNECT /invoke",
        "TRACE /invoke",
        "OPTIONS *",
        "PRI *",
        "invoke /invoke",
        "POST\t/invoke",
    ] {
        let answer = answer(&probe, &format!("{start} HTTP/1.1\r\nhost: f\r\n{BODY}"));
        assert!(answer.as_ref().is_none_or(|answer| [400, 404, 405].contains(&answer.status)), "{start} {answer:?}");
    }
    for protocol in ["websocket", "h2c", "TLS/1.0"] {
        let upgrade = format!(
            "connection: upgrade, http2-settings\r\nupgrade: {protocol}\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
        );
        let answer =
            answer(&probe, &format!("POST /invoke HTTP/1.1\r\nhost: f\r\n{upgrade}{BODY}")).expect("an answer");
        assert_eq!((answer.status, answer.header("upgrade")), (200, None), "{protocol}");
    }
    assert_eq!(executed(probe), 3);
}

#[test]
fn other_versions_of_http_are_refused_or_end_with_their_answer() {
    let probe = Function::start("probe", &[("NANOFAAS_BODY_READ_TIMEOUT", "300")]);
    for bytes in [
        "GET /health\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_owned(),
        format!("POST /invoke HTTP/2.0\r\n{BODY}"),
        format!("POST /invoke HTTP/1.2\r\n{BODY}"),
        format!("POST /invoke HTTP/0.9\r\n{BODY}"),
        format!("POST /invoke http/1.1\r\n{BODY}"),
        format!("POST /invoke HTTP/1.1 x\r\n{BODY}"),
        format!("POST /invoke HTTP/1.0\r\ntransfer-encoding: chunked\r\n{BODY}"),
    ] {
        let answer = answer(&probe, &bytes);
        assert!(answer.as_ref().is_none_or(|answer| [400, 505].contains(&answer.status)), "{bytes:?} {answer:?}");
    }
    let mut connection = probe.connect();
    connection.send(format!("POST /invoke HTTP/1.0\r\n{BODY}{}", "GET /health HTTP/1.1\r\nhost: f\r\n\r\n").as_bytes());
    assert_eq!(connection.answer().expect("an answer").status, 200);
    assert!(connection.closed_silently(), "there is an answer after the end of HTTP/1.0");
    assert_eq!(executed(probe), 1);
}
