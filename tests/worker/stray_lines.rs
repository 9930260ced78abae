//! Answers that nobody asked for, that come too late, twice, or by halves: never another call's.

use harness::{Answer, Gate, Process, Watchdog, child, eventually, sh};
use serde_json::{Value, json};

/// The next call's answer, once somebody takes calls again.
fn next(watchdog: &Watchdog, input: &Value) -> Answer {
    eventually("a worker", || Some(watchdog.invoke("next", input)).filter(|it| it.status != 503))
}

/// Calls go on with their own answers, from other workers than this.
fn goes_on_without(watchdog: &Watchdog, former: Process) {
    for number in 0..3 {
        let own = json!({ "n": number });
        let answer = next(watchdog, &own);
        assert_eq!((answer.status, answer.json()), (200, json!({ "echo": own })));
    }
    assert_ne!(watchdog.child("last"), former);
    former.wait_until_gone();
}

/// A script's words that write these bytes where answers are expected.
fn stray(text: &str) -> String {
    format!("printf '{text}' >&3")
}

#[test]
fn bytes_behind_an_answer_end_that_worker_before_its_next_call() {
    for text in ["\"stray\"\\n", "\"par", "\\n", "{\"echo\":{\"n\":0}}\\n", "\\000", " ", "\"a\"\\n\"b\"\\n"] {
        let watchdog = Watchdog::with_child("WORKER", &[]);
        let (first, gate) = (watchdog.child("e-0"), Gate::new());
        let after = json!({ "sh": stray(text), "gate": gate.path() });
        let answer = watchdog.invoke("e-1", &json!({ "print": "[1]", "after": after }));
        assert_eq!((answer.status, answer.json()), (200, json!([1])), "{text}");
        // The bytes are on their way before the next call is.
        assert_eq!(Process(gate.entered_by()), first, "{text}");
        goes_on_without(&watchdog, first);
    }
}

#[test]
fn of_two_answers_at_once_the_second_is_nobodys() {
    for print in ["\"first\"\n\"second\"", "\"first\"\n\"sec", "\"first\"\n", "\"first\"\n\n\n"] {
        let watchdog = Watchdog::with_child("WORKER", &[]);
        let first = watchdog.child("e-0");
        let answer = watchdog.invoke("e-1", &json!({ "print": print }));
        assert_eq!((answer.status, answer.json()), (200, json!("first")), "{print:?}");
        goes_on_without(&watchdog, first);
    }
}

#[test]
fn a_line_before_the_first_call_is_no_answer() {
    let told = Gate::new();
    let path = told.path();
    let script = format!(
        "if mkdir {path}.once; then echo '\"stray\"' >&3; echo $$ > {path}.draft; mv {path}.draft {path}; fi; exec {}",
        child("worker")
    );
    let mut watchdog = Watchdog::spawn("WORKER", &sh(&script), &[]);
    let first = eventually("a stray line", || std::fs::read_to_string(&path).ok()?.trim().parse().ok().map(Process));
    watchdog.wait_until_ready();
    goes_on_without(&watchdog, first);
}

#[test]
fn an_answer_after_the_time_out_is_nobodys() {
    let gate = Gate::new();
    // It does not end by its signal, so that its answer does come.
    let script = format!("trap '' TERM; exec {}", child("worker"));
    let extra = [("TIMEOUT_MS", "1000"), ("WATCHDOG_KILL_GRACE_MS", "500")];
    let watchdog = Watchdog::start("WORKER", &sh(&script), &extra);
    let late = watchdog.invoke("e-1", &json!({ "gate": gate.path(), "print": "\"late\"" }));
    assert_eq!(late.failure(), (504, "TIMEOUT".to_owned()));
    let first = Process(gate.entered_by());
    gate.open("");
    goes_on_without(&watchdog, first);
}

#[test]
fn an_answer_to_a_client_that_went_is_nobodys() {
    let watchdog = Watchdog::with_child("WORKER", &[("TIMEOUT_MS", "600000"), ("WATCHDOG_KILL_GRACE_MS", "300")]);
    for round in 0..3 {
        let gate = Gate::new();
        drop(watchdog.hold(&format!("e-{round}"), &gate));
        gate.open("");
        for number in 0..3 {
            let own = json!({ "round": round, "n": number });
            let answer = next(&watchdog, &own);
            assert_eq!((answer.status, answer.json()), (200, json!({ "echo": own })));
        }
    }
}

