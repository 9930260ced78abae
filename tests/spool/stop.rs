//! The end of a process that still has callbacks: what is left stays where the next one finds it.

use harness::{FlakyPlane, Mood, Spool, Watchdog, eventually};
use serde_json::Value;

use crate::subject::{SUBJECTS, Subject, command};
use crate::{invoke_all, probe};

const HASTY: (&str, &str) = ("NANOFAAS_SHUTDOWN_TIMEOUT", "200");

/// The line that says how many stay.
fn stays(log: &[Value], count: u64) -> bool {
    log.iter().any(|line| line["level"] == "INFO" && line.as_object().is_some_and(|line| {
        line.values().any(|value| *value == count) || line["message"].as_str().is_some_and(|text| text.contains(&count.to_string()))
    } && line.values().any(|value| value.as_str().is_some_and(|text| text.contains("spool")))))
}

#[test]
fn a_backlog_stays_and_the_end_is_clean() {
    for kind in SUBJECTS {
        let (plane, spool) = (FlakyPlane::away(), Spool::new());
        let mut first = Subject::start(kind, &plane, &spool, &[HASTY]);
        for id in ["e-1", "e-2", "e-3"] {
            first.call(id);
        }
        first.stop();
        assert_eq!(spool.ids(), ["e-1", "e-2", "e-3"], "{kind}");
        let all = first.log_lines(|_| true);
        assert!(stays(&all, 3), "{kind} {all:#?}");
        assert!(!all.iter().any(|line| line["level"] == "ERROR"), "{kind} {all:#?}");
        plane.open();
        let mut second = Subject::start(kind, &plane, &spool, &[]);
        for id in ["e-1", "e-2", "e-3"] {
            assert_eq!(plane.accepted(id).json(), second.expected(id), "{kind}");
        }
        spool.wait_until_empty();
        second.stop();
        assert!(spool.lanes().is_empty(), "{kind}: an empty lane is removed");
        assert_eq!(plane.deliveries().len(), 3, "{kind}");
    }
}

#[test]
fn what_can_be_delivered_is_delivered_before_the_end() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Hold);
    let mut probe = probe(&plane, &spool, &[("NANOFAAS_SHUTDOWN_TIMEOUT", "30000")]);
    invoke_all(&probe, &["e-1", "e-2"]);
    let _ = plane.arrived("e-2", 1);
    probe.signal("TERM");
    eventually("a function that stops", || (probe.get("/ready").status == 503).then_some(()));
    plane.set(Mood::Well);
    assert_eq!(probe.wait().code(), Some(0));
    assert!(spool.entries().is_empty() && spool.lanes().is_empty());
    assert_eq!(plane.deliveries().len(), 2);
}

#[test]
fn a_hanging_control_plane_does_not_hold_up_the_end() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Hang);
    let mut probe = probe(&plane, &spool, &[HASTY, ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "600000")]);
    invoke_all(&probe, &["e-1"]);
    let _ = plane.arrived("e-1", 1);
    probe.stop();
    assert_eq!(spool.ids(), ["e-1"]);
}

#[test]
fn a_second_signal_leaves_it_where_it_is() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Hang);
    let patient = ("NANOFAAS_SHUTDOWN_TIMEOUT", "600000");
    let mut probe = probe(&plane, &spool, &[patient, ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "600000")]);
    invoke_all(&probe, &["e-1"]);
    let _ = plane.arrived("e-1", 1);
    probe.signal("TERM");
    eventually("a function that stops", || (probe.get("/ready").status == 503).then_some(()));
    probe.signal("TERM");
    assert_ne!(probe.wait().code(), Some(0));
    assert_eq!(spool.ids(), ["e-1"]);
}

#[test]
fn work_that_is_cut_off_has_an_entry() {
    let (plane, spool, gate) = (FlakyPlane::away(), Spool::new(), harness::Gate::new());
    let mut specimen = crate::started("specimen", &plane, &spool, &[HASTY, ("FUNCTION_HANDLER", "gate")]);
    let mut caller = specimen.connect();
    caller.begin(&[("X-Execution-Id", "e-1")], &gate.body());
    gate.wait_until_entered();
    specimen.signal("TERM");
    assert_eq!(specimen.wait().code(), Some(1), "work was cut off");
    let entry = spool.entries().remove(0);
    assert_eq!((entry.id(), &entry.body()["error"]["code"]), ("e-1".to_owned(), &"INVOCATION_CANCELLED".into()));
    plane.open();
    let _next = probe(&plane, &spool, &[]);
    assert_eq!(plane.accepted("e-1").json()["error"]["code"], "INVOCATION_CANCELLED");
}

#[test]
fn an_idle_watchdog_stays_while_it_has_callbacks() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Status(503));
    let (url, path) = (plane.callback_url(), spool.path());
    let extra = [
        ("CALLBACK_URL", url.as_str()),
        ("NANOFAAS_CALLBACK_SPOOL_DIR", path.as_str()),
        ("WARM_IDLE_TIMEOUT_MS", "300"),
    ];
    let mut watchdog = Watchdog::start("STDIO", &command("STDIO"), &extra);
    assert_eq!(watchdog.invoke("e-1", &serde_json::json!(1)).status, 200);
    // The third attempt comes long after the idle time.
    let _ = plane.arrived("e-1", 3);
    assert_eq!(watchdog.get("/health").status, 200);
    plane.set(Mood::Well);
    assert!(plane.accepted("e-1").is_accepted());
    assert_eq!(watchdog.wait().code(), Some(0));
    assert!(spool.entries().is_empty());
}
