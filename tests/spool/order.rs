//! The oldest first, whoever wrote it.

use harness::{FlakyPlane, Mood, Spool};

use crate::{invoke_all, kill, probe};

const ONE: (&str, &str) = ("NANOFAAS_MAX_PENDING_CALLBACKS", "1");

fn ids(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}-{number}")).collect()
}

fn refs(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

#[test]
fn what_a_process_left_is_delivered_in_the_order_of_its_end() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let mut first = probe(&plane, &spool, &[ONE]);
    let expected = ids("e", 30);
    invoke_all(&first, &refs(&expected));
    kill(&mut first);
    assert_eq!(spool.ids(), expected);
    plane.open();
    let _second = probe(&plane, &spool, &[ONE]);
    spool.wait_until_empty();
    assert_eq!(plane.ids(), expected);
}

#[test]
fn the_oldest_of_several_lanes_is_first() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    spool.leave("oldest", &plane.callback_url(), 60_000);
    for id in ["a", "b", "c"] {
        let mut process = probe(&plane, &spool, &[ONE]);
        invoke_all(&process, &[id]);
        kill(&mut process);
    }
    let future = spool.leave("newest", &plane.callback_url(), 0);
    assert!(future.exists());
    plane.open();
    let _last = probe(&plane, &spool, &[ONE]);
    spool.wait_until_empty();
    assert_eq!(plane.ids(), ["oldest", "a", "b", "c", "newest"]);
}

#[test]
fn what_is_new_waits_behind_what_is_old() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Hold);
    let old = ids("old", 10);
    for id in &old {
        spool.leave(id, &plane.callback_url(), 60_000);
    }
    let probe = probe(&plane, &spool, &[ONE, ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "600000")]);
    let _ = plane.arrived("old-0", 1);
    invoke_all(&probe, &["new-0", "new-1"]);
    plane.set(Mood::Well);
    spool.wait_until_empty();
    assert_eq!(plane.ids(), [&refs(&old)[..], &["new-0", "new-1"]].concat());
}
