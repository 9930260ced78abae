//! What a process left that is gone is delivered by one that lives, and by one alone.

use std::collections::BTreeMap;

use harness::{FlakyPlane, Function, Mood, Process, Spool, eventually};

use serde_json::Value;

use crate::subject::{SUBJECTS, Subject};
use crate::{invoke_all, kill, probe};

fn ids(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}-{number:03}")).collect()
}

fn refs(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

/// How often each execution arrived, where that is not once.
fn not_once(plane: &FlakyPlane, expected: &[String]) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = expected.iter().map(|id| (id.clone(), 0)).collect();
    for id in plane.ids() {
        *counts.entry(id).or_default() += 1;
    }
    counts.into_iter().filter(|(_, count)| *count != 1).collect()
}

pub(crate) fn is_taking_over(line: &Value) -> bool {
    line["message"].as_str().is_some_and(|message| message.starts_with("callbacks were taken over"))
}

fn taken_over(function: &Function) -> u64 {
    let line = function.wait_for_log("a take-over", is_taking_over);
    assert_eq!(line["level"], "INFO", "{line}");
    line["count"].as_u64().expect("a count")
}

#[test]
fn a_living_process_takes_over_from_one_that_was_killed() {
    for kind in SUBJECTS {
        let (plane, spool) = (FlakyPlane::away(), Spool::new());
        let mut first = Subject::start(kind, &plane, &spool, &[]);
        let second = Subject::start(kind, &plane, &spool, &[]);
        for id in ["e-1", "e-2"] {
            first.call(id);
        }
        assert_eq!(spool.lanes().len(), 2, "{kind}");
        kill(&mut first);
        plane.open();
        for id in ["e-1", "e-2"] {
            assert_eq!(plane.accepted(id).json(), second.expected(id), "{kind}");
        }
        assert_eq!(taken_over(&second), 2, "{kind}");
        eventually("no lane of a process that is gone", || (spool.lanes().len() == 1).then_some(()));
        assert_eq!(plane.deliveries().len(), 2, "{kind}");
    }
}

#[test]
fn a_process_that_only_stands_still_keeps_what_is_its_own() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let first = probe(&plane, &spool, &[]);
    invoke_all(&first, &["of-the-first"]);
    first.signal("STOP");
    eventually("a stopped process", || Process(first.id()).is_stopped().then_some(()));
    let mut gone = probe(&plane, &spool, &[]);
    invoke_all(&gone, &["of-one-that-is-gone"]);
    kill(&mut gone);
    plane.open();
    let second = probe(&plane, &spool, &[]);
    assert!(plane.accepted("of-one-that-is-gone").is_accepted());
    // Another take-over has looked at all lanes by then.
    let mut another = probe(&FlakyPlane::away(), &spool, &[]);
    kill(&mut another);
    eventually("a second look", || (spool.lanes().len() == 2).then_some(()));
    assert_eq!((spool.ids(), plane.of("of-the-first").len()), (vec!["of-the-first".to_owned()], 0));
    first.signal("CONT");
    assert!(plane.accepted("of-the-first").is_accepted());
    spool.wait_until_empty();
    assert_eq!(plane.deliveries().len(), 2);
    drop(second);
}

#[test]
fn several_that_start_at_once_deliver_a_backlog_once() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let mut expected = Vec::new();
    for lane in 0..4 {
        let mut gone = probe(&plane, &spool, &[]);
        let of_lane = ids(&format!("lane-{lane}"), 25);
        invoke_all(&gone, &refs(&of_lane));
        kill(&mut gone);
        expected.extend(of_lane);
    }
    assert_eq!(spool.entries().len(), expected.len());
    plane.open();
    let path = spool.path();
    let own = [("NANOFAAS_CALLBACK_SPOOL_DIR", path.as_str())];
    let mut all: Vec<_> = (0..4).map(|_| Function::spawn("probe", &own)).collect();
    spool.wait_until_empty();
    for function in &mut all {
        function.wait_until_ready();
        function.stop();
    }
    assert_eq!(not_once(&plane, &expected), BTreeMap::new());
    assert!(spool.lanes().is_empty(), "{:?}", spool.lanes());
}

#[test]
fn processes_with_work_of_their_own_share_a_directory() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let mut all: Vec<_> = (0..3).map(|_| probe(&plane, &spool, &[])).collect();
    let mut expected = Vec::new();
    std::thread::scope(|scope| {
        for (number, function) in all.iter().enumerate() {
            let own = ids(&format!("p{number}"), 60);
            expected.extend(own.clone());
            scope.spawn(move || invoke_all(function, &refs(&own)));
        }
    });
    for function in &mut all {
        function.stop();
    }
    assert_eq!(not_once(&plane, &expected), BTreeMap::new());
    assert!(spool.entries().is_empty() && spool.dead().is_empty());
}

/// Its keeper is killed while it waits for an answer, and another one takes over without a start.
#[test]
fn a_chain_of_keepers_loses_nothing() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Hold);
    let mut keeper = probe(&plane, &spool, &[]);
    invoke_all(&keeper, &["e-1", "e-2"]);
    for taken in 1..=3 {
        let _ = (plane.arrived("e-1", taken), plane.arrived("e-2", taken));
        let next = probe(&plane, &spool, &[]);
        kill(&mut keeper);
        keeper = next;
    }
    let _ = (plane.arrived("e-1", 4), plane.arrived("e-2", 4));
    plane.set(Mood::Well);
    spool.wait_until_empty();
    keeper.stop();
    for id in ["e-1", "e-2"] {
        let all = plane.of(id);
        assert!(all.len() == 4 && all.iter().all(|delivery| delivery.body == all[0].body), "{id} {all:?}");
    }
}

#[test]
fn the_lane_of_a_process_that_left_nothing_is_removed() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let mut gone = probe(&plane, &spool, &[]);
    invoke_all(&gone, &["e-1"]);
    spool.wait_until_empty();
    let lane = spool.lanes().remove(0);
    kill(&mut gone);
    let mut next = probe(&plane, &spool, &[]);
    eventually("no lane without a process", || (!lane.exists()).then_some(()));
    next.stop();
    assert!(spool.lanes().is_empty());
}
