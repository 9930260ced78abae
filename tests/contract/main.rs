//! Section by section what a control plane may expect of a function, over real sockets.

use harness::Function;
use serde_json::json;

#[test]
fn a_success_is_the_bare_output() {
    let hello = Function::start("hello", &[]);
    let answer = hello.invoke("e-1", &json!("hello"));
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"result":"HELLO"}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}
