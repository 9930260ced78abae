//! With `WATCHDOG_EARLY_REPLY` the caller does not wait for the child's end, only for its value.

use harness::{Answer, Connection, Gate, Process, Watchdog, sh};
use serde_json::{Value, json};

const EARLY: (&str, &str) = ("WATCHDOG_EARLY_REPLY", "true");
/// No child is ended before the test has looked.
const PATIENT: (&str, &str) = ("WATCHDOG_KILL_GRACE_MS", "600000");

/// A watchdog of this script that answers early, without and with a child that waits.
pub(crate) fn both(script: &str, extra: &[(&str, &str)], test: impl Fn(&mut Watchdog)) {
    test(&mut Watchdog::start("STDIO", &sh(script), &[&[EARLY], extra].concat()));
    let waiting = [EARLY, ("WATCHDOG_PRESPAWN", "1"), ("WATCHDOG_PRESPAWN_ENV", "none")];
    test(&mut Watchdog::start("STDIO", &sh(script), &[&waiting[..], extra].concat()));
}

/// Words of a script that say at the gate who is there, and wait.
pub(crate) fn wait_at(gate: &Gate) -> String {
    let path = gate.path();
    format!("echo $$ > {path}.draft; mv {path}.draft {path}.entered; while [ ! -e {path} ]; do sleep 0.01; done")
}