#[test]
fn a_worker_that_answers_every_line_twice_serves_everybody_right() {
    let script = "while read -r line; do printf '%s\\n%s\\n' \"$line\" '\"again\"' >&3; done";
    let watchdog = Watchdog::start("WORKER", &sh(script), &[("WATCHDOG_CRASH_LIMIT", "0")]);
    for number in 0..4 {
        let own = json!({ "n": number });
        let answer = next(&watchdog, &own);
        assert_eq!((answer.status, &answer.json()["value"]["input"]), (200, &own), "{}", answer.text());
    }
}

#[test]
fn a_line_that_ends_with_the_worker_is_an_answer_and_half_of_one_is_none() {
    let watchdog = Watchdog::with_child("WORKER", &[("WATCHDOG_CRASH_LIMIT", "0")]);
    let whole = watchdog.invoke("e-1", &json!({ "print": "[1]", "after": { "exit": 0 } }));
    assert_eq!((whole.status, whole.json()), (200, json!([1])));
    for print in ["{\"a\":", "\"half", ""] {
        let input = json!({ "print": print, "unended": true, "after": { "exit": 43 } });
        let half = next(&watchdog, &input);
        assert_eq!(half.failure(), (500, "FUNCTION_ERROR".to_owned()), "{print:?}");
        assert!(half.text().contains("43"), "{print:?} {}", half.text());
    }
    // Whether a value without the end of its line counts is left open; what comes next is not.
    let input = json!({ "print": "[2]", "unended": true, "after": { "exit": 43 } });
    let open = next(&watchdog, &input);
    assert!(open.status == 500 || open.json() == json!([2]), "{}", open.text());
    let answer = next(&watchdog, &json!(7));
    assert_eq!((answer.status, answer.json()), (200, json!({ "echo": 7 })));
}

#[test]
fn an_answer_in_pieces_is_one() {
    let gate = Gate::new();
    let (path, first) = (gate.path(), stray("{\"a\":\"half "));
    let script = format!("{first}; while [ ! -e {path} ]; do sleep 0.01; done; {}", stray("and half\"}\\n"));
    let watchdog = Watchdog::with_child("WORKER", &[]);
    let mut caller = watchdog.connect();
    let input = json!({ "sh": script, "silent": true });
    caller.begin(&[("X-Execution-Id", "e-1")], &json!({ "input": input }).to_string());
    watchdog.wait_for_metric("active_handlers", &[], 1);
    gate.open("");
    let answer = caller.answer().expect("an answer");
    assert_eq!((answer.status, answer.json()), (200, json!({ "a": "half and half" })));
    assert_eq!(watchdog.invoke("e-2", &json!(1)).json(), json!({ "echo": 1 }));
}

#[test]
fn many_callers_of_a_worker_that_strays_now_and_then_get_their_own_answers() {
    let extra = [("NANOFAAS_MAX_CONCURRENT_HANDLERS", "2"), ("WATCHDOG_QUEUE", "100"), ("WATCHDOG_CRASH_LIMIT", "0")];
    let watchdog = Watchdog::with_child("WORKER", &extra);
    std::thread::scope(|scope| {
        for caller in 0..5 {
            let watchdog = &watchdog;
            scope.spawn(move || {
                for call in 0..10 {
                    let own = format!("\"{caller} {call}\"");
                    let strays = if call % 5 == 4 { "\n\"stray\"" } else { "" };
                    let input = json!({ "print": format!("{own}{strays}") });
                    let answer = next_of(watchdog, &format!("e-{caller}-{call}"), &input);
                    assert_eq!((answer.status, answer.text()), (200, own));
                }
            });
        }
    });
    assert!(watchdog.process().is_alive());
}

fn next_of(watchdog: &Watchdog, id: &str, input: &Value) -> Answer {
    eventually("a worker", || Some(watchdog.invoke(id, input)).filter(|it| it.status != 503))
}
