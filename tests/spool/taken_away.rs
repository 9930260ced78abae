//! The spool is moved, tidied up or limited under a running process.

use std::process::Command;

use harness::{FlakyPlane, Function, Mood, Spool, binary, eventually, has_command, skip};
use serde_json::json;

use crate::{invoke_all, probe};

#[test]
fn callbacks_that_wait_in_a_spool_which_is_away_for_a_while_are_delivered_when_it_is_back() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Status(503));
    let probe = probe(&plane, &spool, &[]);
    invoke_all(&probe, &["e-1", "e-2"]);
    let elsewhere = spool.directory().with_extension("elsewhere");
    std::fs::rename(spool.directory(), &elsewhere).expect("a directory");
    let _ = probe.wait_for_log("a file that cannot be read", |line| {
        line["reason"].as_str().is_some_and(|reason| reason.contains("the directory is gone"))
    });
    plane.set(Mood::Well);
    std::fs::rename(&elsewhere, spool.directory()).expect("a directory");
    for id in ["e-1", "e-2"] {
        assert!(plane.accepted(id).is_accepted(), "{id}");
    }
    spool.wait_until_empty();
    assert!(probe.metric("callback_drops_total", &[]) < 0.5);
}

#[test]
fn nothing_is_written_into_what_has_taken_the_place_of_the_spool() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let probe = probe(&plane, &spool, &[]);
    let elsewhere = spool.directory().with_extension("elsewhere");
    std::fs::rename(spool.directory(), &elsewhere).expect("a directory");
    std::fs::create_dir(spool.directory()).expect("a directory");
    assert_eq!(probe.invoke("refused", &json!(1)).refusal(), (503, "RUNTIME_SPOOL_UNAVAILABLE".to_owned()));
    assert_eq!(std::fs::read_dir(spool.directory()).expect("a directory").count(), 0);
    std::fs::remove_dir(spool.directory()).expect("a directory");
    std::fs::rename(&elsewhere, spool.directory()).expect("a directory");
    invoke_all(&probe, &["after"]);
    assert!(plane.accepted("after").is_accepted());
}

#[test]
fn the_directory_of_dead_letters_is_made_again() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set(Mood::Status(404));
    let probe = probe(&plane, &spool, &[]);
    std::fs::remove_dir(spool.directory().join("dead")).expect("a directory");
    invoke_all(&probe, &["e-1"]);
    let _ = spool.wait_for_dead("e-1");
    eventually("an entry less", || (probe.metric("spooled_callbacks", &[]) < 0.5).then_some(()));
}

#[test]
fn a_limit_of_file_sizes_is_an_error_and_no_end() {
    let limit = ["prlimit", "--fsize=4096"];
    if !has_command(&[&limit[..], &["true"]].concat()) {
        return skip("there is no `prlimit`");
    }
    let spool = Spool::new();
    let mut command = Command::new(limit[0]);
    command.arg(limit[1]).arg(binary("probe")).env("PORT", "0").env("NANOFAAS_CALLBACK_SPOOL_DIR", spool.path());
    let ended = Function::run_command(command, "");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("NANOFAAS_CALLBACK_SPOOL_DIR"), "{ended:?}");
}
