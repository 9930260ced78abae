//! Answers that come piece by piece while the code runs.

use harness::{Event, Gate, Kernel, flow, wait_at};
use serde_json::{Value, json};

const SSE: &str = "text/event-stream";
const LINES: &str = "application/x-ndjson";

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

/// Joins neighbours of one stream: a text may come in pieces.
fn joined(events: Vec<Event>) -> Vec<Event> {
    let mut all: Vec<Event> = Vec::new();
    for event in events {
        match all.last_mut() {
            Some(last) if event.data["type"] == "stream" && last.name == event.name => {
                let text = [&last.data, &event.data].map(|data| data["text"].as_str().expect("a text")).concat();
                last.data["text"] = json!(text);
            }
            _ => all.push(event),
        }
    }
    all
}

fn end(events: &[Event]) -> Value {
    let last = events.last().expect("an event");
    assert_eq!((last.name.as_str(), &last.data["type"]), ("end", &json!("end")), "{events:#?}");
    last.data.clone()
}

#[test]
fn each_output_is_an_event_and_the_end_is_one() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = "import sys\nprint('a')\nprint('b', file=sys.stderr)\ndisplay(3)\n'result'";
    for (accept, kind) in [(SSE, SSE), (LINES, LINES)] {
        let mut events = kernel.stream("/execute", accept, &json!({ "code": code }));
        assert_eq!(events.head.status, 200, "{accept}");
        assert!(events.head.header("content-type").is_some_and(|known| known.starts_with(kind)), "{:?}", events.head);
        let all = joined(events.rest());
        assert_eq!(names(&all), ["stdout", "stderr", "display", "result", "end"], "{accept} {all:#?}");
        assert_eq!(all[0].data, json!({ "type": "stream", "name": "stdout", "text": "a\n" }));
        assert_eq!(all[1].data, json!({ "type": "stream", "name": "stderr", "text": "b\n" }));
        assert_eq!(all[2].data, json!({ "type": "display", "data": { "text/plain": "3" } }));
        assert_eq!(all[3].data, json!({ "type": "result", "data": { "text/plain": "'result'" } }));
        assert_eq!(end(&all), json!({ "type": "end", "success": true }));
    }
}

#[test]
fn the_query_asks_for_server_sent_events() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let mut events = kernel.stream("/execute?stream=1", "*/*", &json!({ "code": "1" }));
    assert!(events.head.header("content-type").is_some_and(|kind| kind.starts_with(SSE)), "{:?}", events.head);
    assert_eq!(names(&events.rest()), ["result", "end"]);
}

#[test]
fn without_a_word_the_answer_is_whole() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for (path, accept) in [("/execute", "application/json"), ("/execute", "*/*"), ("/execute?stream=0", "*/*")] {
        let mut connection = kernel.connect();
        connection.begin_at(path, &[("content-type", "application/json"), ("accept", accept)], r#"{"code":"1"}"#);
        let answer = connection.answer().expect("an answer");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path} {accept}");
        assert!(answer.json()["outputs"].is_array(), "{path} {accept}");
    }
}

#[test]
fn output_is_there_while_the_code_still_runs() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for accept in [SSE, LINES] {
        let gate = Gate::new();
        let code = format!("print('before')\n{}\nprint('after')", wait_at(&gate));
        let mut events = kernel.stream("/execute", accept, &json!({ "code": code }));
        // The code goes on only where the test has seen this.
        events.wait_for_stdout("before");
        gate.open("");
        let rest = events.rest();
        let text: String = rest.iter().filter_map(|event| event.data["text"].as_str()).collect();
        assert_eq!(text.trim(), "after", "{accept} {rest:#?}");
        assert_eq!(end(&rest)["success"], true);
    }
}

#[test]
fn half_a_line_and_output_of_programs_are_there_too() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for before in [
        "print('before', end='', flush=True)",
        "import os; os.write(1, b'before')",
        "import subprocess; subprocess.run(['printf', 'before'])",
        "import sys; sys.stdout.write('before\\n')",
    ] {
        let gate = Gate::new();
        let code = format!("{before}\n{}", wait_at(&gate));
        let mut events = kernel.stream("/execute", SSE, &json!({ "code": code }));
        events.wait_for_stdout("before");
        gate.open("");
        assert_eq!(end(&events.rest())["success"], true, "{before}");
    }
}

