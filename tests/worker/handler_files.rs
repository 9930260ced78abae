//! Which file is the handler, and what runs it.

use harness::{Ended, Handlers, Scratch, Watchdog};
use serde_json::json;

const PYTHON: &str = "def handle(request): return 'python'\n";
const MJS: &str = "export function handle(request) { return 'mjs' }\n";
const CJS: &str = "exports.handle = (request) => 'cjs'\n";

/// The output of a call without an input.
fn output(watchdog: &Watchdog) -> serde_json::Value {
    let answer = watchdog.invoke("e-1", &json!(null));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn is_a_mistake(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    for word in words {
        assert!(ended.stderr.contains(word), "{word} is not in\n{}", ended.stderr);
    }
}

#[test]
fn the_file_chooses_the_launcher() {
    for (name, source, expected) in
        [("handler.mjs", MJS, "mjs"), ("handler.js", CJS, "cjs"), ("handler.cjs", CJS, "cjs")]
    {
        let Some(handlers) = Handlers::node(name, source) else { return };
        assert_eq!(output(&handlers.start(&[])), expected, "{name}");
    }
    let Some(handlers) = Handlers::python(PYTHON) else { return };
    assert_eq!(output(&handlers.start(&[])), "python");
}

#[test]
fn an_extension_chooses_among_several() {
    let Some(handlers) = Handlers::python(PYTHON) else { return };
    let Some(_node) = Handlers::node("handler.mjs", MJS) else { return };
    let mut handlers = handlers.with("handler.mjs", MJS).with("handler.cjs", CJS);
    for (module, expected) in [("handler.py", "python"), ("handler.mjs", "mjs"), ("handler.cjs", "cjs")] {
        handlers = handlers.module(module);
        assert_eq!(output(&handlers.start(&[])), expected, "{module}");
    }
}

#[test]
fn several_files_are_a_mistake_that_names_them() {
    let handlers = Handlers::empty().with("handler.py", PYTHON).with("handler.mjs", MJS);
    is_a_mistake(&handlers.run(&[]), &["HANDLER_MODULE", "handler.py", "handler.mjs"]);
    let handlers = Handlers::empty().with("handler.js", CJS).with("handler.cjs", CJS);
    is_a_mistake(&handlers.run(&[]), &["HANDLER_MODULE", "handler.js", "handler.cjs"]);
}

#[test]
fn no_file_is_a_mistake_that_says_where_it_looked() {
    let handlers = Handlers::empty().with("other.py", PYTHON);
    let folder = handlers.path().display().to_string();
    is_a_mistake(&handlers.run(&[]), &["HANDLER_MODULE", "handler.py", "handler.mjs", "handler.js", &folder]);
    for module in ["handler.py", "missing", "pkg.missing", "/nowhere/handler", "/nowhere/handler.py", "other.rb"] {
        let handlers = Handlers::empty().with("other.py", PYTHON).with("other.rb", "").module(module);
        is_a_mistake(&handlers.run(&[]), &["HANDLER_MODULE", module]);
    }
}

#[test]
fn a_folder_of_that_name_is_no_handler() {
    let handlers = Handlers::empty().with("handler.py/inside.txt", "");
    is_a_mistake(&handlers.run(&[]), &["HANDLER_MODULE"]);
}

#[test]
fn an_absolute_path_needs_no_working_directory() {
    let Some(handlers) = Handlers::python(PYTHON) else { return };
    let elsewhere = Scratch::new();
    for module in ["handler", "handler.py"] {
        let path = handlers.path().join(module).display().to_string();
        let before = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", elsewhere.path().to_str().expect("a path")];
        let mut watchdog = Watchdog::through(&before, "WORKER", "", &[("HANDLER_MODULE", &path)]);
        watchdog.wait_until_ready();
        watchdog.wait_for_status("/ready", 200);
        assert_eq!(output(&watchdog), "python", "{module}");
    }
}

#[test]
fn any_name_and_any_path_will_do() {
    let odd = "größe $(id) 'x'";
    let Some(handlers) = Handlers::python("") else { return };
    let path = handlers.path().join(odd);
    let handlers =
        handlers.with(&format!("{odd}/handler.py"), PYTHON).module(path.join("handler").to_str().expect("a path"));
    assert_eq!(output(&handlers.start(&[])), "python");
    let Some(handlers) = Handlers::node("x.mjs", "") else { return };
    let path = handlers.path().join(odd);
    let handlers =
        handlers.with(&format!("{odd}/handler.mjs"), MJS).module(path.join("handler").to_str().expect("a path"));
    assert_eq!(output(&handlers.start(&[])), "mjs");
}

#[test]
fn the_name_may_be_another_one() {
    let Some(handlers) = Handlers::python("") else { return };
    let handlers = handlers.with("orders.py", PYTHON).module("orders");
    assert_eq!(output(&handlers.start(&[])), "python");
}

#[test]
fn an_interpreter_that_is_not_there_is_named() {
    let none = Scratch::new();
    let path = none.path().display().to_string();
    for (name, source, program) in [("handler.py", PYTHON, "python3"), ("handler.mjs", MJS, "node")] {
        let ended = Handlers::empty().with(name, source).run(&[("PATH", &path)]);
        assert_eq!(ended.code, Some(1), "{name} {ended:?}");
        let told = |line: &str| line.contains("SPAWN_ERROR") && line.contains(program);
        assert!(ended.stderr.lines().any(told), "{name} {ended:?}");
    }
    let handlers = Handlers::empty().with("handler.py", PYTHON);
    let ended = handlers.run(&[("HANDLER_INTERPRETER", "/nowhere/to-be-found -x")]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("/nowhere/to-be-found"), "{ended:?}");
}

#[test]
fn the_interpreter_is_a_command_line() {
    let Some(handlers) = Handlers::python("import sys\ndef handle(request): return sys.flags.dev_mode\n") else {
        return;
    };
    assert_eq!(output(&handlers.start(&[("HANDLER_INTERPRETER", "python3 -X dev")])), true);
    let source = "export const handle = () => process.execArgv.includes('--no-warnings')\n";
    let Some(handlers) = Handlers::node("handler.mjs", source) else { return };
    assert_eq!(output(&handlers.start(&[("HANDLER_INTERPRETER", "node --no-warnings")])), true);
}

#[test]
fn an_interpreter_that_fails_ends_the_watchdog_with_its_status() {
    let handlers = Handlers::empty().with("handler.py", PYTHON);
    let ended = handlers.run(&[("HANDLER_INTERPRETER", "/bin/sh -c 'echo no ink >&2; exit 43'")]);
    assert_eq!(ended.code, Some(43), "{ended:?}");
    let told = |line: &str| line.contains("STARTUP_ERROR") && line.contains("no ink");
    assert!(ended.stderr.lines().any(told), "{ended:?}");
}
