//! Children that end while they wait, or that waited for too long.

use harness::{Gate, Watchdog, child, eventually, sh};
use serde_json::{Value, json};

use crate::prespawn::{commanded, family_of, replaced, waiting};

const ENDED: &str = "a waiting child ended";

fn reports(watchdog: &Watchdog) -> Vec<Value> {
    watchdog.log_lines(|line| line["message"].as_str().is_some_and(|text| text.contains(ENDED)))
}

/// Waits until so many have failed in a row that the next one is a while away.
pub(crate) fn wait_for_a_pause(watchdog: &Watchdog) {
    eventually("failures in a row", || (reports(watchdog).len() >= 3).then_some(()));
}

#[test]
fn a_dead_one_is_never_handed_out() {
    for signal in ["KILL", "TERM"] {
        let watchdog = waiting("1", &[]);
        // Few enough for the pauses between the replacements, which grow.
        for number in 0..5 {
            let dead = eventually("a child", || watchdog.family().first().copied());
            assert!(dead.signal(signal));
            dead.wait_until_gone();
            // At once: nobody needs to have noticed yet.
            let answer = watchdog.invoke(&format!("e-{number}"), &json!({ "report": true }));
            assert_eq!(answer.status, 200, "{signal} {number} {}", answer.text());
            assert_ne!(answer.json()["pid"], json!(dead.0));
        }
        eventually("no zombie", || watchdog.process().zombies().is_empty().then_some(()));
    }
}

#[test]
fn several_dead_ones_are_not_handed_out_either() {
    let watchdog = waiting("4", &[]);
    let dead = family_of(&watchdog, 4);
    for process in &dead {
        assert!(process.signal("KILL"));
    }
    for process in dead {
        process.wait_until_gone();
    }
    for id in ["e-1", "e-2", "e-3", "e-4", "e-5"] {
        assert_eq!(watchdog.invoke(id, &json!(1)).status, 200, "{id}");
    }
    let _ = family_of(&watchdog, 4);
}

#[test]
fn one_that_is_killed_while_it_waits_is_reported_and_replaced() {
    let watchdog = waiting("1", &[]);
    let dead = family_of(&watchdog, 1)[0];
    assert!(dead.signal("KILL"));
    let report =
        watchdog.wait_for_log("a report", |line| line["message"].as_str().is_some_and(|it| it.contains(ENDED)));
    assert!(report.to_string().contains("SIGKILL"), "{report}");
    let next = replaced(&watchdog, dead);
    assert_eq!(watchdog.child("e-1"), next);
}

#[test]
fn one_that_fails_at_its_start_is_reported_with_its_last_lines_and_calls_still_work() {
    let script =
        format!("if [ \"$NANOFAAS_PRESPAWNED\" = 1 ]; then echo no ink left >&2; exit 43; fi; exec {}", child("stdio"));
    let mut watchdog = commanded(&sh(&script), "1", &[]);
    wait_for_a_pause(&watchdog);
    for report in reports(&watchdog) {
        let text = report.to_string();
        assert!(text.contains("43") && text.contains("no ink left"), "{text}");
        assert!(["WARN", "ERROR"].contains(&report["level"].as_str().unwrap_or_default()), "{text}");
    }
    let answer = watchdog.invoke("e-1", &json!(1));
    assert_eq!((answer.status, answer.json()), (200, json!({ "echo": 1 })));
    assert_eq!((watchdog.get("/health").status, watchdog.get("/ready").status), (200, 200));
    watchdog.stop();
}

#[test]
fn a_program_that_recovers_waits_again() {
    let broken = Gate::new();
    broken.open("");
    let script = format!("if [ -e {} ]; then exit 3; fi; exec {}", broken.path(), child("stdio"));
    let watchdog = commanded(&sh(&script), "2", &[]);
    wait_for_a_pause(&watchdog);
    broken.close();
    let both = family_of(&watchdog, 2);
    assert!(both.contains(&watchdog.child("e-1")));
}

#[test]
fn one_that_ends_in_peace_without_a_request_is_not_handed_out_and_no_error() {
    // It needs no request, so that it has answered nobody before its call came.
    let watchdog = commanded(&sh("echo 7"), "1", &[]);
    for number in 0..10 {
        let answer = watchdog.invoke(&format!("e-{number}"), &json!(1));
        assert_eq!((answer.status, answer.text().as_str()), (200, "7"), "{number}");
    }
    let errors = watchdog.log_lines(|line| line["level"] == "ERROR");
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn a_program_that_is_not_there_is_told_per_call() {
    let mut watchdog = commanded("/nowhere/to-be-found", "2", &[]);
    let answer = watchdog.invoke("e-1", &json!(1));
    assert_eq!(answer.refusal(), (500, "SPAWN_ERROR".to_owned()));
    assert!(answer.text().contains("/nowhere/to-be-found"), "{answer:?}");
    assert_eq!((watchdog.get("/health").status, watchdog.get("/ready").status), (200, 200));
    watchdog.stop();
}

#[test]
fn one_that_waited_for_too_long_is_replaced_and_no_error() {
    let ageing = waiting("1", &[("WATCHDOG_PRESPAWN_MAX_IDLE_MS", "300")]);
    let ageless = waiting("1", &[("WATCHDOG_PRESPAWN_MAX_IDLE_MS", "0")]);
    let (mut current, kept) = (family_of(&ageing, 1)[0], family_of(&ageless, 1)[0]);
    for _ in 0..3 {
        let next = replaced(&ageing, current);
        current.wait_until_gone();
        current = next;
    }
    assert_eq!(ageing.invoke("e-1", &json!(1)).status, 200);
    assert_eq!(ageless.child("e-1"), kept, "it stays as long as nobody calls");
    assert_eq!(reports(&ageing), [json!(null); 0]);
    assert!(ageing.process().zombies().is_empty());
}

#[test]
fn calls_at_the_end_of_a_childs_time_are_served_all_the_same() {
    let watchdog = waiting("2", &[("WATCHDOG_PRESPAWN_MAX_IDLE_MS", "20")]);
    for number in 0..60 {
        let answer = watchdog.invoke(&format!("e-{number}"), &json!(number));
        assert_eq!((answer.status, answer.json()), (200, json!({ "echo": number })), "{number}");
    }
}
