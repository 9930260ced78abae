//! A callback that does not arrive is tried again for ever, and no request is refused meanwhile.

use std::time::Duration;

use harness::{FlakyPlane, Mood, Spool};

use crate::subject::Subject;
use crate::{invoke_all, probe};

const ONCE: (&str, &str) = ("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "1");

#[test]
fn the_number_of_attempts_does_not_count() {
    for kind in ["probe", "STDIO", "WORKER"] {
        let (plane, spool) = (FlakyPlane::start(), Spool::new());
        plane.set(Mood::Status(500));
        let subject = Subject::start(kind, &plane, &spool, &[ONCE]);
        subject.call("e-1");
        let attempts = plane.arrived("e-1", 4);
        assert!(attempts.windows(2).all(|pair| pair[0].body == pair[1].body), "{kind}");
        assert_eq!(spool.ids(), ["e-1"], "{kind}");
        plane.set(Mood::Well);
        assert_eq!(plane.accepted("e-1").json(), subject.expected("e-1"), "{kind}");
        spool.wait_until_empty();
        assert!(subject.metric("callback_drops_total", &[]) < 0.5, "{kind}");
    }
}

#[test]
fn every_trouble_that_may_pass_is_tried_again() {
    let moods = [408, 429, 500, 502, 503, 504, 599].map(Mood::Status);
    for mood in moods.into_iter().chain([Mood::Reset, Mood::Hang]) {
        let (plane, spool) = (FlakyPlane::start(), Spool::new());
        plane.set(mood.clone());
        let probe = probe(&plane, &spool, &[ONCE, ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "100")]);
        invoke_all(&probe, &["e-1"]);
        let _ = plane.arrived("e-1", 2);
        assert_eq!(spool.ids(), ["e-1"], "{mood:?}");
        plane.set(Mood::Well);
        assert!(plane.accepted("e-1").is_accepted(), "{mood:?}");
        spool.wait_until_empty();
        assert!(spool.dead().is_empty(), "{mood:?}");
    }
}

#[test]
fn a_control_plane_that_is_not_there_yet_gets_it_later() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let probe = probe(&plane, &spool, &[ONCE]);
    invoke_all(&probe, &["e-1", "e-2"]);
    harness::eventually("attempts", || (probe.metric("callback_retries_total", &[]) > 2.5).then_some(()));
    plane.open();
    spool.wait_until_empty();
    assert_eq!(plane.deliveries().len(), 2);
}

#[test]
fn nothing_is_refused_because_the_control_plane_is_away() {
    for mood in [Mood::Hang, Mood::Status(503)] {
        let (plane, spool) = (FlakyPlane::start(), Spool::new());
        plane.set(mood);
        let probe = probe(
            &plane,
            &spool,
            &[("NANOFAAS_MAX_PENDING_CALLBACKS", "1"), ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "600000")],
        );
        let ids: Vec<_> = (0..40).map(|number| format!("e-{number}")).collect();
        invoke_all(&probe, &ids.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(spool.entries().len(), 40);
        assert!(probe.metric("refusals_total", &[]) < 0.5);
    }
}

/// How many are tried at once is bounded, whatever waits.
#[test]
fn no_more_are_tried_at_once_than_allowed() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Hold);
    let probe = probe(
        &plane,
        &spool,
        &[("NANOFAAS_MAX_PENDING_CALLBACKS", "3"), ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "600000")],
    );
    let ids: Vec<_> = (0..12).map(|number| format!("e-{number}")).collect();
    invoke_all(&probe, &ids.iter().map(String::as_str).collect::<Vec<_>>());
    harness::eventually("three at once", || (plane.deliveries().len() >= 3).then_some(()));
    // Time for a fourth one that must not come.
    invoke_all(&probe, &["late-1", "late-2"]);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(plane.deliveries().len(), 3, "{:?}", plane.ids());
    plane.set(Mood::Well);
    spool.wait_until_empty();
    assert_eq!(plane.deliveries().len(), 14);
}

/// The second callback is tried again twice after the usual pauses, and overtakes the first one.
#[test]
fn retry_after_is_obeyed() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let probe = probe(&plane, &spool, &[]);
    plane.set_for("asked-to-wait", Mood::RetryAfter(503, 4));
    plane.set_for("not-asked", Mood::Status(503));
    invoke_all(&probe, &["asked-to-wait"]);
    let _ = plane.arrived("asked-to-wait", 1);
    invoke_all(&probe, &["not-asked"]);
    let _ = plane.arrived("not-asked", 2);
    assert_eq!(plane.of("asked-to-wait").len(), 1);
    plane.set_for("not-asked", Mood::Well);
    plane.set_for("asked-to-wait", Mood::Well);
    assert!(plane.accepted("asked-to-wait").is_accepted() && plane.accepted("not-asked").is_accepted());
    assert_eq!(plane.of("asked-to-wait").len(), 2);
}

#[test]
fn a_slow_answer_is_waited_for() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Slow(Duration::from_millis(300)));
    let probe = probe(&plane, &spool, &[]);
    invoke_all(&probe, &["e-1", "e-2", "e-3"]);
    spool.wait_until_empty();
    assert_eq!(plane.deliveries().len(), 3);
}
