//! Children that wait end with the watchdog, however that ends.

use std::net::TcpStream;

use harness::{ControlPlane, Gate, Process, Watchdog, child, sh};
use serde_json::json;

use crate::prespawn::{commanded, family_of, waiting};

const PATIENT: (&str, &str) = ("NANOFAAS_SHUTDOWN_TIMEOUT", "600000");

#[test]
fn a_stop_ends_those_that_wait() {
    for signal in ["TERM", "INT", "QUIT"] {
        let mut watchdog = waiting("3", &[PATIENT, ("WATCHDOG_KILL_GRACE_MS", "600000")]);
        let _ = family_of(&watchdog, 3);
        watchdog.signal(signal);
        assert_eq!(watchdog.wait().code(), Some(0), "{signal}");
        assert_eq!(watchdog.family(), [], "{signal}");
        assert!(TcpStream::connect(watchdog.address()).is_err(), "{signal}");
    }
}

#[test]
fn a_stop_ends_also_those_that_do_not_want_to() {
    let script = format!("trap '' TERM; sleep 600 & exec {}", child("stdio"));
    let mut watchdog = commanded(&sh(&script), "2", &[("WATCHDOG_KILL_GRACE_MS", "300")]);
    let _ = family_of(&watchdog, 4);
    watchdog.stop();
    assert_eq!(watchdog.family(), []);
}

#[test]
fn the_end_of_those_that_wait_is_no_error() {
    let mut watchdog = waiting("2", &[]);
    let _ = family_of(&watchdog, 2);
    watchdog.stop();
    let ended = watchdog.log_lines(|line| line.to_string().contains("a waiting child ended"));
    assert!(ended.is_empty(), "{ended:#?}");
}

#[test]
fn a_running_call_is_answered_and_none_is_started_for_later() {
    let mut watchdog = waiting("1", &[PATIENT]);
    let gate = Gate::new();
    let mut caller = watchdog.hold("e-1", &gate);
    let child = Process(gate.entered_by());
    watchdog.signal("TERM");
    watchdog.wait_for_status("/ready", 503);
    assert!(child.is_alive());
    gate.open("");
    assert_eq!(caller.answer().expect("an answer").status, 200);
    assert_eq!(watchdog.wait().code(), Some(0));
    assert_eq!(watchdog.family(), []);
}

#[test]
fn a_second_signal_ends_everything_now() {
    let mut watchdog = waiting("2", &[PATIENT, ("WATCHDOG_KILL_GRACE_MS", "600000")]);
    let never = Gate::new();
    let _caller = watchdog.hold("e-1", &never);
    watchdog.signal("TERM");
    watchdog.wait_for_status("/ready", 503);
    watchdog.signal("TERM");
    assert_eq!(watchdog.wait().code(), Some(128 + 15));
    watchdog.wait_until_alone();
}

#[test]
fn those_that_wait_die_with_a_watchdog_that_is_killed() {
    let script = format!("trap '' TERM; sleep 600 & exec {}", child("stdio"));
    let mut watchdog = commanded(&sh(&script), "2", &[]);
    let _ = family_of(&watchdog, 4);
    watchdog.signal("KILL");
    assert_eq!(watchdog.wait().code(), None);
    watchdog.wait_until_alone();
}

#[test]
fn as_the_first_process_of_a_container_it_leaves_nothing_either() {
    let own = [("WATCHDOG_PRESPAWN", "2"), ("WATCHDOG_PRESPAWN_ENV", "none")];
    let Some(mut watchdog) = Watchdog::as_init("STDIO", &child("stdio"), &own) else { return };
    let waiting = family_of(&watchdog, 2);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).status, 200);
    watchdog.stop();
    for process in waiting {
        process.wait_until_gone();
    }
    watchdog.wait_until_alone();
}

#[test]
fn without_calls_the_watchdog_ends_though_children_wait() {
    let mut watchdog = waiting("2", &[("WARM_IDLE_TIMEOUT_MS", "500"), ("WATCHDOG_PRESPAWN_MAX_IDLE_MS", "50")]);
    assert_eq!(watchdog.wait().code(), Some(0));
    watchdog.wait_until_alone();
}

#[test]
fn a_single_run_works_as_ever_and_leaves_nothing() {
    let (plane, mark) = (ControlPlane::start(), harness::mark());
    let own = [("WATCHDOG_PRESPAWN", "2"), ("WATCHDOG_PRESPAWN_ENV", "none"), ("NANOFAAS_TESTS_MARK", mark.as_str())];
    let ended = Watchdog::once("STDIO", &child("stdio"), &plane, r#"{"n":1}"#, &own);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(plane.accepted("e-1").output(), &json!({ "echo": { "n": 1 } }));
    harness::eventually("an empty machine", || {
        Process::marked(&format!("NANOFAAS_TESTS_MARK={mark}")).is_empty().then_some(())
    });
}
