//! Handlers in JavaScript: what they get, what becomes of what they return, and how they fail.

use harness::{Gate, Handlers, Watchdog};
use serde_json::{Value, json};

/// A handler that evaluates its input as the body of an async function.
const EVAL: &str = "const AsyncFunction = (async () => {}).constructor;\n\
    export async function handle(request) { return await new AsyncFunction(request.input)(); }\n";

fn output(watchdog: &Watchdog, id: &str, code: &str) -> Value {
    let answer = watchdog.invoke(id, &json!(code));
    assert_eq!(answer.status, 200, "{code} {}", answer.text());
    answer.json()
}

/// The message of a call that has to fail.
fn failure(watchdog: &Watchdog, code: &str) -> String {
    let answer = watchdog.invoke("e-1", &json!(code));
    assert_eq!(answer.refusal(), (500, "FUNCTION_ERROR".to_owned()), "{code} {}", answer.text());
    answer.json()["error"].as_str().expect("a message").to_owned()
}

#[test]
fn it_gets_the_whole_request_and_its_result_is_the_output() {
    for (name, source) in [
        ("handler.mjs", "export function handle(request) { return request }\n"),
        ("handler.mjs", "export const handle = async (request) => request\n"),
        ("handler.js", "module.exports = { handle: (request) => request }\n"),
        ("handler.cjs", "exports.handle = async function (request) { return request }\n"),
    ] {
        let Some(handlers) = Handlers::node(name, source) else { return };
        let watchdog = handlers.start(&[]);
        for input in [json!("größe\u{2028}\n\u{0}"), json!([1, 2.5, null, true]), json!({ "a": { "b": [] } })] {
            let body = json!({ "input": input, "metadata": { "m": 1 } });
            let answer = watchdog.post(&[("X-Execution-Id", "e-1")], body.to_string());
            assert_eq!((answer.status, answer.json()), (200, body), "{name}");
        }
    }
}

#[test]
fn another_function_may_be_named_and_siblings_be_imported() {
    let source = "import { value } from './sibling.mjs';\nexport const handle = () => 'handle';\nexport const buy = () => value;\n";
    let Some(handlers) = Handlers::node("handler.mjs", source) else { return };
    let handlers = handlers.with("sibling.mjs", "export const value = 'of a sibling'\n");
    assert_eq!(output(&handlers.start(&[]), "e-1", ""), "handle");
    assert_eq!(output(&handlers.start(&[("HANDLER_FUNCTION", "buy")]), "e-1", ""), "of a sibling");
    let source = "exports.handle = () => require('./sibling.cjs').value\n";
    let Some(handlers) = Handlers::node("handler.js", source) else { return };
    let handlers = handlers.with("sibling.cjs", "exports.value = 'of a sibling'\n");
    assert_eq!(output(&handlers.start(&[]), "e-1", ""), "of a sibling");
}

#[test]
fn a_package_says_what_a_js_file_is() {
    let Some(handlers) = Handlers::node("handler.js", "export const handle = () => import.meta.url.length > 0\n")
    else {
        return;
    };
    let handlers = handlers.with("package.json", "{\"type\": \"module\"}");
    assert_eq!(output(&handlers.start(&[]), "e-1", ""), true);
}

#[test]
fn state_stays_between_calls() {
    let Some(handlers) = Handlers::node("handler.mjs", "let calls = 0\nexport const handle = () => ++calls\n") else {
        return;
    };
    let watchdog = handlers.start(&[]);
    for number in 1..4 {
        assert_eq!(output(&watchdog, "e-1", ""), number);
    }
}

#[test]
fn what_is_thrown_is_the_error_and_its_stack_is_in_the_log() {
    let Some(handlers) = Handlers::node("handler.mjs", EVAL) else { return };
    let watchdog = handlers.start(&[]);
    let first = output(&watchdog, "e-0", "return process.pid");
    for (code, message) in [
        ("throw new Error('no ink left')", "no ink left"),
        ("throw new TypeError()", "TypeError"),
        ("throw new RangeError('größe\\nline 2')", "größe\nline 2"),
        ("await Promise.reject(new Error('too late'))", "too late"),
        ("throw 'a bare text'", "a bare text"),
    ] {
        assert_eq!(failure(&watchdog, code), message, "{code}");
    }
    let stack = |line: &Value| {
        let text = line["message"].as_str().unwrap_or_default();
        text.contains("no ink left") && line["execution_id"] == "e-1" && line["stream"] == "stderr"
    };
    let _ = watchdog.wait_for_log("a stack", stack);
    let _ = watchdog.wait_for_log("a place", |line| {
        line["message"].as_str().is_some_and(|text| text.trim_start().starts_with("at "))
            && line["execution_id"] == "e-1"
    });
    for code in ["throw null", "throw undefined", "throw {}"] {
        assert!(!failure(&watchdog, code).is_empty(), "{code}");
    }
    assert_eq!(output(&watchdog, "e-2", "return process.pid"), first, "an error is none of the worker's business");
}

