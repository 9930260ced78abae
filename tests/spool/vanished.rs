//! What happens to those who look into the spool, or take it away.

use harness::{Answer, FlakyPlane, Function, Gate, Mood, Spool, eventually};
use serde_json::json;

use crate::{invoke_all, probe, started};

const UNAVAILABLE: (u16, &str) = (503, "RUNTIME_SPOOL_UNAVAILABLE");

#[test]
fn a_directory_that_vanished_refuses_until_it_is_back() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let probe = probe(&plane, &spool, &[]);
    invoke_all(&probe, &["before"]);
    spool.wait_until_empty();
    let elsewhere = spool.directory().with_extension("elsewhere");
    std::fs::rename(spool.directory(), &elsewhere).expect("a directory");
    let answer = probe.invoke("refused", &json!(1));
    assert_eq!(answer.refusal(), (UNAVAILABLE.0, UNAVAILABLE.1.to_owned()));
    assert!(!spool.directory().exists(), "a volume that is not mounted would be filled below its mount point");
    assert_eq!((probe.get("/health").status, probe.get("/ready").status), (200, 200));
    std::fs::rename(&elsewhere, spool.directory()).expect("a directory");
    invoke_all(&probe, &["after"]);
    assert!(plane.accepted("after").is_accepted());
    assert!(plane.of("refused").is_empty());
}

#[test]
fn a_directory_that_was_replaced_by_a_new_one_is_used() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let mut probe = probe(&plane, &spool, &[]);
    std::fs::remove_dir_all(spool.directory()).expect("a directory");
    assert_eq!(probe.invoke("refused", &json!(1)).failure().1, UNAVAILABLE.1);
    std::fs::create_dir(spool.directory()).expect("a directory");
    plane.set(Mood::Hold);
    invoke_all(&probe, &["e-1"]);
    let _ = plane.arrived("e-1", 1);
    assert_eq!(spool.ids(), ["e-1"]);
    plane.set(Mood::Well);
    spool.wait_until_empty();
    probe.stop();
}

#[test]
fn a_lane_that_vanished_is_made_again() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let mut first = probe(&plane, &spool, &[]);
    for lane in spool.lanes() {
        std::fs::remove_dir_all(lane).expect("a lane");
    }
    invoke_all(&first, &["e-1", "e-2"]);
    assert_eq!(spool.ids(), ["e-1", "e-2"]);
    // It is locked like the first one: nobody else delivers it now, and somebody does later.
    let second = probe(&plane, &spool, &[]);
    crate::kill(&mut first);
    plane.open();
    spool.wait_until_empty();
    assert_eq!(plane.deliveries().len(), 2, "{:?}", plane.ids());
    drop(second);
}

/// Two processes at one lane would deliver everything twice.
#[test]
fn a_lane_that_was_made_again_is_not_taken_over_from_the_living() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Status(503));
    let first = probe(&plane, &spool, &[]);
    let other_plane = FlakyPlane::away();
    let second = probe(&other_plane, &spool, &[]);
    for lane in spool.lanes() {
        std::fs::remove_dir_all(lane).expect("a lane");
    }
    invoke_all(&first, &["e-1"]);
    // Long enough for several looks at what is free: each of them happens after a new process is gone.
    for _ in 0..2 {
        let mut gone = probe(&other_plane, &spool, &[]);
        crate::kill(&mut gone);
        eventually("a look", || (spool.lanes().len() <= 2).then_some(()));
    }
    let taken = second.log_lines(crate::take_over::is_taking_over);
    assert!(taken.is_empty(), "{taken:?}");
    plane.set(Mood::Well);
    spool.wait_until_empty();
    drop((first, second));
}

/// A function that runs while its spool is taken away; the answer, once the function has ended.
fn without_spool(plane: &FlakyPlane, spool: &Spool, extra: &[(&str, &str)]) -> (Function, Answer) {
    let gate = Gate::new();
    let specimen = started("specimen", plane, spool, &[&[("FUNCTION_HANDLER", "gate")], extra].concat());
    let mut caller = specimen.connect();
    caller.begin(&[("X-Execution-Id", "e-1")], &gate.body());
    gate.wait_until_entered();
    std::fs::remove_dir_all(spool.directory()).expect("a directory");
    gate.open("");
    let answer = caller.answer().expect("an answer");
    (specimen, answer)
}

#[test]
fn a_callback_that_cannot_be_written_any_more_is_posted_before_the_answer() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let (specimen, answer) = without_spool(&plane, &spool, &[]);
    assert_eq!((answer.status, answer.json()), (200, json!("through")));
    let [delivery] = &plane.of("e-1")[..] else { panic!("{:?}", plane.deliveries()) };
    assert!(delivery.is_accepted() && delivery.json()["output"] == "through", "{delivery:?}");
    assert!(specimen.metric("callback_drops_total", &[]) < 0.5);
}

#[test]
fn an_outcome_that_can_be_neither_written_nor_posted_is_not_answered_as_a_success() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Status(503));
    let (specimen, answer) = without_spool(&plane, &spool, &[("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "2")]);
    assert_eq!(answer.refusal(), (UNAVAILABLE.0, UNAVAILABLE.1.to_owned()));
    assert_eq!(plane.of("e-1").len(), 2);
    specimen.wait_for_metric("callback_drops_total", &[], 1);
    let _ = specimen.wait_for_log("the loss", |line| line["level"] == "ERROR" && line["execution_id"] == "e-1");
}

#[test]
fn an_entry_that_somebody_removed_is_told_as_lost() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Status(503));
    let probe = probe(&plane, &spool, &[]);
    invoke_all(&probe, &["removed", "kept"]);
    let _ = plane.arrived("removed", 1);
    let entry = spool.entries().into_iter().find(|entry| entry.id() == "removed").expect("an entry");
    std::fs::remove_file(&entry.path).expect("a file");
    plane.set(Mood::Well);
    let line = probe.wait_for_log("the loss", |line| line["level"] == "ERROR" && line["execution_id"] == "removed");
    assert_ne!(line["message"], "callback is kept as a dead letter");
    probe.wait_for_metric("callback_drops_total", &[], 1);
    assert!(plane.accepted("kept").is_accepted());
    spool.wait_until_empty();
}
