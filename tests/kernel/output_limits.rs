//! Output without an end, and output of every kind.

use harness::{Kernel, error, one, stderr, stdout};
use serde_json::{Value, json};

const LIMIT: (&str, &str) = ("KERNEL_OUTPUT_LIMIT_BYTES", "1000");

fn truncated(answer: &Value) -> Vec<&str> {
    let keys = ["stdout_truncated", "stderr_truncated", "rich_truncated"];
    let there: Vec<_> = keys.into_iter().filter(|key| answer.get(key).is_some()).collect();
    assert!(there.iter().all(|key| answer[*key] == true), "{answer:#}");
    there
}

#[test]
fn output_up_to_the_limit_is_whole_and_nothing_is_said() {
    let Some(kernel) = Kernel::executor(&[LIMIT]) else { return };
    let answer = kernel.execute("print('x' * 999)");
    assert_eq!((stdout(&answer).len(), truncated(&answer).len()), (1000, 0), "{answer}");
}

#[test]
fn output_above_the_limit_is_discarded_and_said_so() {
    let Some(kernel) = Kernel::executor(&[LIMIT]) else { return };
    for (code, key) in [
        ("print('x' * 5000)", "stdout_truncated"),
        ("for _ in range(5000): print('x')", "stdout_truncated"),
        ("import os; os.write(1, b'x' * 5000); None", "stdout_truncated"),
        ("import subprocess; subprocess.run(['sh', '-c', 'yes | head -c 5000']); None", "stdout_truncated"),
        ("import sys; print('x' * 5000, file=sys.stderr)", "stderr_truncated"),
        ("for _ in range(500): display('x' * 100)", "rich_truncated"),
        ("'x' * 5000", "rich_truncated"),
    ] {
        let answer = kernel.execute(code);
        assert_eq!(truncated(&answer), [key], "{code}");
        assert!(stdout(&answer).len() <= 1000 && stderr(&answer).len() <= 1000, "{code}");
        assert!(answer.to_string().len() < 4000 || key == "rich_truncated", "{code}");
    }
    assert!(stdout(&kernel.execute("print('x' * 5000)")).starts_with("xxx"), "the begin is kept");
}

#[test]
fn a_limit_is_for_each_stream_and_each_call() {
    let Some(kernel) = Kernel::executor(&[LIMIT]) else { return };
    let answer = kernel.execute("import sys\nprint('x' * 5000)\nprint('fine', file=sys.stderr)\n'result'");
    assert_eq!(truncated(&answer), ["stdout_truncated"]);
    assert_eq!(stderr(&answer), "fine\n");
    assert_eq!(one(&answer, "result")["data"]["text/plain"], "'result'");
    let next = kernel.execute("print('whole')");
    assert_eq!((stdout(&next).as_str(), truncated(&next).len()), ("whole\n", 0));
}

#[test]
fn an_error_is_told_also_after_too_much_output() {
    let Some(kernel) = Kernel::executor(&[LIMIT]) else { return };
    assert_eq!(error(&kernel.execute("print('x' * 5000)\n1 / 0")).0, "ZeroDivisionError");
    assert_eq!(error(&kernel.execute("print('x' * 5000)\nimport os\nos._exit(1)")).0, "KernelError");
}

#[test]
fn a_message_of_an_error_is_bounded_too() {
    let Some(kernel) = Kernel::executor(&[LIMIT, ("EXECUTION_TIMEOUT", "20")]) else { return };
    let answer = kernel.execute("raise ValueError('x' * 50_000_000)");
    assert_eq!(error(&answer).0, "ValueError");
    assert!(answer.to_string().len() < 30_000_000, "{} bytes", answer.to_string().len());
    kernel.serves();
}

#[test]
fn ten_mib_is_the_limit_without_a_word() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let answer = kernel.execute("print('x' * (11 * 1024 * 1024))");
    assert_eq!((stdout(&answer).len(), truncated(&answer)), (10_485_760, vec!["stdout_truncated"]));
}

#[test]
fn a_hundred_megabytes_do_not_fill_the_memory() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = "import os\nblock = b'x' * 1_000_000\nfor _ in range(100): os.write(1, block)";
    let answer = kernel.execute(&format!("{code}\nfor _ in range(100): print('y' * 1_000_000)"));
    assert_eq!(truncated(&answer), ["stdout_truncated"]);
    let kib = kernel.process().memory_at_most();
    assert!(kib < 100 * 1024, "{kib} KiB");
    kernel.serves();
}

#[test]
fn endless_output_ends_at_the_time_out() {
    let Some(kernel) = Kernel::executor(&[LIMIT, ("EXECUTION_TIMEOUT", "1")]) else { return };
    for code in
        ["while True: print('x')", "import os\nwhile True: os.write(2, b'x' * 4096)", "while True: display('x')"]
    {
        let answer = kernel.execute(code);
        assert_eq!(error(&answer).0, "TimeoutError", "{code}");
        assert_eq!(truncated(&answer).len(), 1, "{code}");
        kernel.serves();
    }
}

#[test]
fn output_that_is_no_text_harms_nothing() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let answer = kernel.execute("import os\nos.write(1, b'A\\xff\\xfe\\x00\\x80Z\\n'); None");
    let text = stdout(&answer);
    assert!(text.starts_with("A\u{fffd}") && text.contains('\0') && text.ends_with("Z\n"), "{text:?}");
    let answer = kernel.execute("os.write(1, bytes(range(256)) * 100); None");
    assert!(stdout(&answer).contains("ABC"));
    assert_eq!(stdout(&kernel.execute("print('a\\0b\\r\\nc\\ufeffd\\x1b[31m')")), "a\0b\r\nc\u{feff}d\u{1b}[31m\n");
}

#[test]
fn letters_that_are_written_in_pieces_come_whole() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = "import os\nfor byte in 'grün €🎈'.encode(): os.write(1, bytes([byte]))\n";
    assert_eq!(stdout(&kernel.execute(code)), "grün €🎈");
    let answer = kernel.execute("import sys\nfor byte in '€🎈'.encode(): sys.stdout.buffer.write(bytes([byte]))\n");
    assert_eq!(stdout(&answer), "€🎈");
}

#[test]
fn lone_surrogates_harm_nothing() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for code in [
        "print('before \\ud800 after')",
        "'before \\udcff after'",
        "raise ValueError('before \\ud800 after')",
        "display('before \\ud800 after')",
    ] {
        let answer = kernel.post("/execute", &json!({ "code": code }));
        let text = answer.text();
        assert_eq!(answer.status, 200, "{code} {text}");
        assert!(text.contains("before ") && text.contains(" after"), "{code} {text}");
        assert!(std::str::from_utf8(&answer.body).is_ok(), "{code}");
        kernel.serves();
    }
}

#[test]
fn in_flowfiles_api_too_much_is_said_so_as_well() {
    let Some(kernel) = Kernel::flowfile(&[LIMIT]) else { return };
    let answer = kernel.node(1, "print('x' * 5000)");
    assert_eq!((&answer["success"], truncated(&answer)), (&json!(true), vec!["stdout_truncated"]));
    assert!(answer["stdout"].as_str().is_some_and(|text| text.len() <= 1000), "{answer}");
}
