//! What children write becomes lines of the watchdog's log.

use harness::{ControlPlane, Gate, Watchdog, child, sh};
use serde_json::{Value, json};

const CUT: &str = " … [truncated]";

fn line(watchdog: &Watchdog, text: &str) -> Value {
    watchdog.wait_for_log(text, |line| line["message"] == text)
}

#[test]
fn each_line_is_logged_while_the_call_runs_with_its_stream_and_its_call() {
    for (mode, streams) in
        [("STDIO", &["stderr"][..]), ("FILE", &["stderr", "stdout"]), ("HTTP", &["stderr", "stdout"])]
    {
        let watchdog = Watchdog::with_child(mode, &[]);
        for stream in streams {
            let (gate, id) = (Gate::new(), format!("e-{stream}"));
            let input = json!({ *stream: "no ink left\n  second line\n", "gate": gate.path() });
            let mut caller = watchdog.connect();
            caller.begin(&[("X-Execution-Id", &id)], &json!({ "input": input }).to_string());
            for text in ["no ink left", "  second line"] {
                let line = watchdog.wait_for_log(text, |line| line["message"] == text && line["stream"] == *stream);
                assert_eq!((&line["target"], &line["execution_id"]), (&json!("child"), &json!(id)), "{mode} {line}");
            }
            gate.open("");
            assert_eq!(caller.answer().expect("an answer").status, 200, "{mode}");
        }
    }
}

#[test]
fn lines_of_several_calls_at_once_are_charged_to_the_right_one_or_to_none() {
    for mode in ["STDIO", "HTTP"] {
        let watchdog = Watchdog::with_child(mode, &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "2")]);
        let (first, second) = (Gate::new(), Gate::new());
        let mut callers = [watchdog.hold("e-1", &first), watchdog.connect()];
        let input = json!({ "stderr": "of e-2\n", "gate": second.path() });
        callers[1].begin(&[("X-Execution-Id", "e-2")], &json!({ "input": input }).to_string());
        let _ = second.entered_by();
        let line = line(&watchdog, "of e-2");
        let expected = if mode == "STDIO" { json!("e-2") } else { json!(null) };
        assert_eq!(line["execution_id"], expected, "{mode} {line}");
        first.open("");
        second.open("");
        for caller in &mut callers {
            assert_eq!(caller.answer().expect("an answer").status, 200, "{mode}");
        }
    }
}

#[test]
fn a_last_line_without_its_end_counts() {
    for mode in ["STDIO", "FILE"] {
        let watchdog = Watchdog::with_child(mode, &[]);
        assert_eq!(watchdog.invoke("e-1", &json!({ "stderr": "first\nlast words" })).status, 200, "{mode}");
        let _ = line(&watchdog, "last words");
    }
}

#[test]
fn a_line_that_is_json_stays_a_text() {
    let watchdog = Watchdog::with_child("STDIO", &[]);
    let text = r#"{"level":"ERROR","message":"forged","execution_id":"e-9"}"#;
    assert_eq!(watchdog.invoke("e-1", &json!({ "stderr": format!("{text}\n") })).status, 200);
    assert_eq!(line(&watchdog, text)["execution_id"], "e-1");
    assert!(watchdog.log_lines(|line| line["execution_id"] == "e-9").is_empty());
}

#[test]
fn a_line_above_16_kib_is_cut_and_says_so() {
    for mode in ["STDIO", "FILE", "HTTP"] {
        let watchdog = Watchdog::with_child(mode, &[]);
        let long = format!("{}\nafter it\n", "x".repeat(100_000));
        assert_eq!(watchdog.invoke("e-1", &json!({ "stderr": long })).status, 200, "{mode}");
        let cut = watchdog
            .wait_for_log("a cut line", |line| line["message"].as_str().is_some_and(|text| text.ends_with(CUT)));
        let text = cut["message"].as_str().unwrap_or_default();
        assert!((1_000..=16 * 1024 + CUT.len()).contains(&text.len()), "{mode} {} bytes", text.len());
        assert!(text.starts_with("xxx"), "{mode}");
        let _ = line(&watchdog, "after it");
        let xs = watchdog.log_lines(|line| line["message"].as_str().is_some_and(|text| text.starts_with("xxx")));
        assert_eq!(xs.len(), 1, "{mode}: the rest of the line is dropped");
    }
}

#[test]
fn a_line_of_16_kib_is_whole() {
    let watchdog = Watchdog::with_child("STDIO", &[]);
    let text = "x".repeat(16 * 1024);
    assert_eq!(watchdog.invoke("e-1", &json!({ "stderr": format!("{text}\n") })).status, 200);
    let _ = line(&watchdog, &text);
}

#[test]
fn a_line_is_not_cut_within_a_letter() {
    let watchdog = Watchdog::with_child("STDIO", &[]);
    for before in ["", "x", "xx"] {
        let text = format!("{before}{}\n", "€".repeat(20_000));
        assert_eq!(watchdog.invoke("e-1", &json!({ "stderr": text })).status, 200);
    }
    let _ =
        watchdog.wait_for_log("the last", |line| line["message"].as_str().is_some_and(|text| text.starts_with("xx€")));
    for line in watchdog.log_lines(|line| line["message"].as_str().is_some_and(|text| text.ends_with(CUT))) {
        assert!(!line["message"].as_str().unwrap_or_default().contains('\u{fffd}'), "half a letter");
    }
}

#[test]
fn a_line_that_never_ends_does_not_block_the_child() {
    // The child writes on only where somebody reads on: it would not get to its answer else.
    for mode in ["STDIO", "FILE", "HTTP"] {
        let command = child(&format!("{} --stderr 8388608", mode.to_lowercase()));
        let watchdog = Watchdog::start(mode, &command, &[]);
        assert_eq!(watchdog.invoke("e-1", &json!(1)).status, 200, "{mode}");
        let _ = watchdog.wait_for_log("a cut line", |line| {
            line["message"].as_str().is_some_and(|text| text.starts_with("xxx") && text.ends_with(CUT))
        });
    }
}

#[test]
fn stdout_of_a_process_that_is_its_answer_is_no_log() {
    let watchdog = Watchdog::start("STDIO", &sh("echo '\"the answer\"'; echo the log >&2"), &[]);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).json(), json!("the answer"));
    let _ = line(&watchdog, "the log");
    assert!(!watchdog.log().iter().any(|line| line.contains("the answer")));
}

#[test]
fn the_watchdog_itself_logs_nothing_of_a_payload() {
    const SECRET: &str = "c0ffee-payload";
    for mode in ["HTTP", "STDIO", "FILE"] {
        let plane = ControlPlane::start();
        let mut watchdog =
            Watchdog::with_child(mode, &[("RUST_LOG", "trace"), ("CALLBACK_URL", &plane.callback_url())]);
        assert_eq!(watchdog.invoke("e-1", &json!(SECRET)).status, 200, "{mode}");
        assert_eq!(watchdog.post(&[], json!({ "execution_id": "e-2", "payload": SECRET }).to_string()).status, 200);
        assert!(plane.accepted("e-1").success() && plane.accepted("e-2").success());
        watchdog.stop();
        let leaks: Vec<_> = watchdog.log().into_iter().filter(|line| line.contains(SECRET)).collect();
        assert!(leaks.is_empty(), "{mode} {leaks:#?}");
    }
}
