//! What an operator sees of the spool.

use harness::{FlakyPlane, Function, Mood, Spool};

use crate::subject::{SUBJECTS, Subject};
use crate::{invoke_all, kill, probe};

#[test]
fn without_a_spool_there_is_nothing_to_count() {
    let probe = Function::start("probe", &[]);
    let text = probe.get("/metrics").text();
    assert!(!text.contains("spooled_callbacks") && !text.contains("callback_dead_letters_total"), "{text}");
}

#[test]
fn all_is_there_from_the_start() {
    let spool = Spool::new();
    let probe = probe(&FlakyPlane::away(), &spool, &[]);
    let text = probe.get("/metrics").text();
    for line in [
        "# TYPE nanofaas_runtime_spooled_callbacks gauge",
        "# TYPE nanofaas_runtime_callback_dead_letters_total counter",
    ] {
        assert!(text.contains(line), "{line} {text}");
    }
    for name in ["spooled_callbacks", "callback_dead_letters_total"] {
        assert!(text.contains(&format!("nanofaas_runtime_{name}{{function=\"handle\"}} 0")), "{name} {text}");
    }
}

#[test]
fn what_waits_and_what_is_delivered_is_counted() {
    for kind in SUBJECTS {
        let (plane, spool) = (FlakyPlane::start(), Spool::new());
        plane.set(Mood::Status(503));
        let subject = Subject::start(kind, &plane, &spool, &[]);
        for id in ["e-1", "e-2", "e-3"] {
            subject.call(id);
        }
        for gauge in ["spooled_callbacks", "pending_callbacks"] {
            subject.wait_for_metric(gauge, &[], 3);
        }
        plane.set(Mood::Well);
        spool.wait_until_empty();
        for gauge in ["spooled_callbacks", "pending_callbacks"] {
            subject.wait_for_metric(gauge, &[], 0);
        }
        subject.wait_for_metric("callback_deliveries_total", &[], 3);
        assert!(subject.metric("callback_retries_total", &[]) > 0.5, "{kind}");
        assert!(subject.metric("callback_drops_total", &[]) < 0.5, "{kind}");
    }
}

#[test]
fn what_was_taken_over_counts_where_it_is_looked_after() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let mut first = probe(&plane, &spool, &[]);
    let second = probe(&plane, &spool, &[]);
    invoke_all(&first, &["e-1", "e-2"]);
    first.wait_for_metric("spooled_callbacks", &[], 2);
    second.wait_for_metric("spooled_callbacks", &[], 0);
    kill(&mut first);
    second.wait_for_metric("spooled_callbacks", &[], 2);
    plane.open();
    second.wait_for_metric("spooled_callbacks", &[], 0);
    second.wait_for_metric("callback_deliveries_total", &[], 2);
}

#[test]
fn a_delivery_is_logged_where_that_is_asked_for() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let probe = probe(&plane, &spool, &[("RUST_LOG", "debug")]);
    invoke_all(&probe, &["e-1"]);
    let line = probe.wait_for_log("a delivery", |line| line["message"] == "callback delivered");
    assert_eq!(line["execution_id"], "e-1");
}