#[test]
fn rich_output_is_there_while_the_code_still_runs() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let gate = Gate::new();
    let code = format!("display('shown')\n{}", wait_at(&gate));
    let mut events = kernel.stream("/execute", LINES, &json!({ "code": code }));
    assert_eq!(events.next().expect("an event").name, "display");
    gate.open("");
    assert_eq!(end(&events.rest())["success"], true);
}

#[test]
fn an_error_is_an_event_and_the_end_says_so() {
    let Some(kernel) = Kernel::executor(&[("EXECUTION_TIMEOUT", "2"), ("WATCHDOG_KILL_GRACE_MS", "300")]) else {
        return;
    };
    for accept in [SSE, LINES] {
        for (code, name) in [
            ("1 / 0", "ZeroDivisionError"),
            ("x ===", "SyntaxError"),
            ("while True: pass", "TimeoutError"),
            ("import os; os._exit(1)", "KernelError"),
        ] {
            let events = kernel.stream("/execute", accept, &json!({ "code": code })).rest();
            assert_eq!(names(&events), ["error", "end"], "{accept} {code} {events:#?}");
            assert_eq!(events[0].data["name"], name);
            assert_eq!(end(&events)["success"], false);
        }
    }
}

#[test]
fn a_request_that_is_refused_is_no_stream() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for accept in [SSE, LINES] {
        let mut connection = kernel.connect();
        connection.begin_at("/execute", &[("content-type", "application/json"), ("accept", accept)], "{}");
        let answer = connection.answer().expect("an answer");
        assert_eq!((answer.status, &answer.json()["detail"][0]["type"]), (422, &json!("missing")), "{accept}");
    }
}

#[test]
fn a_silent_execution_is_kept_alive() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for accept in [SSE, LINES] {
        let gate = Gate::new();
        let mut events = kernel.stream("/execute", accept, &json!({ "code": wait_at(&gate) }));
        events.wait_for_keep_alive();
        gate.open("");
        assert_eq!(end(&events.rest())["success"], true, "{accept}");
    }
}

#[test]
fn what_was_discarded_is_said_at_the_end() {
    let Some(kernel) = Kernel::executor(&[("KERNEL_OUTPUT_LIMIT_BYTES", "1000")]) else { return };
    let events = kernel.stream("/execute", SSE, &json!({ "code": "print('x' * 5000)" })).rest();
    assert_eq!(end(&events), json!({ "type": "end", "success": true, "stdout_truncated": true }));
}

#[test]
fn a_line_break_in_the_output_breaks_no_event() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for accept in [SSE, LINES] {
        let code = "print('a\\n\\ndata: x\\r\\revent: end\\u2028\\x85b')";
        let events = kernel.stream("/execute", accept, &json!({ "code": code })).rest();
        let text: String = events.iter().filter_map(|event| event.data["text"].as_str()).collect();
        assert_eq!(text, "a\n\ndata: x\r\revent: end\u{2028}\u{85}b\n", "{accept}");
    }
}

#[test]
fn a_session_streams_too() {
    let Some(kernel) = Kernel::executor(&[("KERNEL_SESSIONS", "2")]) else { return };
    let events = kernel.stream("/session/1/execute", LINES, &json!({ "code": "1" })).rest();
    assert_eq!(names(&events), ["result", "end"]);
}

#[test]
fn in_flowfiles_api_the_end_brings_the_whole_answer() {
    let Some(kernel) = Kernel::flowfile(&[]) else { return };
    let gate = Gate::new();
    let code = format!("print('before')\n{}\nimport flowfile\nflowfile.publish_artifact('m', 1)", wait_at(&gate));
    let mut events = kernel.stream("/execute", SSE, &flow(1, &code, &json!({})));
    events.wait_for_stdout("before");
    gate.open("");
    let end = end(&events.rest());
    assert_eq!(end["success"], true, "{end:#}");
    let answer = &end["answer"];
    assert_eq!((&answer["success"], &answer["stdout"]), (&json!(true), &json!("before\n")), "{end:#}");
    assert_eq!(answer["published_artifacts"], json!(["m"]), "{end:#}");
}

#[test]
fn a_client_that_leaves_a_stream_interrupts_it() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("x = 1");
    for accept in [SSE, LINES] {
        let never = Gate::new();
        let code = format!("print('begun')\n{}", wait_at(&never));
        let mut events = kernel.stream("/execute", accept, &json!({ "code": code }));
        events.wait_for_stdout("begun");
        drop(events);
        assert_eq!(kernel.value("x"), "1", "{accept}");
    }
}
