//! `callbacks replay`: what was given up, or what nobody looks after, is posted now.

use harness::{Ended, FlakyPlane, Mood, Spool, Watchdog};
use serde_json::json;

use crate::command_list::callbacks;
use crate::{invoke_all, kill, probe};

/// The dead letters of these executions, made by a process that is gone.
fn dead(plane: &FlakyPlane, spool: &Spool, ids: &[&str]) {
    plane.set(Mood::Status(404));
    let mut gone = probe(plane, spool, &[]);
    invoke_all(&gone, ids);
    for id in ids {
        let _ = spool.wait_for_dead(id);
    }
    kill(&mut gone);
    plane.set(Mood::Well);
}

fn lines(ended: &Ended) -> Vec<Vec<String>> {
    let words = |line: &str| line.splitn(3, "  ").map(str::to_owned).collect::<Vec<_>>();
    ended.stdout.lines().map(words).collect()
}

fn accepted(plane: &FlakyPlane) -> Vec<String> {
    let accepted = plane.deliveries().into_iter().filter(harness::Delivery::is_accepted);
    let mut ids: Vec<_> = accepted.map(|delivery| delivery.id().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn all_dead_letters_are_delivered() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    dead(&plane, &spool, &["e-1", "e-2"]);
    let ended = callbacks(&["replay"], &spool, &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(lines(&ended), [["delivered", "e-1"], ["delivered", "e-2"]], "{ended:?}");
    assert_eq!(accepted(&plane), ["e-1", "e-2"]);
    let all = plane.of("e-1");
    assert!(all[1].repeats(&all[0]), "{all:?}");
    assert!(spool.dead().is_empty() && spool.lanes().is_empty(), "{:?} {:?}", spool.dead(), spool.lanes());
}

#[test]
fn only_those_that_are_named_are_delivered() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    dead(&plane, &spool, &["e-1", "e-2", "e-3"]);
    let ended = callbacks(&["replay", "e-3", "e-1"], &spool, &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(accepted(&plane), ["e-1", "e-3"]);
    assert_eq!(spool.dead().iter().map(harness::Entry::id).collect::<Vec<_>>(), ["e-2"]);
}

#[test]
fn what_is_not_delivered_stays_dead_with_its_new_reason() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    dead(&plane, &spool, &["e-1"]);
    plane.set(Mood::Status(410));
    let ended = callbacks(&["replay"], &spool, &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let lines = lines(&ended);
    assert_eq!((lines.len(), &*lines[0][0], &*lines[0][1]), (1, "not delivered", "e-1"));
    assert!(lines[0][2].contains("410"), "{ended:?}");
    let kept = spool.wait_for_dead("e-1");
    assert!(kept.death()["reason"].as_str().is_some_and(|reason| reason.contains("410")), "{:?}", kept.death());
    assert_eq!(kept.lines(), 3, "one reason");
    assert!(kept.body()["success"] == true && spool.entries().is_empty());
}

#[test]
fn the_number_of_attempts_counts() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    dead(&plane, &spool, &["e-1"]);
    plane.set(Mood::Status(503));
    let ended = callbacks(&["replay"], &spool, &[("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "2")]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(plane.of("e-1").len(), 3, "one before");
    assert_eq!(spool.dead().len(), 1);
}

#[test]
fn what_nobody_looks_after_is_delivered_and_else_stays_waiting() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    spool.leave("e-1", &plane.callback_url(), 2000);
    plane.set(Mood::Status(503));
    let ended = callbacks(&["replay"], &spool, &[("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "1")]);
    assert_eq!((ended.code, spool.ids()), (Some(1), vec!["e-1".to_owned()]), "{ended:?}");
    assert!(spool.dead().is_empty(), "{ended:?}");
    plane.set(Mood::Well);
    let ended = callbacks(&["replay"], &spool, &[]);
    assert_eq!((ended.code, spool.ids().len()), (Some(0), 0), "{ended:?}");
    assert_eq!(lines(&ended), [["delivered", "e-1"]]);
}

#[test]
fn what_a_living_process_looks_after_is_left_to_it() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Hold);
    let probe = probe(&plane, &spool, &[]);
    invoke_all(&probe, &["e-1"]);
    let _ = plane.arrived("e-1", 1);
    for words in [&["replay"][..], &["replay", "e-1"]] {
        let ended = callbacks(words, &spool, &[]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(lines(&ended), [["left", "e-1", "a running process delivers it"]], "{ended:?}");
    }
    plane.set(Mood::Well);
    spool.wait_until_empty();
    assert_eq!(plane.deliveries().len(), 1);
}

#[test]
fn an_id_that_is_nowhere_is_an_error() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    dead(&plane, &spool, &["e-1"]);
    let ended = callbacks(&["replay", "e-9"], &spool, &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains("e-9"), "{ended:?}");
    assert_eq!(spool.dead().len(), 1);
}

#[test]
fn an_empty_spool_has_nothing_to_replay() {
    let spool = Spool::new();
    std::fs::create_dir(spool.directory()).expect("a directory");
    let ended = callbacks(&["replay"], &spool, &[]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
}

#[test]
fn no_rule_is_weaker_than_in_the_server() {
    let (plane, other, spool) = (FlakyPlane::start(), FlakyPlane::start(), Spool::new());
    dead(&plane, &spool, &["e-1"]);
    spool.leave("link-local", "http://169.254.169.254", 1000);
    let ended = callbacks(&["replay"], &spool, &[("NANOFAAS_CALLBACK_ALLOW", &other.host())]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(lines(&ended).iter().all(|line| line[0] == "not delivered"), "{ended:?}");
    assert_eq!((lines(&ended).len(), plane.of("e-1").len()), (2, 1), "{ended:?}");
    let redirected = callbacks(&["replay", "e-1"], &spool, &[]);
    assert_eq!(redirected.code, Some(0), "{redirected:?}");
}

#[test]
fn one_that_cannot_be_read_is_not_posted_and_not_lost() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    spool.leave_bytes(harness::now_ms(), b"nonsense");
    let _ = callbacks(&["replay"], &spool, &[]);
    let kept = spool.entries().into_iter().chain(spool.dead());
    assert_eq!(kept.filter(|entry| entry.bytes.starts_with(b"nonsense")).count(), 1);
    assert!(plane.deliveries().is_empty());
}

#[test]
fn a_replay_that_is_killed_loses_nothing() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    dead(&plane, &spool, &["e-1", "e-2"]);
    plane.set(Mood::Hold);
    let mut command = std::process::Command::new(harness::binary("probe"));
    command.args(["callbacks", "replay"]).env_clear().env("NANOFAAS_CALLBACK_SPOOL_DIR", spool.path());
    let mut replay = harness::Function::launch(command);
    let _ = plane.arrived("e-1", 2);
    kill(&mut replay);
    plane.set(Mood::Well);
    let mut kept: Vec<_> = spool.entries().iter().chain(&spool.dead()).map(harness::Entry::id).collect();
    kept.sort();
    kept.dedup();
    assert_eq!(kept, ["e-1", "e-2"]);
    assert_eq!(callbacks(&["replay"], &spool, &[]).code, Some(0));
    let mut told = accepted(&plane);
    told.dedup();
    assert_eq!(told, ["e-1", "e-2"]);
    assert!(spool.entries().is_empty() && spool.dead().is_empty());
}

#[test]
fn two_replays_at_once_deliver_once() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let ids: Vec<_> = (0..40).map(|number| format!("e-{number:02}")).collect();
    dead(&plane, &spool, &ids.iter().map(String::as_str).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        let spool = &spool;
        let replays: Vec<_> = (0..3).map(|_| scope.spawn(move || callbacks(&["replay"], spool, &[]))).collect();
        for replay in replays {
            let ended = replay.join().expect("a replay");
            assert!(!ended.stdout.contains("not delivered"), "{ended:?}");
        }
    });
    assert_eq!(accepted(&plane), ids);
    assert!(spool.entries().is_empty() && spool.dead().is_empty());
}

#[test]
fn a_watchdog_has_it_too() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    dead(&plane, &spool, &["e-1"]);
    let ended = Watchdog::run(&["callbacks", "replay"], &[("NANOFAAS_CALLBACK_SPOOL_DIR", &spool.path())]);
    assert_eq!((ended.code, lines(&ended)), (Some(0), vec![vec!["delivered".to_owned(), "e-1".to_owned()]]));
    assert_eq!(plane.accepted("e-1").json()["output"], json!({ "echo": { "n": "e-1" } }));
}
