//! A child that waited was started before its call had any ids.

use std::path::PathBuf;

use harness::{Watchdog, child, sh};
use serde_json::{Value, json};

use crate::prespawn::{commanded, family_of, waiting};

const IDS: [&str; 4] = ["EXECUTION_ID", "TRACE_ID", "TRACEPARENT", "DISPATCH_ATTEMPT"];
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const HEADERS: [(&str, &str); 4] =
    [("X-Execution-Id", "e-1"), ("X-Trace-Id", "t-1"), ("X-Dispatch-Attempt", "2"), ("traceparent", TRACE)];

fn environment(watchdog: &Watchdog, headers: &[(&str, &str)]) -> Value {
    let answer = watchdog.post(headers, r#"{"input":{"report":true}}"#);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["environment"].clone()
}

#[test]
fn one_that_waited_is_told_so_and_has_no_ids() {
    let watchdog = waiting("1", &[("OWN", "a b\"c")]);
    let _ = family_of(&watchdog, 1);
    let seen = environment(&watchdog, &HEADERS);
    assert_eq!((&seen["NANOFAAS_PRESPAWNED"], &seen["OWN"]), (&json!("1"), &json!("a b\"c")));
    for name in IDS {
        assert_eq!(seen[name], json!(null), "{name}");
    }
}

#[test]
fn it_has_none_of_the_watchdogs_own_environment_either() {
    let stale = IDS.map(|name| (name, "stale"));
    let url = ("CALLBACK_URL", "http://127.0.0.1:1/executions");
    let watchdog = waiting("1", &[&stale[..], &[url]].concat());
    let _ = family_of(&watchdog, 1);
    let seen = environment(&watchdog, &[("X-Execution-Id", "e-1")]);
    assert_eq!(seen["NANOFAAS_PRESPAWNED"], "1");
    for name in IDS.iter().chain(&["CALLBACK_URL", "INVOCATION_PAYLOAD"]) {
        assert_eq!(seen[name], json!(null), "{name}");
    }
}

#[test]
fn one_that_was_started_for_its_call_has_the_ids() {
    // Those that should wait end at once, so that the call finds none.
    let script = format!("if [ -n \"$NANOFAAS_PRESPAWNED\" ]; then exit 3; fi; exec {}", child("stdio"));
    let watchdog = commanded(&sh(&script), "1", &[]);
    crate::prespawn_life::wait_for_a_pause(&watchdog);
    let seen = environment(&watchdog, &HEADERS);
    assert_eq!(IDS.map(|name| seen[name].clone()), ["e-1", "t-1", TRACE, "2"].map(Value::from));
    assert_ne!(seen["NANOFAAS_PRESPAWNED"], "1");
}

#[test]
fn in_a_burst_each_call_has_either_its_own_ids_or_none() {
    let watchdog = waiting("2", &[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "12")]);
    let _ = family_of(&watchdog, 2);
    let seen: Vec<(String, Value)> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..12)
            .map(|number| {
                let watchdog = &watchdog;
                scope.spawn(move || {
                    let id = format!("e-{number}");
                    let seen = environment(watchdog, &[("X-Execution-Id", &id)]);
                    (id, seen)
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().expect("no panic")).collect()
    });
    for (id, seen) in &seen {
        let expected = if seen["NANOFAAS_PRESPAWNED"] == "1" { json!(null) } else { json!(id) };
        assert_eq!(seen["EXECUTION_ID"], expected, "{id}");
    }
    assert!(seen.iter().any(|(_, seen)| seen["NANOFAAS_PRESPAWNED"] == "1"), "nobody was served by one that waited");
}

#[test]
fn each_one_that_waits_has_a_mark_of_its_own() {
    let watchdog = waiting("2", &[]);
    let mut marks = Vec::new();
    for id in ["e-1", "e-2"] {
        let _ = family_of(&watchdog, 2);
        let seen = environment(&watchdog, &[("X-Execution-Id", id)]);
        assert!(seen["NANOFAAS_CHILD"].as_str().is_some_and(|mark| !mark.is_empty()), "{seen}");
        marks.push(seen["NANOFAAS_CHILD"].clone());
    }
    assert_ne!(marks[0], marks[1]);
}

#[test]
fn pipes_of_those_that_wait_do_not_leak_into_others() {
    let watchdog = waiting("3", &[]);
    for id in ["e-1", "e-2", "e-3", "e-4"] {
        let _ = family_of(&watchdog, 3);
        let report = watchdog.report(id);
        let open = report["descriptors"].as_object().expect("a list").iter();
        let of_this_test = |number: &str| std::fs::read_link(format!("/proc/self/fd/{number}")).ok();
        let leaks: Vec<_> =
            open.filter(|(number, target)| of_this_test(number) != target.as_str().map(PathBuf::from)).collect();
        assert!(leaks.is_empty(), "{leaks:?}");
    }
}
