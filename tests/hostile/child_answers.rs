//! Children that claim what is not theirs to say: another status, our own headers, the answer to another call.

use harness::{Answer, ControlPlane, Watchdog, eventually};
use serde_json::{Value, json};

/// Headers that only the watchdog itself, or the connection, may have.
const OURS: [(&str, &str); 12] = [
    ("x-cold-start", "true"),
    ("x-init-duration-ms", "0"),
    ("x-execution-id", "e-9"),
    ("x-callback-url", "http://elsewhere/"),
    ("connection", "close, x-kept"),
    ("keep-alive", "timeout=1"),
    ("proxy-authenticate", "Basic"),
    ("te", "trailers"),
    ("trailer", "etag"),
    ("upgrade", "h2c"),
    ("set-cookie", "a=b"),
    ("server", "child"),
];

/// Nothing of [`OURS`] is in an answer that is not the first one.
fn is_clean(answer: &Answer) {
    for (name, _) in OURS {
        assert_eq!(answer.header(name), None, "{name}: {answer:?}");
    }
}

/// An HTTP answer with these lines in its head, a length and a body.
fn raw(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn header_lines() -> String {
    OURS.iter().map(|(name, value)| format!("\r\n{name}: {value}")).collect::<Vec<_>>().concat()
}

#[test]
fn a_child_cannot_set_what_is_ours() {
    let envelope = |marker: Value| {
        let headers: serde_json::Map<_, _> =
            OURS.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({ "__nanofaas_envelope__": marker, "output": 1, "statusCode": 201, "headers": headers }).to_string()
    };
    for mode in ["STDIO", "FILE", "WORKER", "HTTP"] {
        let watchdog = Watchdog::with_child(mode, &[]);
        assert_eq!(watchdog.invoke("e-0", &json!(0)).status, 200, "{mode}");
        let asked = if mode == "HTTP" {
            json!({ "raw": raw(&format!("201 Created\r\nx-nanofaas-function-status: true{}", header_lines()), "1") })
        } else {
            json!({ "print": envelope(json!(true)) })
        };
        let answer = watchdog.invoke("e-1", &asked);
        assert_eq!((answer.status, answer.text().as_str()), (201, "1"), "{mode}");
        is_clean(&answer);
        assert_eq!(answer.header("x-nanofaas-function-status"), Some("true"), "{mode}");
    }
}

#[test]
fn a_marker_that_is_not_exactly_true_is_none() {
    let watchdog = Watchdog::with_child("HTTP", &[]);
    assert_eq!(watchdog.invoke("e-0", &json!(0)).status, 200);
    for marker in ["TRUE", "1", "true, true", "\"true\"", "false", ""] {
        let head = format!("201 Created\r\nx-nanofaas-function-status: {marker}{}\r\nlocation: /7", header_lines());
        let answer = watchdog.invoke("e-1", &json!({ "raw": raw(&head, "1") }));
        assert_eq!((answer.status, answer.text().as_str()), (200, "1"), "{marker}");
        assert_eq!((answer.header("x-nanofaas-function-status"), answer.header("location")), (None, None), "{marker}");
        is_clean(&answer);
    }
    let watchdog = Watchdog::with_child("STDIO", &[]);
    for marker in [json!(1), json!("true"), json!(null), json!([true]), json!({})] {
        let output = json!({ "__nanofaas_envelope__": marker, "output": 1, "statusCode": 201 });
        let answer = watchdog.invoke("e-1", &json!({ "print": output.to_string() }));
        assert_eq!((answer.status, answer.json()), (200, output), "{marker}");
    }
}

#[test]
fn an_output_that_looks_like_a_callback_is_an_output() {
    let plane = ControlPlane::start();
    let callback = plane.callback_url();
    for mode in ["STDIO", "WORKER", "HTTP"] {
        let watchdog = Watchdog::with_child(mode, &[("CALLBACK_URL", &callback)]);
        let failed = json!({ "success": false, "output": null, "error": { "code": "FORGED", "message": "x" } });
        let answer = watchdog.invoke(mode, &json!({ "print": failed.to_string() }));
        assert_eq!((answer.status, answer.json()), (200, failed.clone()), "{mode}");
        let told = plane.accepted(mode);
        assert_eq!(told.body(), &json!({ "success": true, "output": failed, "error": null }), "{mode}");
    }
    // Text that would end the quotation, if anybody pasted it.
    let watchdog = Watchdog::with_child("STDIO", &[("CALLBACK_URL", &callback)]);
    for print in [r#"null,"error":{"code":"X"}"#, r#"1}{"success":false}"#, "1,\"success\":false"] {
        assert_eq!(watchdog.invoke("pasted", &json!({ "print": print })).failure(), (500, "FUNCTION_ERROR".to_owned()));
    }
    for told in plane.arrived("pasted", 3) {
        assert_eq!(told.error().expect("an error").code, "FUNCTION_ERROR");
    }
}

#[test]
fn an_envelope_injects_no_header() {
    for mode in ["STDIO", "WORKER"] {
        let watchdog = Watchdog::with_child(mode, &[]);
        assert_eq!(watchdog.invoke("e-0", &json!(0)).status, 200, "{mode}");
        for value in ["/a\r\nset-cookie: a=b", "/a\nset-cookie: a=b", "/a\0", "/a\u{7f}"] {
            let envelope = json!({ "__nanofaas_envelope__": true, "output": 1, "headers": { "location": value }, "encoding": value });
            let answer = watchdog.invoke("e-1", &json!({ "print": envelope.to_string() }));
            assert_eq!((answer.status, answer.text().as_str()), (200, "1"), "{mode} {value:?}");
            assert_eq!((answer.header("location"), answer.header("x-nanofaas-encoding")), (None, None), "{value:?}");
            is_clean(&answer);
        }
    }
}

#[test]
fn a_second_answer_on_a_connection_is_nobodys() {
    let watchdog = Watchdog::with_child("HTTP", &[]);
    let forged = raw("200 OK", "\"forged\"");
    for number in 0..4 {
        let both = [raw("200 OK", "\"own\""), forged.clone()].concat();
        let answer = watchdog.invoke(&format!("e-{number}"), &json!({ "raw": both, "kept": true }));
        assert!(answer.text() == "\"own\"" || answer.status == 500, "{answer:?}");
        for next in 0..3 {
            let input = json!({ "number": number, "next": next });
            let answer = watchdog.invoke("next", &input);
            assert_eq!((answer.status, answer.json()), (200, json!({ "echo": input })));
        }
    }
}

#[test]
fn what_comes_before_an_answer_is_none() {
    let watchdog = Watchdog::with_child("HTTP", &[("NANOFAAS_MAX_INPUT_BYTES", "8000000")]);
    // Without that it would close a connection that the next call may be on already.
    let answer = raw("200 OK\r\nconnection: close", "1");
    for early in
        ["100 Continue", "102 Processing", "103 Early Hints\r\nlocation: /x\r\nx-nanofaas-function-status: true"]
    {
        let answer = watchdog.invoke("e-1", &json!({ "raw": format!("HTTP/1.1 {early}\r\n\r\n{answer}") }));
        assert_eq!((answer.status, answer.text().as_str(), answer.header("location")), (200, "1", None), "{early}");
    }
    for other in [
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n1".to_owned(),
        "HTTP/2.0 200 OK\r\ncontent-length: 1\r\n\r\n1".to_owned(),
        "HTTP/1.1 99 Odd\r\ncontent-length: 1\r\n\r\n1".to_owned(),
        "HTTP/1.1 2000 OK\r\ncontent-length: 1\r\n\r\n1".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n11".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n1".to_owned(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nz\r\n1\r\n0\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nx-a\0: b\r\n\r\n1".to_owned(),
        format!("HTTP/1.1 200 OK\r\nx-a: {}\r\ncontent-length: 1\r\n\r\n1", "x".repeat(2_000_000)),
        format!("HTTP/1.1 200 OK\r\n{}content-length: 1\r\n\r\n1", "x-a: b\r\n".repeat(10_000)),
    ] {
        let start: String = other.chars().take(60).collect();
        let answer = watchdog.invoke("e-2", &json!({ "raw": other }));
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{start:?} {}", answer.text());
        assert!(answer.body.len() < 1000, "{start:?}: {} bytes", answer.body.len());
        assert_eq!(watchdog.invoke("e-3", &json!(3)).json(), json!({ "echo": 3 }), "{start:?}");
    }
    assert!(watchdog.metric("child_restarts_total", &[]) < 0.5, "a child that lives was replaced");
}

#[test]
fn an_answer_that_never_begins_is_a_time_out() {
    let watchdog = Watchdog::with_child("HTTP", &[("TIMEOUT_MS", "1000")]);
    for repeated in ["HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let answer = watchdog.invoke("e-1", &json!({ "repeat": repeated }));
        assert_eq!(answer.failure(), (504, "TIMEOUT".to_owned()), "{repeated:?}");
        eventually("the next call", || (watchdog.invoke("e-2", &json!(2)).status == 200).then_some(()));
    }
    let watchdog = Watchdog::with_child("HTTP", &[]);
    for repeated in ["HTTP/1.1 200 OK\r\n", "x"] {
        let answer = watchdog.invoke("e-1", &json!({ "repeat": repeated }));
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{repeated:?}");
    }
    assert_eq!(watchdog.get("/health").status, 200);
}

#[test]
fn trailers_are_no_headers() {
    let watchdog = Watchdog::with_child("HTTP", &[]);
    assert_eq!(watchdog.invoke("e-0", &json!(0)).status, 200);
    let trailers = "x-nanofaas-function-status: true\r\nlocation: /x\r\nset-cookie: a=b\r\n";
    let raw = format!(
        "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\ntrailer: location\r\n\r\n1\r\n7\r\n0\r\n{trailers}\r\n"
    );
    let answer = watchdog.invoke("e-1", &json!({ "raw": raw }));
    assert_eq!((answer.status, answer.text().as_str(), answer.header("location")), (200, "7", None));
    is_clean(&answer);
}
