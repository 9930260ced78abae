//! One dead, slow or poisonous receiver does not hold up the others.

use harness::{FlakyPlane, Function, Mood, Spool};
use serde_json::json;

use crate::{invoke_all, kill, probe};

const PATIENT: (&str, &str) = ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "600000");
const EIGHT: (&str, &str) = ("NANOFAAS_MAX_PENDING_CALLBACKS", "8");

fn invoke_at(function: &Function, plane: &FlakyPlane, id: &str) {
    let headers = [("X-Execution-Id", id), ("X-Callback-Url", &plane.callback_url())];
    assert_eq!(function.post(&headers, json!({ "input": { "n": id } }).to_string()).status, 200, "{id}");
}

#[test]
fn a_dead_host_does_not_hold_up_another() {
    for mood in [Mood::Hang, Mood::Status(503), Mood::Reset, Mood::RetryAfter(503, 60)] {
        let (dead, good, spool) = (FlakyPlane::start(), FlakyPlane::start(), Spool::new());
        dead.set(mood.clone());
        let probe = probe(&good, &spool, &[PATIENT, EIGHT]);
        for number in 0..30 {
            invoke_at(&probe, &dead, &format!("dead-{number}"));
        }
        for number in 0..10 {
            invoke_at(&probe, &good, &format!("good-{number}"));
        }
        for number in 0..10 {
            assert!(good.accepted(&format!("good-{number}")).is_accepted(), "{mood:?}");
        }
        harness::eventually("the dead ones alone", || (spool.entries().len() == 30).then_some(()));
    }
}

#[test]
fn a_host_where_nobody_listens_does_not_hold_up_another() {
    let (dead, good, spool) = (FlakyPlane::away(), FlakyPlane::away(), Spool::new());
    let mut first = probe(&good, &spool, &[]);
    for number in 0..30 {
        invoke_at(&first, &dead, &format!("dead-{number}"));
    }
    invoke_at(&first, &good, "good");
    kill(&mut first);
    good.open();
    // The dead ones are all older.
    let _second = probe(&good, &spool, &[EIGHT]);
    assert!(good.accepted("good").is_accepted());
}

#[test]
fn a_dead_host_is_probed_one_at_a_time() {
    let (dead, spool) = (FlakyPlane::start(), Spool::new());
    dead.set(Mood::Status(503));
    let probe = probe(&dead, &spool, &[EIGHT]);
    let ids: Vec<_> = (0..40).map(|number| format!("e-{number}")).collect();
    invoke_all(&probe, &ids.iter().map(String::as_str).collect::<Vec<_>>());
    harness::eventually("five failures", || (dead.deliveries().len() >= 5).then_some(()));
    dead.set(Mood::Hold);
    let before = dead.deliveries().iter().filter(|delivery| delivery.answered.is_some()).count();
    harness::eventually("a probe", || (dead.deliveries().len() > before).then_some(()));
    // Others would have come by now: there is nothing to see when they do not.
    std::thread::sleep(std::time::Duration::from_millis(700));
    let held = dead.deliveries().iter().filter(|delivery| delivery.answered.is_none()).count();
    assert_eq!(held, 1, "{:?}", dead.ids());
    dead.set(Mood::Well);
    spool.wait_until_empty();
    assert!(ids.iter().all(|id| dead.of(id).iter().any(harness::Delivery::is_accepted)));
}

#[test]
fn a_poisonous_entry_does_not_hold_up_the_others_of_its_host() {
    for pending in ["1", "8"] {
        let (plane, spool) = (FlakyPlane::start(), Spool::new());
        plane.set_for("poison", Mood::Status(500));
        spool.leave("poison", &plane.callback_url(), 60_000);
        let probe = probe(&plane, &spool, &[("NANOFAAS_MAX_PENDING_CALLBACKS", pending)]);
        let ids: Vec<_> = (0..20).map(|number| format!("e-{number}")).collect();
        invoke_all(&probe, &ids.iter().map(String::as_str).collect::<Vec<_>>());
        for id in &ids {
            assert!(plane.accepted(id).is_accepted(), "{pending}");
        }
        harness::eventually("the poison alone", || (spool.ids() == ["poison"]).then_some(()));
        assert!(spool.dead().is_empty(), "{pending}");
    }
}

#[test]
fn several_poisonous_entries_that_are_older_hold_up_nobody() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    for number in 0..10 {
        let id = format!("poison-{number}");
        plane.set_for(&id, Mood::Status(500));
        spool.leave(&id, &plane.callback_url(), 60_000);
    }
    spool.leave("good", &plane.callback_url(), 1000);
    let probe = probe(&plane, &spool, &[("NANOFAAS_MAX_PENDING_CALLBACKS", "2")]);
    assert!(plane.accepted("good").is_accepted());
    invoke_all(&probe, &["new"]);
    assert!(plane.accepted("new").is_accepted());
}

/// They were all that was tried for a while, so that their host looks dead.
#[test]
fn two_poisonous_entries_alone_do_not_hold_up_what_comes_later() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    for id in ["poison-1", "poison-2"] {
        plane.set_for(id, Mood::Status(500));
        spool.leave(id, &plane.callback_url(), 60_000);
    }
    let probe = probe(&plane, &spool, &[]);
    harness::eventually("more failures than a host may have", || (plane.deliveries().len() >= 7).then_some(()));
    invoke_all(&probe, &["new"]);
    assert!(plane.accepted("new").is_accepted());
}

#[test]
fn a_poisonous_entry_that_always_hangs_holds_up_nobody() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set_for("poison", Mood::Hang);
    spool.leave("poison", &plane.callback_url(), 60_000);
    let extra = [("NANOFAAS_MAX_PENDING_CALLBACKS", "1"), ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "200")];
    let probe = probe(&plane, &spool, &extra);
    invoke_all(&probe, &["e-1", "e-2"]);
    assert!(plane.accepted("e-1").is_accepted() && plane.accepted("e-2").is_accepted());
}
