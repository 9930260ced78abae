//! What becomes of a child whose answer is already sent, and of one that never gets to an answer.

use harness::{ControlPlane, Gate, Process, Watchdog, child, eventually, sh};
use serde_json::json;

use crate::early_reply::{both, wait_at};

/// Far below what an unbounded child writes, far above what the watchdog needs. In KiB.
const BOUND: u64 = 64 * 1024;
const EARLY: (&str, &str) = ("WATCHDOG_EARLY_REPLY", "true");
const SHORT: (&str, &str) = ("WATCHDOG_KILL_GRACE_MS", "200");

#[test]
fn a_child_that_never_ends_is_terminated() {
    for before in ["", "trap '' TERM; "] {
        let never = Gate::new();
        let script = format!("{before}cat >/dev/null; echo 7; sleep 600 & {}", wait_at(&never));
        both(&script, &[SHORT], |watchdog| {
            never.close();
            assert_eq!(watchdog.invoke("e-1", &json!(1)).text(), "7", "{before}");
            let child = Process(never.entered_by());
            child.wait_until_gone();
            eventually("an end of its group", || {
                let left = watchdog.family().into_iter().filter(|it| it.group() == Some(child.0)).count();
                (left == 0).then_some(())
            });
            assert!(watchdog.process().is_alive());
        });
    }
}

#[test]
fn one_that_is_terminated_may_clean_up() {
    let gone = Gate::new();
    let script =
        format!("trap 'echo > {}; exit 0' TERM; cat >/dev/null; echo 7; while :; do sleep 0.01; done", gone.path());
    let watchdog = Watchdog::start("STDIO", &sh(&script), &[EARLY, SHORT]);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).text(), "7");
    eventually("the signal", || std::path::Path::new(&gone.path()).exists().then_some(()));
    watchdog.wait_until_alone();
}

#[test]
fn its_status_no_longer_matters_but_is_a_warning() {
    for (end, word) in [("exit 43", "43"), ("kill -ABRT $$", "SIGABRT")] {
        let gate = Gate::new();
        let script = format!("cat >/dev/null; echo 7; {}; echo no ink left >&2; {end}", wait_at(&gate));
        both(&script, &[("WATCHDOG_KILL_GRACE_MS", "600000")], |watchdog| {
            gate.close();
            let answer = watchdog.invoke("e-1", &json!(1));
            assert_eq!((answer.status, answer.text().as_str()), (200, "7"), "{end}");
            let _ = gate.entered_by();
            gate.open("");
            let told = |line: &serde_json::Value| line["level"] == "WARN" && line.to_string().contains(word);
            let _ = watchdog.wait_for_log("a warning", told);
            assert_eq!(watchdog.line("e-1")["code"], "OK", "{end}");
        });
    }
}

#[test]
fn a_good_end_is_no_warning() {
    let mut watchdog = Watchdog::start("STDIO", &child("stdio"), &[EARLY]);
    for id in ["e-1", "e-2"] {
        assert_eq!(watchdog.invoke(id, &json!(1)).status, 200);
    }
    watchdog.wait_until_alone();
    watchdog.stop();
    let warnings = watchdog.log_lines(|line| ["WARN", "ERROR"].contains(&line["level"].as_str().unwrap_or_default()));
    assert!(warnings.is_empty(), "{warnings:#?}");
}

#[test]
fn without_a_value_everything_is_told_as_ever() {
    let never = Gate::new();
    let hang = format!("cat >/dev/null; printf '{{\"a\":'; {}", wait_at(&never));
    for (script, status, code, word) in [
        ("cat >/dev/null", 500, "FUNCTION_ERROR", ""),
        ("cat >/dev/null; echo no JSON", 500, "FUNCTION_ERROR", "no JSON"),
        ("cat >/dev/null; printf '{\"a\":'", 500, "FUNCTION_ERROR", ""),
        ("cat >/dev/null; printf '\"\\377\"'", 500, "FUNCTION_ERROR", ""),
        ("cat >/dev/null; printf '\\000'", 500, "FUNCTION_ERROR", ""),
        ("cat >/dev/null; echo no ink left >&2; exit 43", 500, "FUNCTION_ERROR", "no ink left"),
        ("cat >/dev/null; printf 4; exit 43", 500, "FUNCTION_ERROR", "43"),
        (hang.as_str(), 504, "TIMEOUT", ""),
    ] {
        both(script, &[SHORT, ("TIMEOUT_MS", "1000")], |watchdog| {
            let answer = watchdog.invoke("e-1", &json!(1));
            assert_eq!(answer.failure(), (status, code.to_owned()), "{script} {}", answer.text());
            assert!(answer.text().contains(word), "{script} {}", answer.text());
        });
    }
}

