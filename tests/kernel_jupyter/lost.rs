//! Kernels that end, and what they leave behind.

use serde_json::{Value, json};

use super::{Kernels, result, text};

#[test]
fn a_kernel_that_dies_is_an_error_and_the_next_call_works() {
    for variables in [&[][..], &[("KERNEL_SPARE", "1")]] {
        let Some(kernels) = Kernels::start("python3", variables) else { return };
        for (code, how) in [
            ("import os; os._exit(3)", "exited with status 3"),
            ("import os; os.kill(os.getpid(), 9)", "was ended by SIGKILL (signal 9)"),
        ] {
            let outputs = kernels.outputs(code);
            let error = outputs.as_array().and_then(|outputs| outputs.last()).expect("an error");
            assert_eq!(error["name"], "KernelError");
            assert!(error["value"].as_str().is_some_and(|value| value.contains(how)), "{error}");
            assert_eq!(kernels.outputs("1"), json!([result("1")]));
        }
        kernels.stop();
    }
}

#[test]
fn what_was_left_running_is_not_taken_for_a_later_call() {
    let Some(kernels) = Kernels::start("python3", &[]) else { return };
    let code = "import subprocess\nold = subprocess.Popen(['sh', '-c', 'while :; do echo old; sleep .01; done'])";
    kernels.outputs(code);
    for _ in 0..20 {
        let outputs = kernels.outputs("print('new')");
        let said: String =
            outputs.as_array().into_iter().flatten().filter_map(|output| output["text"].as_str()).collect();
        assert!(said.contains("new"), "{outputs}");
    }
    kernels.stop();
}

#[test]
fn more_output_than_fits_is_said_so() {
    let Some(kernels) = Kernels::start("python3", &[("KERNEL_OUTPUT_LIMIT_BYTES", "1000")]) else { return };
    let answer = kernels.execute("print('x' * 100_000_000)");
    assert_eq!(answer["stdout_truncated"], Value::Bool(true));
    assert_eq!(answer["outputs"], json!([text("stdout", &"x".repeat(1000))]));
    let answer = kernels.execute("1");
    assert_eq!(answer, json!({"outputs": [result("1")]}));
}

#[test]
fn a_stop_during_an_execution_leaves_nothing_behind() {
    let variables = [("WATCHDOG_KILL_GRACE_MS", "200"), ("DRAIN_TIMEOUT_MS", "300")];
    let Some(mut kernels) = Kernels::start("python3", &variables) else { return };
    let body = json!({"code": "import subprocess\nsubprocess.run(['sleep', '1000'])"}).to_string();
    let mut caller = kernels.watchdog.connect();
    caller
        .send(format!("POST /execute HTTP/1.1\r\nhost: k\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes());
    harness::eventually("a subprocess", || (kernels.watchdog.family().len() >= 2).then_some(()));
    kernels.watchdog.signal("TERM");
    kernels.watchdog.signal("TERM");
    let _ = kernels.watchdog.wait();
    kernels.watchdog.wait_until_alone();
    let left: Vec<_> = std::fs::read_dir(kernels.home.path().join("tmp")).expect("it is there").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}
