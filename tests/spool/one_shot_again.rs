//! An execution that ended earlier is told once more, and not run once more.

use harness::{FlakyPlane, Mood, Spool};

use crate::kill;
use crate::one_shot::{KINDS, n, spawn};

#[test]
fn one_that_was_killed_behind_its_function_is_not_run_again() {
    for kind in KINDS {
        let (plane, spool) = (FlakyPlane::start(), Spool::new());
        plane.set(Mood::Hold);
        let mut first = spawn(kind, &plane, &spool, 1, &[]);
        let _ = plane.arrived("e-1", 1);
        kill(&mut first);
        plane.set(Mood::Well);
        let mut second = spawn(kind, &plane, &spool, 2, &[]);
        assert_eq!(second.wait().code(), Some(0), "{kind} {:#?}", second.log());
        let all = plane.of("e-1");
        assert_eq!(all.iter().map(n).collect::<Vec<_>>(), [1, 1], "{kind}");
        assert!(all[1].repeats(&all[0]), "{kind} {all:?}");
        assert!(spool.entries().is_empty() && spool.lanes().is_empty(), "{kind}");
    }
}

#[test]
fn one_that_was_stopped_is_not_run_again() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let mut first = spawn("probe", &plane, &spool, 1, &[("NANOFAAS_SHUTDOWN_TIMEOUT", "100")]);
    harness::eventually("an entry", || (spool.entries().len() == 1).then_some(()));
    first.signal("TERM");
    assert_eq!(first.wait().code(), Some(1));
    plane.open();
    let mut second = spawn("probe", &plane, &spool, 2, &[]);
    assert_eq!(second.wait().code(), Some(0), "{:#?}", second.log());
    assert_eq!(plane.deliveries().iter().map(n).collect::<Vec<_>>(), [1]);
}

#[test]
fn one_that_was_never_finished_is_run_again() {
    let (plane, spool, gate) = (FlakyPlane::start(), Spool::new(), harness::Gate::new());
    let input = serde_json::json!({ "input": { "gate": gate.path() } }).to_string();
    let mut first = spawn("STDIO", &plane, &spool, 1, &[("INVOCATION_PAYLOAD", input.as_str())]);
    let _ = gate.entered_by();
    kill(&mut first);
    assert!(spool.entries().is_empty());
    let mut second = spawn("STDIO", &plane, &spool, 2, &[]);
    assert_eq!(second.wait().code(), Some(0), "{:#?}", second.log());
    assert_eq!(plane.deliveries().iter().map(n).collect::<Vec<_>>(), [2]);
}

/// The same id with another address is another control plane's execution.
#[test]
fn one_with_another_address_is_run() {
    let (plane, other, spool) = (FlakyPlane::away(), FlakyPlane::start(), Spool::new());
    let mut first = spawn("probe", &plane, &spool, 1, &[("NANOFAAS_SHUTDOWN_TIMEOUT", "100")]);
    harness::eventually("an entry", || (spool.entries().len() == 1).then_some(()));
    kill(&mut first);
    let mut second = spawn("probe", &other, &spool, 2, &[]);
    assert_eq!(second.wait().code(), Some(0), "{:#?}", second.log());
    assert_eq!(other.deliveries().iter().map(n).collect::<Vec<_>>(), [2]);
    assert_eq!(spool.ids(), ["e-1"]);
}

#[test]
fn one_whose_entry_a_living_process_holds_is_run() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Status(503));
    let mut living = spawn("probe", &plane, &spool, 1, &[]);
    let _ = plane.arrived("e-1", 1);
    let mut second = spawn("probe", &plane, &spool, 2, &[]);
    harness::eventually("both", || (spool.entries().len() == 2).then_some(()));
    plane.set(Mood::Well);
    assert_eq!((living.wait().code(), second.wait().code()), (Some(0), Some(0)));
    let mut told: Vec<_> = plane.deliveries().iter().filter(|delivery| delivery.is_accepted()).map(n).collect();
    told.sort_unstable();
    assert_eq!(told, [1, 2]);
}

#[test]
fn a_torn_entry_does_not_count_as_finished() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let path = spool.leave("e-1", &plane.callback_url(), 1000);
    let bytes = std::fs::read(&path).expect("an entry");
    std::fs::write(&path, &bytes[..bytes.len() - 6]).expect("an entry");
    let mut run = spawn("probe", &plane, &spool, 2, &[]);
    assert_eq!(run.wait().code(), Some(0), "{:#?}", run.log());
    assert_eq!(plane.deliveries().iter().map(n).collect::<Vec<_>>(), [2]);
}

/// Nobody may be told of what was given up, as if it were new.
#[test]
fn a_dead_letter_does_not_count_as_finished() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Status(404));
    assert_eq!(spawn("probe", &plane, &spool, 1, &[]).wait().code(), Some(1));
    plane.set(Mood::Well);
    let mut run = spawn("probe", &plane, &spool, 2, &[]);
    assert_eq!(run.wait().code(), Some(0), "{:#?}", run.log());
    assert_eq!(n(&plane.accepted("e-1")), 2);
    assert_eq!(spool.dead().len(), 1);
}
