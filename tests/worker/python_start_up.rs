//! Handlers in Python that never get to their first call.

use harness::{ControlPlane, Ended, Gate, Handlers, Process};
use serde_json::json;

/// The line that tells why nothing starts, with all of these words.
fn is_told(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let line = ended.stderr.lines().find(|line| line.contains("STARTUP_ERROR"));
    let line = line.unwrap_or_else(|| panic!("no STARTUP_ERROR in\n{}", ended.stderr));
    for word in words {
        assert!(line.contains(word), "{word} is not in {line}");
    }
}

#[test]
fn an_error_at_the_import_is_told_with_its_traceback() {
    for (source, words) in [
        (
            "import nowhere_to_be_found\n",
            &["Traceback", "ModuleNotFoundError", "nowhere_to_be_found", "handler.py"][..],
        ),
        ("def helper(): raise ValueError('no ink left')\nhelper()\n", &["Traceback", "helper", "no ink left"]),
        ("def handle(request:\n", &["SyntaxError", "handler.py"]),
        ("1 / 0\n", &["Traceback", "ZeroDivisionError"]),
        ("\tdef handle(request): pass\n", &["IndentationError"]),
    ] {
        let Some(handlers) = Handlers::python(source) else { return };
        // Far beyond what the test waits for.
        is_told(&handlers.run(&[("READY_TIMEOUT_MS", "600000")]), words);
    }
}

#[test]
fn a_function_that_is_not_there_is_named() {
    let Some(handlers) = Handlers::python("def other(request): return 1\nhandle = 7\n") else { return };
    is_told(&handlers.run(&[("HANDLER_FUNCTION", "missing")]), &["missing", "handler"]);
    is_told(&handlers.run(&[]), &["handle"]);
}

#[test]
fn a_module_that_ends_the_process_is_no_start() {
    for source in ["import sys\nsys.exit(0)\n", "raise SystemExit\n", "import os\nos._exit(1)\n"] {
        let Some(handlers) = Handlers::python(source) else { return };
        is_told(&handlers.run(&[("READY_TIMEOUT_MS", "600000")]), &[]);
    }
}

#[test]
fn a_module_that_takes_too_long_is_ended() {
    let gate = Gate::new();
    let source = format!(
        "import os, time\nwith open('{0}.draft', 'w') as file: file.write(str(os.getpid()))\n\
         os.rename('{0}.draft', '{0}.entered')\nwhile not os.path.exists('{0}'): time.sleep(0.005)\n\
         def handle(request): return os.getpid()\n",
        gate.path()
    );
    let Some(handlers) = Handlers::python(&source) else { return };
    let ended = handlers.run(&[("READY_TIMEOUT_MS", "2000"), ("WATCHDOG_KILL_GRACE_MS", "200")]);
    is_told(&ended, &[]);
    assert!(!Process(gate.entered_by()).is_alive());
    gate.close();
    // With time enough it is ready after its import, and not before.
    let port = harness::free_port();
    let mut watchdog = handlers.spawn(&[("WARM_PORT", &port.to_string()), ("READY_TIMEOUT_MS", "600000")]);
    let process = gate.entered_by();
    watchdog.wait_until_listening(port);
    assert_eq!((watchdog.get("/health").status, watchdog.get("/ready").status), (503, 503));
    gate.open("");
    watchdog.wait_until_ready();
    watchdog.wait_for_status("/ready", 200);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).json(), json!(process));
}

#[test]
fn what_a_module_prints_is_no_acknowledgement_and_no_answer() {
    let source = "import os\nprint('{\"ok\":true}')\nprint('warming up')\ndef handle(request): return 'right'\n";
    let Some(handlers) = Handlers::python(source) else { return };
    let watchdog = handlers.start(&[]);
    let line = watchdog.wait_for_log("its words", |line| line["message"] == "warming up");
    assert_eq!((&line["stream"], &line["execution_id"]), (&json!("stdout"), &json!(null)));
    assert_eq!(watchdog.invoke("e-1", &json!(1)).json(), json!("right"));
    assert!(watchdog.metric("child_restarts_total", &[]) < 0.5);
}

#[test]
fn a_module_may_read_stdin_and_finds_nothing() {
    let source = "import sys\nseen = sys.stdin.read()\ndef handle(request): return [seen, request['input']]\n";
    let Some(handlers) = Handlers::python(source) else { return };
    assert_eq!(handlers.start(&[]).invoke("e-1", &json!(7)).json(), json!(["", 7]));
}

#[test]
fn a_single_run_is_called_back_with_the_traceback() {
    let Some(handlers) = Handlers::python("import nowhere_to_be_found\n") else { return };
    let plane = ControlPlane::start();
    let ended = handlers.once(&plane, "1", &[("WARM", "false")]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let error = plane.accepted("e-1").error().expect("an error");
    assert_eq!(error.code, "STARTUP_ERROR");
    for word in ["Traceback", "ModuleNotFoundError", "nowhere_to_be_found"] {
        assert!(error.message.contains(word), "{error:?}");
    }
}
