//! The built binary as a control plane sees it: one run from the environment, and its callback.

use std::process::Command;

use nanofaas::testing::{Completion, Platform};

/// Runs one execution with this payload, and returns what the control plane is told.
async fn run(payload: &str) -> Completion {
    let platform = Platform::default();
    let mut function = Command::new(env!("CARGO_BIN_EXE_{{project-name}}"));
    function.env("EXECUTION_ID", "e-1");
    function.env("CALLBACK_URL", platform.callback_url());
    function.env("INVOCATION_PAYLOAD", payload);
    let ended = tokio::task::spawn_blocking(move || function.status());
    let status = ended.await.unwrap().unwrap();
    // A failed function is reported like any other.
    assert!(status.success());
    platform.completion("e-1").await
}

#[tokio::test]
async fn a_success_is_reported() {
    let completion = run(r#"{"input": {"name": "Ada"}}"#).await;
    assert!(completion.success());
    let expected = serde_json::json!({ "message": "Hello, Ada!" });
    assert_eq!(completion.output(), &expected);
}

#[tokio::test]
async fn a_failure_is_reported_with_its_code() {
    let completion = run(r#"{"input": {"name": ""}}"#).await;
    assert_eq!(completion.error().unwrap().code, "NAMELESS");
}
