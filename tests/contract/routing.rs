//! Paths and methods that are none of the contract's.

use harness::{Answer, Function};

/// It is an error of the usual shape.
fn is_json_error(answer: &Answer) {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    let body = answer.json();
    assert!(body["error"].is_string() && body["code"].is_string(), "{body}");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(2), "{body}");
}

#[test]
fn an_unknown_path_is_404_in_json() {
    let hello = Function::start("hello", &[]);
    for path in ["/", "/invoke/", "/invoke/e-1", "/Invoke", "/healthz", "//invoke", "/..%2Finvoke", "/health/../invoke"]
    {
        for method in ["GET", "POST"] {
            let answer = hello.connect().request(method, path, &[("X-Execution-Id", "e-1")], br#"{"input":"x"}"#);
            assert_eq!(answer.status, 404, "{method} {path}");
            is_json_error(&answer);
        }
    }
}

#[test]
fn a_wrong_method_is_405_in_json_and_says_which_is_right() {
    let hello = Function::start("hello", &[]);
    for (path, right, wrong) in [
        ("/invoke", "POST", &["GET", "PUT", "DELETE", "PATCH", "OPTIONS"][..]),
        ("/health", "GET", &["POST", "PUT", "DELETE"]),
        ("/ready", "GET", &["POST", "PUT", "DELETE"]),
        ("/metrics", "GET", &["POST", "PUT", "DELETE"]),
    ] {
        for method in wrong {
            let answer = hello.connect().request(method, path, &[("X-Execution-Id", "e-1")], br#"{"input":"x"}"#);
            assert_eq!(answer.status, 405, "{method} {path}");
            is_json_error(&answer);
            let allow = answer.header("allow").unwrap_or_default();
            let methods: Vec<_> = allow.split(',').map(str::trim).collect();
            assert!(methods.contains(&right) && !methods.contains(method), "{method} {path}: {allow}");
        }
    }
}

#[test]
fn a_query_does_not_matter() {
    let hello = Function::start("hello", &[]);
    assert_eq!(hello.get("/health?verbose=1").status, 200);
    let answer = hello.connect().request("POST", "/invoke?a=b", &[("X-Execution-Id", "e-1")], br#"{"input":"x"}"#);
    assert_eq!(answer.status, 200);
}