#[test]
fn a_result_that_is_not_json_is_an_error() {
    let Some(handlers) = Handlers::node("handler.mjs", EVAL) else { return };
    let watchdog = handlers.start(&[]);
    let first = output(&watchdog, "e-0", "return process.pid");
    for (code, word) in [
        ("return { found: NaN }", ""),
        ("return [1, { deep: 10n }]", "deep"),
        ("return Infinity", ""),
        ("const a = {}; a.self = a; return a", ""),
        ("return () => 1", ""),
        ("return { toJSON() { throw new Error('no') } }", ""),
    ] {
        let message = failure(&watchdog, code);
        assert!(message.contains(word) && !message.is_empty(), "{code}: {message}");
    }
    assert_eq!(output(&watchdog, "e-2", "return process.pid"), first);
}

#[test]
fn a_result_that_looks_like_an_error_stays_a_result() {
    let Some(handlers) = Handlers::node("handler.mjs", EVAL) else { return };
    let watchdog = handlers.start(&[]);
    assert_eq!(output(&watchdog, "e-1", "return { error: 'none at all' }"), json!({ "error": "none at all" }));
    let envelope = "return { __nanofaas_envelope__: true, output: [1], statusCode: 201 }";
    let answer = watchdog.invoke("e-2", &json!(envelope));
    assert_eq!((answer.status, answer.json()), (201, json!([1])));
}

#[test]
fn what_it_prints_is_logged_at_once_with_its_call() {
    let Some(handlers) = Handlers::node("handler.mjs", EVAL) else { return };
    let watchdog = handlers.start(&[]);
    for id in ["e-1", "e-2"] {
        let gate = Gate::new();
        let code = format!(
            "const fs = await import('node:fs'); console.log('größe of {id}'); console.error('no ink for {id}');\n\
             while (!fs.existsSync('{}')) await new Promise((next) => setTimeout(next, 5));",
            gate.path()
        );
        let mut caller = watchdog.connect();
        caller.begin(&[("X-Execution-Id", id)], &json!({ "input": format!("{code} return 1") }).to_string());
        for (text, stream) in [(format!("größe of {id}"), "stdout"), (format!("no ink for {id}"), "stderr")] {
            let line = watchdog.wait_for_log(&text, |line| line["message"] == text);
            assert_eq!((&line["stream"], &line["execution_id"]), (&json!(stream), &json!(id)));
        }
        gate.open("");
        assert_eq!(caller.answer().expect("an answer").status, 200);
    }
    let flood = "for (let n = 0; n < 20000; n++) console.log('{\"forged\": true}', n); return 'right'";
    assert_eq!(output(&watchdog, "e-3", flood), "right");
}

#[test]
fn the_ids_are_there_during_the_call_alone() {
    let source = "const atImport = [process.env.EXECUTION_ID ?? null, process.env.TRACE_ID ?? null]\n\
        export const handle = () => [atImport, process.env.EXECUTION_ID ?? null, process.env.TRACE_ID ?? null]\n";
    let Some(handlers) = Handlers::node("handler.mjs", source) else { return };
    let watchdog = handlers.start(&[]);
    let answer = watchdog.post(&[("X-Execution-Id", "e-1"), ("X-Trace-Id", "t-1")], "{}");
    assert_eq!(answer.json(), json!([[null, null], "e-1", "t-1"]));
    assert_eq!(watchdog.post(&[("X-Execution-Id", "e-2")], "{}").json(), json!([[null, null], "e-2", null]));
}

#[test]
fn there_is_nothing_on_stdin_and_no_answers_for_programs_that_it_starts() {
    let Some(handlers) = Handlers::node("handler.mjs", EVAL) else { return };
    let watchdog = handlers.start(&[]);
    let read = "let seen = ''; for await (const part of process.stdin) seen += part; return seen";
    assert_eq!(output(&watchdog, "e-1", read), "");
    let list = "const { execFileSync } = await import('node:child_process');\n\
                return execFileSync('ls', ['/proc/self/fd'], { stdio: ['inherit', 'pipe', 'inherit'] }).toString().trim().split('\\n')";
    assert_eq!(output(&watchdog, "e-2", list), json!(["0", "1", "2", "3"]));
    let cat = "const { execFileSync } = await import('node:child_process');\n\
               return execFileSync('cat', [], { stdio: ['inherit', 'pipe', 'inherit'] }).toString()";
    assert_eq!(output(&watchdog, "e-3", cat), "");
    assert_eq!(output(&watchdog, "e-4", "return 'right'"), "right");
}

#[test]
fn process_exit_is_a_crash() {
    let Some(handlers) = Handlers::node("handler.mjs", EVAL) else { return };
    let watchdog = handlers.start(&[]);
    let first = output(&watchdog, "e-0", "return process.pid");
    let message = failure(&watchdog, "process.exit(5)");
    assert!(message.contains("the child exited with status 5 during the call"), "{message}");
    watchdog.wait_for_status("/ready", 200);
    assert_ne!(output(&watchdog, "e-2", "return process.pid"), first);
}
