//! Handlers in Python that fail: the message for the caller, the traceback for the log.

use harness::{Handlers, Watchdog};
use serde_json::{Value, json};

/// A handler that executes its input, with `result` as what it returns.
const EXEC: &str = "import os, sys\npid = os.getpid()\n\
    def handle(request):\n    names = {'pid': pid}\n    exec(request['input'], names)\n    return names.get('result')\n";

fn pid(watchdog: &Watchdog) -> Value {
    watchdog.invoke("e-pid", &json!("result = pid")).json()
}

/// The message of a call that has to fail.
fn failure(watchdog: &Watchdog, id: &str, code: &str) -> String {
    let answer = watchdog.invoke(id, &json!(code));
    assert_eq!(answer.refusal(), (500, "FUNCTION_ERROR".to_owned()), "{code} {}", answer.text());
    answer.json()["error"].as_str().expect("a message").to_owned()
}

#[test]
fn an_exceptions_message_is_the_error() {
    let Some(handlers) = Handlers::python(EXEC) else { return };
    let watchdog = handlers.start(&[]);
    let first = pid(&watchdog);
    for (code, message) in [
        ("raise ValueError('no ink left')", "no ink left"),
        ("raise ValueError", "ValueError"),
        ("raise KeyError('größe')", "'größe'"),
        ("class Own(Exception): pass\nraise Own()", "Own"),
        ("raise ValueError('line 1\\nline 2')", "line 1\nline 2"),
        ("assert False", "AssertionError"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ] {
        assert_eq!(failure(&watchdog, "e-1", code), message, "{code}");
    }
    assert_eq!(pid(&watchdog), first, "an exception is none of the worker's business");
}

#[test]
fn the_traceback_is_in_the_log_with_the_call() {
    let Some(handlers) =
        Handlers::python("def inner(): raise ValueError('no ink left')\ndef handle(request): inner()\n")
    else {
        return;
    };
    let watchdog = handlers.start(&[]);
    for id in ["e-1", "e-2"] {
        assert_eq!(watchdog.invoke(id, &json!(1)).status, 500);
        for words in ["Traceback (most recent call last)", "handler.py", "in inner", "ValueError: no ink left"] {
            let found = |line: &Value| {
                line["stream"] == "stderr"
                    && line["execution_id"] == id
                    && line["message"].as_str().is_some_and(|text| text.contains(words))
            };
            let _ = watchdog.wait_for_log(words, found);
        }
    }
}

#[test]
fn sys_exit_is_an_error_of_the_call_alone() {
    let Some(handlers) = Handlers::python(EXEC) else { return };
    let watchdog = handlers.start(&[]);
    let first = pid(&watchdog);
    for code in ["sys.exit(3)", "sys.exit()", "sys.exit(0)", "sys.exit('no ink')", "raise SystemExit"] {
        let message = failure(&watchdog, "e-1", &format!("import sys\n{code}"));
        assert!(!message.is_empty(), "{code}");
    }
    assert_eq!(pid(&watchdog), first);
}

#[test]
fn a_process_that_really_ends_is_a_crash() {
    let Some(handlers) = Handlers::python(EXEC) else { return };
    let watchdog = handlers.start(&[]);
    let first = pid(&watchdog);
    let message = failure(&watchdog, "e-1", "import os\nos._exit(5)");
    assert!(message.contains("the child exited with status 5 during the call"), "{message}");
    watchdog.wait_for_status("/ready", 200);
    assert_ne!(pid(&watchdog), first);
    let message = failure(&watchdog, "e-2", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)");
    assert!(message.contains("SIGSEGV"), "{message}");
}

#[test]
fn there_is_nothing_on_stdin() {
    let Some(handlers) = Handlers::python(EXEC) else { return };
    let watchdog = handlers.start(&[]);
    let message = failure(&watchdog, "e-1", "input()");
    assert!(message.contains("EOF"), "{message}");
    for code in ["import sys\nresult = sys.stdin.read()", "import os\nresult = os.read(0, 10).decode()"] {
        assert_eq!(watchdog.invoke("e-2", &json!(code)).json(), json!(""), "{code}");
    }
    let child = "import subprocess\nresult = subprocess.run(['cat'], capture_output=True).stdout.decode()";
    assert_eq!(watchdog.invoke("e-3", &json!(child)).json(), json!(""));
}

#[test]
fn a_result_that_is_not_json_is_an_error_that_says_where() {
    let Some(handlers) = Handlers::python(EXEC) else { return };
    let watchdog = handlers.start(&[]);
    let first = pid(&watchdog);
    for (code, words) in [
        ("result = {'outer': [1, {'deep': {1, 2}}]}", &["set", "outer", "deep"][..]),
        ("result = b'bytes'", &["bytes"]),
        ("result = object()", &["object"]),
        ("result = {'found': print}", &["found"]),
        ("result = (number for number in [1])", &["generator"]),
        ("result = {(1, 2): 3}", &["tuple"]),
        ("result = {'a': float('nan')}", &[]),
        ("result = [float('inf')]", &[]),
        ("result = -float('inf')", &[]),
        ("result = []\nresult.append(result)", &[]),
    ] {
        let message = failure(&watchdog, "e-1", code);
        assert!(words.iter().all(|word| message.contains(word)), "{code}: {message}");
    }
    assert_eq!(pid(&watchdog), first);
}

#[test]
fn recursion_without_end_is_an_error_of_the_call() {
    let Some(handlers) = Handlers::python(EXEC) else { return };
    let watchdog = handlers.start(&[]);
    let first = pid(&watchdog);
    let message = failure(&watchdog, "e-1", "def f(): f()\nf()");
    assert!(message.contains("recursion"), "{message}");
    let deep = "result = []\nfor _ in range(100000): result = [result]";
    let _ = failure(&watchdog, "e-2", deep);
    assert_eq!(pid(&watchdog), first);
}

#[test]
fn an_exception_whose_message_fails_is_an_error_all_the_same() {
    let Some(handlers) = Handlers::python(EXEC) else { return };
    let watchdog = handlers.start(&[]);
    let first = pid(&watchdog);
    let code = "class Bad(Exception):\n    def __str__(self): raise ValueError('no')\nraise Bad()";
    let _ = failure(&watchdog, "e-1", code);
    assert_eq!(pid(&watchdog), first);
    let _ = failure(&watchdog, "e-2", "raise ValueError('half \\ud800')");
    watchdog.wait_for_status("/ready", 200);
    assert_eq!(watchdog.invoke("e-3", &json!("result = 7")).json(), 7);
}

#[test]
fn a_text_that_is_no_unicode_is_answered_somehow_and_the_next_call_is_right() {
    let Some(handlers) = Handlers::python(EXEC) else { return };
    let watchdog = handlers.start(&[]);
    let answer = watchdog.invoke("e-1", &json!("result = 'half \\ud800'"));
    assert!([200, 500].contains(&answer.status), "{}", answer.text());
    watchdog.wait_for_status("/ready", 200);
    assert_eq!(watchdog.invoke("e-2", &json!("result = 7")).json(), 7);
}

#[test]
fn an_exception_of_an_async_one_is_told_alike() {
    let source = "async def handle(request):\n    raise ValueError('no ink left')\n";
    let Some(handlers) = Handlers::python(source) else { return };
    let watchdog = handlers.start(&[]);
    assert_eq!(failure(&watchdog, "e-1", ""), "no ink left");
    let _ = watchdog.wait_for_log("a traceback", |line| {
        line["message"].as_str().is_some_and(|text| text.contains("ValueError: no ink left"))
    });
}