#[test]
fn a_value_without_end_is_too_large() {
    for script in ["printf '\"'; exec yes x", "printf '['; exec yes 1,", "exec head -c 100000000 /dev/zero"] {
        both(script, &[SHORT], |watchdog| {
            let before = watchdog.process().memory_at_most();
            let answer = watchdog.invoke("e-1", &json!(1));
            assert_eq!(answer.status, 500, "{script}");
            if script.contains("yes") {
                assert_eq!(answer.failure().1, "RUNTIME_OUTPUT_TOO_LARGE", "{script}");
            }
            let after = watchdog.process().memory_at_most();
            assert!(after < before + BOUND, "{before} KiB, then {after} KiB");
        });
    }
}

#[test]
fn a_flood_behind_the_value_costs_no_memory() {
    both("cat >/dev/null; echo 7; exec yes", &[SHORT], |watchdog| {
        let before = watchdog.process().memory_at_most();
        for id in ["e-1", "e-2", "e-3"] {
            let answer = watchdog.invoke(id, &json!(1));
            assert_eq!((answer.status, answer.text().as_str()), (200, "7"));
        }
        eventually("an end of the floods", || {
            let floods = watchdog.family().into_iter().filter(|it| it.program().is_some_and(|it| it.ends_with("yes")));
            (floods.count() == 0).then_some(())
        });
        let after = watchdog.process().memory_at_most();
        assert!(after < before + BOUND, "{before} KiB, then {after} KiB");
    });
}

#[test]
fn what_a_child_says_behind_its_answer_is_logged_for_its_call() {
    let gate = Gate::new();
    let script = format!("cat >/dev/null; echo 7; {}; echo last words >&2", wait_at(&gate));
    let watchdog = Watchdog::start("STDIO", &sh(&script), &[EARLY, ("WATCHDOG_KILL_GRACE_MS", "600000")]);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).text(), "7");
    let _ = gate.entered_by();
    gate.open("");
    let line = watchdog.wait_for_log("its last words", |line| line["message"] == "last words");
    assert_eq!(line["execution_id"], "e-1");
}

#[test]
fn the_callback_is_the_early_answer() {
    let (plane, gate) = (ControlPlane::start(), Gate::new());
    let script = format!("cat >/dev/null; echo 7; {}; exit 43", wait_at(&gate));
    let extra = [EARLY, ("WATCHDOG_KILL_GRACE_MS", "600000"), ("CALLBACK_URL", &*plane.callback_url())];
    let mut watchdog = Watchdog::start("STDIO", &sh(&script), &extra);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).status, 200);
    let callback = plane.accepted("e-1");
    assert_eq!((callback.success(), callback.output()), (true, &json!(7)));
    gate.open("");
    watchdog.wait_until_alone();
    watchdog.stop();
    assert_eq!(plane.completions().len(), 1);
}

#[test]
fn a_stop_leaves_no_child_that_has_answered() {
    let never = Gate::new();
    let script = format!("trap '' TERM; cat >/dev/null; echo 7; {}", wait_at(&never));
    both(&script, &[("WATCHDOG_KILL_GRACE_MS", "1000")], |watchdog| {
        never.close();
        assert_eq!(watchdog.invoke("e-1", &json!(1)).text(), "7");
        let _ = never.entered_by();
        watchdog.signal("TERM");
        assert!(watchdog.wait().code().is_some(), "it ends by itself");
        assert_eq!(watchdog.family(), []);
    });
}

#[test]
fn a_single_run_answers_early_too() {
    let plane = ControlPlane::start();
    let ended = Watchdog::once("STDIO", &sh("cat; exec sleep 600"), &plane, r#"{"n":1}"#, &[EARLY, SHORT]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(plane.accepted("e-1").output(), &json!({ "n": 1 }));
}
