//! Handlers in JavaScript that never get to their first call, and the end of those that do.

use harness::{ControlPlane, Ended, Gate, Handlers};
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
fn an_error_at_the_import_is_told_with_its_stack() {
    for (name, source, words) in [
        ("handler.mjs", "import './nowhere.mjs'\n", &["nowhere.mjs"][..]),
        ("handler.cjs", "require('./nowhere.cjs')\n", &["nowhere.cjs"]),
        ("handler.mjs", "function helper() { throw new Error('no ink left') }\nhelper()\n", &["no ink left", "helper"]),
        ("handler.mjs", "export function handle(request {\n", &["SyntaxError"]),
        ("handler.mjs", "await Promise.reject(new Error('too early'))\n", &["too early"]),
    ] {
        let Some(handlers) = Handlers::node(name, source) else { return };
        // Far beyond what the test waits for.
        is_told(&handlers.run(&[("READY_TIMEOUT_MS", "600000")]), words);
    }
}

#[test]
fn a_function_that_is_not_there_is_named() {
    for (name, source) in
        [("handler.mjs", "export const other = 1; export const handle = 7\n"), ("handler.cjs", "exports.handle = 7\n")]
    {
        let Some(handlers) = Handlers::node(name, source) else { return };
        is_told(&handlers.run(&[("HANDLER_FUNCTION", "missing")]), &["missing", "handler"]);
        is_told(&handlers.run(&[]), &["handle"]);
    }
}

#[test]
fn an_import_is_awaited_before_it_is_ready() {
    let gate = Gate::new();
    let source = format!(
        "import fs from 'node:fs';\nfs.writeFileSync('{0}.draft', String(process.pid));\n\
         fs.renameSync('{0}.draft', '{0}.entered');\n\
         while (!fs.existsSync('{0}')) await new Promise((next) => setTimeout(next, 5));\n\
         export const handle = () => process.pid;\n",
        gate.path()
    );
    let Some(handlers) = Handlers::node("handler.mjs", &source) else { return };
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
    let source = "console.log('{\"ok\":true}')\nconsole.log('warming up')\nexport const handle = () => 'right'\n";
    let Some(handlers) = Handlers::node("handler.mjs", source) else { return };
    let watchdog = handlers.start(&[]);
    let line = watchdog.wait_for_log("its words", |line| line["message"] == "warming up");
    assert_eq!((&line["stream"], &line["execution_id"]), (&json!("stdout"), &json!(null)));
    assert_eq!(watchdog.invoke("e-1", &json!(1)).json(), json!("right"));
    assert!(watchdog.metric("child_restarts_total", &[]) < 0.5);
}

#[test]
fn it_ends_with_the_watchdog_though_it_has_work_left() {
    let source = "setInterval(() => {}, 1000)\nexport const handle = () => 1\n";
    let Some(handlers) = Handlers::node("handler.mjs", source) else { return };
    let mut watchdog = handlers.start(&[("WATCHDOG_KILL_GRACE_MS", "600000")]);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).json(), json!(1));
    watchdog.stop();
    assert_eq!(watchdog.family(), []);
}

#[test]
fn one_call_without_a_server_is_reported() {
    let Some(handlers) = Handlers::node("handler.mjs", "export const handle = (request) => [request, 'done']\n") else {
        return;
    };
    let plane = ControlPlane::start();
    let ended = handlers.once(&plane, r#"{"input":"x"}"#, &[("WARM", "false")]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(plane.accepted("e-1").output(), &json!([{ "input": "x" }, "done"]));
    let Some(handlers) = Handlers::node("handler.mjs", "import './nowhere.mjs'\n") else { return };
    let plane = ControlPlane::start();
    let ended = handlers.once(&plane, "1", &[("WARM", "false")]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let error = plane.accepted("e-1").error().expect("an error");
    assert!(error.code == "STARTUP_ERROR" && error.message.contains("nowhere.mjs"), "{error:?}");
}
