//! A kernel that is no Python, takes TCP alone, and is interrupted by messages.

use serde_json::json;

use super::{Kernels, result, text};

#[test]
fn another_language_has_state_outputs_and_errors() {
    let Some(kernels) = Kernels::start("deno", &[]) else { return };
    assert_eq!(kernels.outputs("let q = 5"), json!([]));
    assert_eq!(kernels.outputs("console.log('a'); q + 1"), json!([text("stdout", "a\n"), result("6")]));
    let error = kernels.outputs("throw new TypeError('x')")[0].clone();
    assert_eq!((&error["name"], &error["value"]), (&json!("TypeError"), &json!("x")));
    assert_eq!(error["traceback"][0], "TypeError: x");
    let lost = kernels.outputs("Deno.exit(3)");
    assert_eq!(lost[0]["name"], "KernelError");
    assert_eq!(kernels.outputs("typeof q"), json!([result("\"undefined\"")]));
    kernels.stop();
}

#[test]
fn an_interrupt_by_message_keeps_the_state() {
    let Some(kernels) = Kernels::start("deno", &[("EXECUTION_TIMEOUT", "1")]) else { return };
    kernels.outputs("let q = 5");
    for _ in 0..2 {
        let outputs = kernels.outputs("while (true) {}");
        let error = outputs.as_array().and_then(|outputs| outputs.last()).expect("an error");
        assert_eq!(error["name"], "TimeoutError", "{outputs}");
        assert_eq!(kernels.outputs("q"), json!([result("5")]));
    }
}

#[test]
fn start_up_files_of_python_are_skipped_and_said_so() {
    let folder = harness::Scratch::new();
    std::fs::write(folder.path().join("a.py"), "x = 1").expect("a file");
    let path = folder.path().to_str().expect("a path in UTF-8");
    let Some(kernels) = Kernels::start("deno", &[("WORKSPACE_FOLDER", path)]) else { return };
    kernels.watchdog.wait_for_log("a warning", |line| {
        line["message"].as_str().is_some_and(|text| text.contains("WORKSPACE_FOLDER are skipped"))
    });
    assert_eq!(kernels.outputs("1"), json!([result("1")]));
}
