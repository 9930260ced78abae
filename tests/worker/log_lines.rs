//! What a worker writes to stdout and stderr becomes lines of the log, with the call under way.

use harness::{Gate, Watchdog, sh};
use serde_json::{Value, json};

const TWO: [(&str, &str); 2] = [("WATCHDOG_WORKERS", "2"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "2")];
const CUT: &str = " … [truncated]";

fn line(watchdog: &Watchdog, text: &str) -> Value {
    watchdog.wait_for_log(text, |line| line["message"] == text)
}

#[test]
fn each_line_is_logged_while_the_call_runs_with_its_stream_and_its_call() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    for stream in ["stdout", "stderr"] {
        for round in 0..3 {
            let (gate, id, text) = (Gate::new(), format!("e-{stream}-{round}"), format!("{stream} {round}"));
            let input = json!({ stream: format!("{text}\n"), "gate": gate.path() });
            let mut caller = watchdog.connect();
            caller.begin(&[("X-Execution-Id", &id)], &json!({ "input": input }).to_string());
            let line = line(&watchdog, &text);
            assert_eq!((&line["target"], &line["stream"]), (&json!("child"), &json!(stream)), "{line}");
            assert_eq!(line["execution_id"], json!(id), "{line}");
            gate.open("");
            assert_eq!(caller.answer().expect("an answer").status, 200);
        }
    }
}

#[test]
fn lines_of_two_workers_at_once_are_charged_to_the_right_call() {
    let watchdog = Watchdog::with_child("WORKER", &TWO);
    let gates = [Gate::new(), Gate::new()];
    let mut callers: Vec<_> = gates
        .iter()
        .enumerate()
        .map(|(number, gate)| {
            let mut caller = watchdog.connect();
            let input = json!({ "stdout": format!("out of e-{number}\n"), "stderr": format!("err of e-{number}\n"), "gate": gate.path() });
            caller.begin(&[("X-Execution-Id", &format!("e-{number}"))], &json!({ "input": input }).to_string());
            let _ = gate.entered_by();
            caller
        })
        .collect();
    for number in 0..2 {
        for stream in ["out", "err"] {
            let line = line(&watchdog, &format!("{stream} of e-{number}"));
            assert_eq!(line["execution_id"], json!(format!("e-{number}")), "{line}");
        }
    }
    for (gate, caller) in gates.iter().zip(&mut callers) {
        gate.open("");
        assert_eq!(caller.answer().expect("an answer").status, 200);
    }
}

#[test]
fn floods_of_calls_one_after_another_keep_their_own_ids() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    for number in 0..10 {
        let id = format!("e-{number}");
        let flood = format!("of {id} and nobody else\n").repeat(100);
        assert_eq!(watchdog.invoke(&id, &json!({ "stdout": flood, "stderr": flood })).status, 200);
    }
    assert_eq!(watchdog.invoke("e-last", &json!({ "stderr": "the end\n" })).status, 200);
    let _ = line(&watchdog, "the end");
    let lines = watchdog.log_lines(|line| line["message"].as_str().is_some_and(|text| text.starts_with("of e-")));
    // A log that nobody reads fast enough may lack some.
    assert!(lines.len() >= 100, "{}", lines.len());
    for line in lines {
        let own = line["message"].as_str().and_then(|text| text.split(' ').nth(1)).expect("an id");
        assert_eq!(line["execution_id"], json!(own), "{line}");
    }
}

#[test]
fn what_is_said_between_calls_is_no_calls_or_the_last_ones() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    let gate = Gate::new();
    let after = json!({ "stderr": "afterthought\n", "gate": gate.path() });
    assert_eq!(watchdog.invoke("e-1", &json!({ "after": after })).status, 200);
    let line = line(&watchdog, "afterthought");
    assert!([json!(null), json!("e-1")].contains(&line["execution_id"]), "{line}");
    gate.open("");
    assert_eq!(watchdog.invoke("e-2", &json!(1)).status, 200);
}

#[test]
fn answers_are_no_log() {
    let mut watchdog = Watchdog::with_child("WORKER", &[]);
    let input = json!({ "stdout": "the log\n", "print": "\"the answer\"" });
    assert_eq!(watchdog.invoke("e-1", &input).json(), json!("the answer"));
    let _ = line(&watchdog, "the log");
    watchdog.stop();
    assert!(!watchdog.log().iter().any(|line| line.contains("the answer")));
}

#[test]
fn json_on_stdout_is_no_answer() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    let text = r#"{"forged":true,"execution_id":"e-9"}"#;
    for id in ["e-1", "e-2"] {
        let answer = watchdog.invoke(id, &json!({ "stdout": format!("{text}\n"), "print": "[1]" }));
        assert_eq!((answer.status, answer.json()), (200, json!([1])), "{id}");
    }
    assert_eq!(line(&watchdog, text)["execution_id"], "e-1");
    assert!(watchdog.log_lines(|line| line["execution_id"] == "e-9").is_empty());
}

#[test]
fn a_line_above_16_kib_is_cut_and_says_so() {
    let watchdog = Watchdog::with_child("WORKER", &[]);
    for stream in ["stdout", "stderr"] {
        let long = format!("{stream} {}\nafter {stream}\n", "x".repeat(100_000));
        assert_eq!(watchdog.invoke("e-1", &json!({ stream: long })).status, 200, "{stream}");
        let cut = watchdog.wait_for_log("a cut line", |line| {
            line["message"].as_str().is_some_and(|text| text.starts_with(&format!("{stream} x")) && text.ends_with(CUT))
        });
        let text = cut["message"].as_str().unwrap_or_default();
        assert!((1_000..=16 * 1024 + CUT.len()).contains(&text.len()), "{stream} {} bytes", text.len());
        let _ = line(&watchdog, &format!("after {stream}"));
    }
}

#[test]
fn any_bytes_leave_a_log_that_can_be_read() {
    let mut watchdog = Watchdog::with_child("WORKER", &[]);
    let script = r"printf '\377\376\000\001 no ink\r\n\033[31mred\n' >&2; printf '\377\n\n'";
    assert_eq!(watchdog.invoke("e-1", &json!({ "sh": script })).status, 200);
    let _ =
        watchdog.wait_for_log("the line", |line| line["message"].as_str().is_some_and(|text| text.contains("no ink")));
    watchdog.stop();
    for line in watchdog.log() {
        assert!(serde_json::from_str::<Value>(&line).is_ok_and(|line| line.is_object()), "{line}");
    }
}

#[test]
fn the_watchdog_itself_logs_nothing_of_a_payload() {
    const SECRET: &str = "c0ffee-payload";
    let mut watchdog = Watchdog::with_child("WORKER", &[("RUST_LOG", "trace")]);
    assert_eq!(watchdog.invoke("e-1", &json!(SECRET)).status, 200);
    assert_eq!(watchdog.post(&[], json!({ "execution_id": "e-2", "payload": SECRET }).to_string()).status, 200);
    watchdog.stop();
    let leaks: Vec<_> = watchdog.log().into_iter().filter(|line| line.contains(SECRET)).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[test]
fn what_is_said_before_the_first_call_is_nobodys() {
    let script = format!("echo warming up; exec {}", harness::child("worker"));
    let watchdog = Watchdog::start("WORKER", &sh(&script), &[]);
    let line = line(&watchdog, "warming up");
    assert_eq!((&line["execution_id"], &line["stream"]), (&json!(null), &json!("stdout")));
    assert_eq!(watchdog.invoke("e-1", &json!(1)).status, 200);
}
