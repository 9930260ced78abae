//! What will never be delivered is kept apart, with the reason, and nobody tries it again.

use harness::{Entry, FlakyPlane, Mood, Spool, now_ms};
use serde_json::Value;

use crate::subject::{SUBJECTS, Subject};
use crate::{invoke_all, kill, probe};

/// The log line of a dead letter, which is also counted.
fn logged(function: &harness::Function, id: &str) -> Value {
    let line = function.wait_for_log("a dead letter", |line| {
        line["message"] == "callback is kept as a dead letter" && line["execution_id"] == id
    });
    assert_eq!(line["level"], "ERROR", "{line}");
    assert!(line["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{line}");
    line
}

fn reason(entry: &Entry) -> String {
    let death = entry.death();
    let mut keys: Vec<_> = death.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["attempts", "died", "reason"], "{death}");
    assert!(death["died"].as_u64().is_some_and(|died| died.abs_diff(now_ms()) < 60_000), "{death}");
    death["reason"].as_str().expect("a reason").to_owned()
}

#[test]
fn an_answer_that_will_not_pass_makes_one() {
    for kind in SUBJECTS {
        let (plane, spool) = (FlakyPlane::start(), Spool::new());
        plane.set(Mood::Status(404));
        let mut subject = Subject::start(kind, &plane, &spool, &[]);
        subject.call("e-1");
        let dead = spool.wait_for_dead("e-1");
        assert!(reason(&dead).contains("404"), "{kind} {:?}", dead.death());
        assert_eq!((dead.death()["attempts"].as_u64(), dead.body()), (Some(1), subject.expected("e-1")), "{kind}");
        let _ = logged(&subject, "e-1");
        subject.wait_for_metric("callback_dead_letters_total", &[], 1);
        assert!(subject.metric("callback_drops_total", &[]) < 0.5, "{kind}");
        plane.set(Mood::Well);
        subject.stop();
        let mut second = Subject::start(kind, &plane, &spool, &[]);
        second.call("e-2");
        assert!(plane.accepted("e-2").is_accepted(), "{kind}");
        second.stop();
        assert_eq!((plane.ids(), spool.dead().len()), (vec!["e-1".to_owned(), "e-2".to_owned()], 1), "{kind}");
    }
}

#[test]
fn each_final_status_makes_one_under_the_name_of_its_entry() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let probe = probe(&plane, &spool, &[]);
    for status in [300, 301, 304, 400, 401, 403, 404, 409, 410, 413, 422, 499] {
        let id = format!("e-{status}");
        plane.set(Mood::Hold);
        invoke_all(&probe, &[&id]);
        let _ = plane.arrived(&id, 1);
        let name = spool.entries()[0].name();
        plane.set(Mood::Status(status));
        let dead = spool.wait_for_dead(&id);
        assert!(dead.name() == name && reason(&dead).contains(&status.to_string()), "{:?}", dead.death());
        spool.wait_until_empty();
        assert_eq!(plane.of(&id).len(), 1, "{status}");
    }
}

#[test]
fn one_that_is_too_old_is_not_tried_any_more() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    spool.leave("old", &plane.callback_url(), 3_600_000);
    spool.leave("young", &plane.callback_url(), 1000);
    let mut probe = probe(&plane, &spool, &[("NANOFAAS_CALLBACK_SPOOL_TTL", "1800000")]);
    let dead = spool.wait_for_dead("old");
    assert!(reason(&dead).contains("NANOFAAS_CALLBACK_SPOOL_TTL") || reason(&dead).contains("expired"), "{dead:?}");
    assert!(plane.accepted("young").is_accepted());
    let _ = logged(&probe, "old");
    probe.stop();
    assert_eq!(plane.ids(), ["young"]);
}

#[test]
fn one_that_grows_too_old_while_it_is_tried_is_given_up() {
    for mood in [Mood::Status(503), Mood::Hang, Mood::RetryAfter(429, 60)] {
        let (plane, spool) = (FlakyPlane::start(), Spool::new());
        plane.set(mood.clone());
        let extra = [("NANOFAAS_CALLBACK_SPOOL_TTL", "700"), ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "300")];
        let mut probe = probe(&plane, &spool, &extra);
        invoke_all(&probe, &["e-1"]);
        let dead = spool.wait_for_dead("e-1");
        assert!(dead.death()["attempts"].as_u64().is_some_and(|attempts| attempts >= 1), "{mood:?} {dead:?}");
        spool.wait_until_empty();
        let _ = logged(&probe, "e-1");
        probe.stop();
    }
}

#[test]
fn a_host_that_is_not_allowed_any_more_is_not_called() {
    let (plane, other, spool) = (FlakyPlane::away(), FlakyPlane::start(), Spool::new());
    let mut first = probe(&plane, &spool, &[]);
    invoke_all(&first, &["e-1"]);
    kill(&mut first);
    plane.open();
    let mut second = probe(&other, &spool, &[("NANOFAAS_CALLBACK_ALLOW", &other.host())]);
    let dead = spool.wait_for_dead("e-1");
    assert!(reason(&dead).contains("NANOFAAS_CALLBACK_ALLOW"), "{:?}", dead.death());
    let _ = logged(&second, "e-1");
    invoke_all(&second, &["e-2"]);
    assert!(other.accepted("e-2").is_accepted());
    second.stop();
    assert!(plane.deliveries().is_empty());
}

#[test]
fn a_link_local_host_is_not_called_whoever_wrote_the_entry() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let urls = ["http://169.254.169.254", "http://[fe80::1]", "http://2852039166/x", "ftp://cp", "nonsense", ""];
    for (number, url) in urls.iter().enumerate() {
        spool.leave(&format!("bad-{number}"), url, 1000);
    }
    spool.leave("good", &plane.callback_url(), 500);
    let probe = probe(&plane, &spool, &[]);
    assert!(plane.accepted("good").is_accepted());
    spool.wait_until_empty();
    assert_eq!(spool.dead().len(), urls.len(), "{:?}", spool.dead());
    probe.wait_for_metric("callback_dead_letters_total", &[], 6);
}

#[test]
fn one_that_cannot_be_kept_apart_is_not_lost() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Hold);
    let probe = probe(&plane, &spool, &[]);
    invoke_all(&probe, &["e-1"]);
    let _ = plane.arrived("e-1", 1);
    // A file is where the dead letters belong.
    let box_of_dead = spool.directory().join("dead");
    let _ = std::fs::remove_dir(&box_of_dead);
    std::fs::write(&box_of_dead, "").expect("a writable spool");
    plane.set(Mood::Status(404));
    let _ = probe.wait_for_log("the trouble", |line| line["level"] == "ERROR" || line["level"] == "WARN");
    assert_eq!(spool.ids(), ["e-1"]);
    assert_eq!(probe.get("/health").status, 200);
    std::fs::remove_file(&box_of_dead).expect("the file");
    plane.set(Mood::Well);
    invoke_all(&probe, &["e-2"]);
    assert!(plane.accepted("e-2").is_accepted());
}