pub(crate) fn begin(watchdog: &Watchdog, id: &str) -> Connection {
    let mut caller = watchdog.connect();
    caller.begin(&[("X-Execution-Id", id)], r#"{"input":1}"#);
    caller
}

fn invoke(watchdog: &Watchdog) -> Answer {
    watchdog.invoke("e-1", &json!(1))
}

/// Two pieces of output with a gate between them, and the answer once both are written.
fn split(first: &str, second: &str) -> Answer {
    let gate = Gate::new();
    let script = format!("cat >/dev/null; printf '{first}'; {}; printf '{second}'", wait_at(&gate));
    let watchdog = Watchdog::start("STDIO", &sh(&script), &[EARLY, PATIENT]);
    let mut caller = begin(&watchdog, "e-1");
    let _ = gate.entered_by();
    // Time to read the first piece is time for a request.
    watchdog.wait_for_metric("active_handlers", &[], 1);
    gate.open("");
    caller.answer().expect("an answer")
}

#[test]
fn the_answer_comes_before_the_child_ends() {
    let gate = Gate::new();
    let script = format!("cat >/dev/null; echo '{{\"a\":1}}'; {}", wait_at(&gate));
    both(&script, &[PATIENT], |watchdog| {
        gate.close();
        let answer = invoke(watchdog);
        assert_eq!((answer.status, answer.json()), (200, json!({ "a": 1 })));
        let child = Process(gate.entered_by());
        assert!(child.is_alive());
        gate.open("");
        child.wait_until_gone();
    });
}

#[test]
fn without_the_variable_the_answer_comes_with_the_end() {
    for extra in [&[][..], &[("WATCHDOG_EARLY_REPLY", "false")]] {
        let gate = Gate::new();
        let script = format!("cat >/dev/null; echo 7; {}; exit 43", wait_at(&gate));
        let watchdog = Watchdog::start("STDIO", &sh(&script), extra);
        let mut caller = begin(&watchdog, "e-1");
        let _ = gate.entered_by();
        gate.open("");
        let answer = caller.answer().expect("an answer");
        assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{extra:?} {}", answer.text());
    }
}

#[test]
fn each_value_that_shows_its_own_end_is_an_answer_at_once() {
    for value in [r"{}", r"[1,[2]]", r#""text""#, r#""a\\""#, r#""\"b""#, "true", "false", "null", r#"{"a":"}"}"#] {
        let never = Gate::new();
        let script = format!("cat >/dev/null; printf '%s' '{value}'; {}", wait_at(&never));
        let watchdog = Watchdog::start("STDIO", &sh(&script), &[EARLY, PATIENT]);
        let answer = invoke(&watchdog);
        let expected: Value = serde_json::from_str(value).expect("a value");
        assert_eq!((answer.status, answer.json()), (200, expected), "{value}");
        assert!(Process(never.entered_by()).is_alive(), "{value}");
    }
}

#[test]
fn a_number_with_white_space_behind_it_is_an_answer_at_once() {
    for (text, number) in [("42\\n", json!(42)), ("-1.5e3 ", json!(-1500.0)), ("0\\t", json!(0))] {
        let never = Gate::new();
        let script = format!("cat >/dev/null; printf '%b' '{text}'; {}", wait_at(&never));
        let watchdog = Watchdog::start("STDIO", &sh(&script), &[EARLY, PATIENT]);
        let answer = invoke(&watchdog);
        assert_eq!((answer.status, answer.json()), (200, number), "{text}");
        assert!(Process(never.entered_by()).is_alive(), "{text}");
    }
}

#[test]
fn a_number_without_anything_behind_it_may_go_on() {
    assert_eq!(split("42", "7").text(), "427");
    assert_eq!(split("4", ".5").text(), "4.5");
    assert_eq!(split("-", "1\\n").text(), "-1");
    assert_eq!(split("42", "").text(), "42", "the end is an end");
}

#[test]
fn a_value_in_pieces_is_one() {
    for (first, second, whole) in [
        ("{\"a\":", "1}", json!({ "a": 1 })),
        ("[1,2", ",3]\\n", json!([1, 2, 3])),
        ("\"half ", "and half\"", json!("half and half")),
        ("\"\\\\", "\\\\\"", json!("\\")),
        ("\"\\303", "\\251\"", json!("é")),
        ("\\357\\273", "\\277[7]", json!([7])),
        ("tr", "ue", json!(true)),
        (" \\r\\n", " {}", json!({})),
    ] {
        let answer = split(first, second);
        assert_eq!((answer.status, answer.json()), (200, whole), "{first:?} {second:?}");
    }
}

#[test]
fn what_comes_behind_the_value_does_not_matter() {
    for behind in ["garbage", "{\"b\":2}", "\\000", "\\377\\376"] {
        let gate = Gate::new();
        let script = format!("cat >/dev/null; echo '{{\"a\":1}}'; {}; printf '{behind}'", wait_at(&gate));
        both(&script, &[PATIENT], |watchdog| {
            gate.close();
            let answer = invoke(watchdog);
            assert_eq!((answer.status, answer.json()), (200, json!({ "a": 1 })), "{behind}");
            let child = Process(gate.entered_by());
            gate.open("");
            child.wait_until_gone();
        });
    }
}

#[test]
fn an_envelope_sets_status_and_headers() {
    let never = Gate::new();
    let envelope =
        json!({ "__nanofaas_envelope__": true, "output": [1], "statusCode": 404, "headers": { "etag": "\"1\"" } });
    let script = format!("cat >/dev/null; echo '{envelope}'; {}", wait_at(&never));
    both(&script, &[PATIENT], |watchdog| {
        let answer = invoke(watchdog);
        assert_eq!((answer.status, answer.json(), answer.header("etag")), (404, json!([1]), Some("\"1\"")));
    });
}

#[test]
fn callers_at_once_get_their_own_answers() {
    let extra =
        [("NANOFAAS_MAX_CONCURRENT_HANDLERS", "4"), ("WATCHDOG_QUEUE", "100"), ("WATCHDOG_KILL_GRACE_MS", "100")];
    both("cat; exec sleep 600", &extra, |watchdog| {
        std::thread::scope(|scope| {
            for caller in 0..8 {
                let watchdog = &*watchdog;
                scope.spawn(move || {
                    for call in 0..3 {
                        let own = json!({ "caller": caller, "call": call });
                        let answer = watchdog.invoke(&format!("e-{caller}-{call}"), &own);
                        assert_eq!((answer.status, &answer.json()["input"]), (200, &own));
                    }
                });
            }
        });
        harness::eventually("the end of those that answered", || {
            let waiting =
                watchdog.family().into_iter().filter(|it| it.program().is_some_and(|it| it.ends_with("sleep")));
            (waiting.count() == 0).then_some(())
        });
    });
}
