//! Children that wait for their call: each serves one, and another takes its place.

use std::collections::HashSet;

use harness::{Gate, Process, Watchdog, child, eventually};
use serde_json::{Value, json};

/// A warm watchdog of `child`, with this many children that wait.
pub(crate) fn waiting(count: &str, extra: &[(&str, &str)]) -> Watchdog {
    commanded(&child("stdio"), count, extra)
}

/// The same with another command.
pub(crate) fn commanded(command: &str, count: &str, extra: &[(&str, &str)]) -> Watchdog {
    let own = [("WATCHDOG_PRESPAWN", count), ("WATCHDOG_PRESPAWN_ENV", "none")];
    Watchdog::start("STDIO", command, &[&own, extra].concat())
}

/// Waits until exactly so many processes are there.
pub(crate) fn family_of(watchdog: &Watchdog, count: usize) -> Vec<Process> {
    eventually(&format!("{count} children"), || Some(watchdog.family()).filter(|family| family.len() == count))
}

/// Waits until the only process there is another one than this.
pub(crate) fn replaced(watchdog: &Watchdog, former: Process) -> Process {
    eventually("another child", || match watchdog.family()[..] {
        [only] if only != former => Some(only),
        _ => None,
    })
}

#[test]
fn so_many_children_wait_before_anybody_calls() {
    for count in [1, 3] {
        let watchdog = waiting(&count.to_string(), &[]);
        for process in family_of(&watchdog, count) {
            assert_eq!(process.group(), Some(process.0), "each leads a group of its own");
        }
    }
}

#[test]
fn without_the_variable_none_waits() {
    for extra in [&[][..], &[("WATCHDOG_PRESPAWN", "0")], &[("WATCHDOG_PRESPAWN_ENV", "none")]] {
        let watchdog = Watchdog::with_child("STDIO", extra);
        assert_eq!(watchdog.report("e-1")["environment"]["NANOFAAS_PRESPAWNED"], json!(null), "{extra:?}");
        watchdog.wait_until_alone();
    }
}

#[test]
fn a_call_is_served_by_the_one_that_waited_and_then_that_one_is_gone() {
    let watchdog = waiting("1", &[]);
    let mut current = family_of(&watchdog, 1)[0];
    for number in 0..5 {
        assert_eq!(watchdog.child(&format!("e-{number}")), current);
        let next = replaced(&watchdog, current);
        assert!(!current.is_alive());
        current = next;
    }
}

#[test]
fn another_one_is_started_while_the_call_still_runs() {
    let watchdog = waiting("1", &[]);
    let (gate, first) = (Gate::new(), family_of(&watchdog, 1)[0]);
    let mut caller = watchdog.hold("e-1", &gate);
    assert_eq!(Process(gate.entered_by()), first);
    assert!(family_of(&watchdog, 2).contains(&first));
    gate.open("");
    assert_eq!(caller.answer().expect("an answer").status, 200);
    let _ = replaced(&watchdog, first);
}

#[test]
fn no_process_serves_two_calls() {
    let watchdog = waiting("2", &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "4"), ("WATCHDOG_QUEUE", "100")]);
    let served: Vec<Process> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..6)
            .map(|caller| {
                let watchdog = &watchdog;
                scope.spawn(move || -> Vec<_> {
                    (0..5).map(|call| watchdog.child(&format!("e-{caller}-{call}"))).collect()
                })
            })
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().expect("no panic")).collect()
    });
    let different: HashSet<u32> = served.iter().map(|process| process.0).collect();
    assert_eq!((served.len(), different.len()), (30, 30));
}

#[test]
fn concurrent_callers_get_their_own_answers() {
    let watchdog = waiting("3", &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "8"), ("WATCHDOG_QUEUE", "100")]);
    std::thread::scope(|scope| {
        for caller in 0..12 {
            let watchdog = &watchdog;
            scope.spawn(move || {
                for call in 0..5 {
                    let own = json!({ "caller": caller, "call": call, "text": "x".repeat(caller * 100) });
                    let answer = watchdog.invoke(&format!("e-{caller}-{call}"), &own);
                    assert_eq!((answer.status, answer.json()), (200, json!({ "echo": own })), "{caller} {call}");
                }
            });
        }
    });
}

#[test]
fn no_more_wait_than_were_asked_for() {
    let watchdog = waiting("2", &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "6")]);
    let gates: Vec<Gate> = (0..6).map(|_| Gate::new()).collect();
    let mut callers: Vec<_> =
        gates.iter().enumerate().map(|(number, gate)| watchdog.hold(&format!("e-{number}"), gate)).collect();
    // Each one that waits costs the memory of a process: those that serve are not counted among them.
    let _ = family_of(&watchdog, 6 + 2);
    for gate in &gates {
        gate.open("");
    }
    for caller in &mut callers {
        assert_eq!(caller.answer().expect("an answer").status, 200);
    }
    let left = family_of(&watchdog, 2);
    for _ in 0..20 {
        assert_eq!(watchdog.get("/ready").status, 200);
        assert_eq!(watchdog.family(), left);
    }
}

#[test]
fn the_request_comes_on_stdin_as_ever() {
    let watchdog = waiting("1", &[]);
    let body = json!({ "input": { "report": true }, "metadata": { "größe": [1, null] } });
    for id in ["e-1", "e-2"] {
        let _ = family_of(&watchdog, 1);
        let answer = watchdog.post(&[("X-Execution-Id", id)], body.to_string());
        assert_eq!((answer.status, &answer.json()["payload"]), (200, &body));
    }
    let envelope = json!({ "execution_id": "e-3", "payload": { "print": "[7]" } });
    let answer = watchdog.post(&[], envelope.to_string());
    assert_eq!(answer.json(), json!({ "success": true, "output": [7], "error": Value::Null }));
}

/// The field `nice` of `proc_pid_stat(5)`.
fn niceness(process: Process) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.0)).expect("a process");
    let fields = stat.rsplit(") ").next().expect("what follows the name");
    fields.split(' ').nth(16).expect("its niceness").to_owned()
}

#[test]
fn one_that_answers_early_gives_way_to_its_answer_and_others_do_not() {
    let own = std::process::id();
    for (early, is_nicer) in [("true", true), ("false", false)] {
        let watchdog = waiting("1", &[("WATCHDOG_EARLY_REPLY", early)]);
        let waiting = family_of(&watchdog, 1)[0];
        if is_nicer {
            eventually("a niceness of 15", || (niceness(waiting) == "15").then_some(()));
        } else {
            assert_eq!(niceness(waiting), niceness(Process(own)));
        }
    }
}
