//! Where a callback goes, and where it never goes.

use harness::{ControlPlane, Function};
use nanofaas::testing::Fault;
use serde_json::json;

fn hello(plane: &ControlPlane, more: &[(&str, &str)]) -> Function {
    let url = plane.callback_url();
    Function::start("hello", &[&[("CALLBACK_URL", url.as_str())], more].concat())
}

/// Invokes with this callback URL; the status and code.
fn with_url(function: &Function, url: &str) -> (u16, String) {
    let answer = function.post(&[("X-Execution-Id", "e-1"), ("X-Callback-Url", url)], r#"{"input":"x"}"#);
    if answer.status == 200 { (200, String::new()) } else { answer.refusal() }
}

fn refused() -> (u16, String) {
    (400, "INVALID_CALLBACK_URL".to_owned())
}

#[test]
fn the_execution_id_is_one_encoded_segment_of_the_path() {
    let plane = ControlPlane::start();
    let hello = hello(&plane, &[]);
    for (id, segment) in [
        ("e-1", "e-1"),
        ("2f0a7c9e-0000-4000-8000-1234567890ab", "2f0a7c9e-0000-4000-8000-1234567890ab"),
        ("../../functions/evil", "..%2F..%2Ffunctions%2Fevil"),
        ("a b", "a%20b"),
        ("ünï", "%C3%BCn%C3%AF"),
        ("what?x=1", "what%3Fx%3D1"),
        ("part#1", "part%231"),
        ("100%", "100%25"),
        ("%2e%2e%2f", "%252e%252e%252f"),
        ("back\\slash", "back%5Cslash"),
        ("a;b&c", "a%3Bb%26c"),
    ] {
        assert_eq!(hello.invoke(id, &json!("x")).status, 200, "{id}");
        let path = plane.accepted(id).path().to_owned();
        assert_eq!(path, format!("/v1/internal/executions/{segment}:complete"), "{id}");
    }
}

#[test]
fn an_execution_id_of_dots_stays_below_the_base() {
    let plane = ControlPlane::start();
    let hello = hello(&plane, &[]);
    for id in [".", "..", "..."] {
        assert_eq!(hello.invoke(id, &json!("x")).status, 200, "{id}");
        let path = plane.accepted(id).path().to_owned();
        assert!(path.starts_with("/v1/internal/executions/") && path.ends_with(":complete"), "{id}: {path}");
    }
}

#[test]
fn trailing_slashes_of_the_base_are_cut() {
    let plane = ControlPlane::start();
    let hello = hello(&plane, &[]);
    for (slashes, id) in [("/", "one"), ("///", "three")] {
        let url = format!("{}{slashes}", plane.callback_url());
        let answer = hello.post(&[("X-Execution-Id", id), ("X-Callback-Url", &url)], r#"{"input":"x"}"#);
        assert_eq!(answer.status, 200);
        assert_eq!(plane.accepted(id).path(), format!("/v1/internal/executions/{id}:complete"));
    }
}

#[test]
fn a_base_without_a_path_is_enough() {
    let plane = ControlPlane::start();
    let hello = hello(&plane, &[]);
    for url in [plane.url(""), plane.url("/")] {
        assert_eq!(with_url(&hello, &url).0, 200);
    }
    for callback in plane.arrived("e-1", 2) {
        assert_eq!(callback.path(), "/e-1:complete");
    }
}

#[test]
fn a_base_that_ends_in_complete_is_used_as_it_stands() {
    let plane = ControlPlane::start();
    let hello = hello(&plane, &[]);
    assert_eq!(with_url(&hello, &plane.url("/v1/internal/executions/other:complete")).0, 200);
    assert_eq!(plane.accepted("other").path(), "/v1/internal/executions/other:complete");
}

#[test]
fn a_base_that_ends_in_complete_and_a_slash_is_complete_too() {
    let plane = ControlPlane::start();
    let hello = hello(&plane, &[]);
    assert_eq!(with_url(&hello, &plane.url("/v1/internal/executions/other:complete/")).0, 200);
    assert_eq!(plane.accepted("other").path(), "/v1/internal/executions/other:complete");
}

#[test]
fn what_is_no_http_url_is_refused_before_the_function_runs() {
    let plane = ControlPlane::start();
    let mut hello = hello(&plane, &[]);
    for url in [
        "nonsense",
        "/v1/internal",
        "//cp/v1",
        "ftp://cp/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "unix:/run/x.sock",
        "http://",
        "http://cp:99999/x",
        "http://[::1/x",
        "http:// space/x",
    ] {
        assert_eq!(with_url(&hello, url), refused(), "{url}");
    }
    hello.stop();
    assert!(hello.log_lines(|line| line["message"] == "invocation").is_empty());
    assert!(plane.completions().is_empty(), "{:#?}", plane.completions());
}

#[test]
fn link_local_addresses_are_refused_in_every_spelling() {
    let hello = Function::start("hello", &[]);
    for host in [
        "169.254.169.254",
        "169.254.0.1:8080",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "user@169.254.169.254",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::169.254.169.254]",
    ] {
        assert_eq!(with_url(&hello, &format!("http://{host}/x")), refused(), "{host}");
    }
}

#[test]
fn only_allowed_hosts_are_called() {
    let (inside, outside) = (ControlPlane::start(), ControlPlane::start());
    let mut hello = hello(&inside, &[("NANOFAAS_CALLBACK_ALLOW", &inside.host())]);
    assert_eq!(with_url(&hello, &outside.callback_url()), refused());
    assert_eq!(with_url(&hello, "http://10.1.2.3/x"), refused());
    let port = inside.host().rsplit(':').next().unwrap_or_default().to_owned();
    assert_eq!(with_url(&hello, &format!("http://127.0.0.1:{port}@10.1.2.3/x")), refused());
    assert_eq!(with_url(&hello, &inside.callback_url()).0, 200);
    assert!(inside.accepted("e-1").success());
    hello.stop();
    assert!(outside.completions().is_empty());
}

#[test]
fn an_allowed_link_local_address_is_still_refused() {
    let hello = Function::start("hello", &[("NANOFAAS_CALLBACK_ALLOW", "169.254.169.254")]);
    assert_eq!(with_url(&hello, "http://169.254.169.254/x"), refused());
}

#[test]
fn a_redirect_is_not_followed() {
    let (plane, elsewhere) = (ControlPlane::start(), ControlPlane::start());
    let mut hello = hello(&plane, &[]);
    for (id, to) in [("e-1", elsewhere.url("/x:complete")), ("e-2", "http://169.254.169.254/x".to_owned())] {
        plane.fail_next([Fault::Redirect(to)]);
        assert_eq!(hello.invoke(id, &json!("x")).status, 200);
        assert_eq!(plane.arrived(id, 1).len(), 1);
    }
    hello.wait_for_metric("callback_drops_total", &[], 2);
    hello.stop();
    assert!(elsewhere.completions().is_empty());
    assert_eq!(plane.completions().len(), 2);
}
