//! What lies in the directory: names, permissions, and the contents of an entry.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use harness::{FlakyPlane, Function, Mood, Spool, binary, has_command, now_ms, quote, skip};
use serde_json::{Value, json};

use crate::{invoke_all, probe, subject::SUBJECTS, subject::Subject};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap_or_else(|error| panic!("{error}: {}", path.display())).permissions().mode() & 0o7777
}

fn is_hex(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[test]
fn an_entry_lies_in_a_lane_of_the_process() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let before = now_ms();
    let probe = probe(&plane, &spool, &[]);
    invoke_all(&probe, &["e-1", "e-2"]);
    let after = now_ms();
    let [lane] = &spool.lanes()[..] else { panic!("{:?}", spool.lanes()) };
    let lane_id = lane.file_name().expect("a name").to_string_lossy().replace("lane-", "");
    assert!(is_hex(&lane_id), "{lane:?}");
    assert!(lane.join("lock").is_file());
    let mut sequences = Vec::new();
    for entry in spool.entries() {
        let name = entry.name();
        let parts: Vec<_> = name.strip_suffix(".callback").expect("its ending").split('-').collect();
        let [created, sequence, lane] = &parts[..] else { panic!("{name}") };
        assert!(created.len() == 13 && sequence.len() >= 6 && *lane == lane_id, "{name}");
        let created: u64 = created.parse().expect("milliseconds");
        assert!((before..=after).contains(&created), "{before} {created} {after}");
        assert_eq!(entry.head()["created"], created, "{name}");
        sequences.push(sequence.parse::<u64>().expect("a number"));
    }
    assert!(sequences.len() == 2 && sequences[0] != sequences[1], "{sequences:?}");
}

#[test]
fn an_entry_is_a_head_and_the_body_as_it_is_posted() {
    for kind in SUBJECTS {
        let (plane, spool) = (FlakyPlane::start(), Spool::new());
        plane.set(Mood::Hold);
        let subject = Subject::start(kind, &plane, &spool, &[]);
        subject.call("e-1");
        let posted = plane.arrived("e-1", 1).remove(0);
        let [entry] = &spool.entries()[..] else { panic!("{kind} {:?}", spool.entries()) };
        let head = entry.head();
        let mut keys: Vec<_> = head.as_object().expect("an object").keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["body_bytes", "created", "execution_id", "headers", "url", "version"], "{kind}");
        assert_eq!((&head["version"], &head["execution_id"]), (&json!(1), &json!("e-1")), "{kind}");
        assert_eq!(head["url"], format!("{}/e-1:complete", plane.callback_url()), "{kind}");
        assert_eq!(head["body_bytes"], posted.body.len(), "{kind}");
        assert!(entry.bytes.ends_with(&[b"\n", &posted.body[..], b"\n"].concat()), "{kind}");
        assert_eq!(entry.body(), subject.expected("e-1"), "{kind}");
        assert_eq!(entry.lines(), 2, "{kind}");
    }
}

#[test]
fn the_headers_of_the_invocation_are_kept_and_no_others() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let probe = probe(&plane, &spool, &[]);
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [
        ("X-Execution-Id", "e-1"),
        ("X-Trace-Id", "t-1"),
        ("traceparent", trace),
        ("X-Dispatch-Attempt", "2"),
        ("Authorization", "Bearer secret"),
        ("Cookie", "secret"),
    ];
    assert_eq!(probe.post(&headers, r#"{"input":1,"headers":{"x-secret":"secret"}}"#).status, 200);
    let entry = spool.entries().remove(0);
    let head = entry.head();
    let kept: Vec<(String, Value)> = head["headers"].as_object().expect("an object").clone().into_iter().collect();
    let kept: Vec<_> = kept.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    for (name, value) in [("x-trace-id", "t-1"), ("traceparent", trace), ("x-dispatch-attempt", "2")] {
        assert!(kept.contains(&(name.to_owned(), json!(value))), "{name} {kept:?}");
    }
    assert!(!String::from_utf8_lossy(&entry.bytes).contains("secret"), "{entry:?}");
    plane.open();
    let delivery = plane.accepted("e-1");
    assert_eq!((delivery.header("x-trace-id"), delivery.header("traceparent")), (Some("t-1"), Some(trace)));
    assert_eq!(delivery.header("x-dispatch-attempt"), Some("2"));
    assert_eq!(delivery.header("content-type"), Some("application/json"));
}

#[test]
fn ids_and_outputs_of_any_kind_are_kept_whole() {
    let spool = Spool::new();
    let plane = FlakyPlane::away();
    let mut first = probe(&plane, &spool, &[]);
    let ids = ["../../evil", "a b", "ünï", "100%", "a/b\\c", "\"quoted\"", "x".repeat(2000).leak()];
    for id in ids {
        assert_eq!(first.invoke(id, &json!({ "line": "one\ntwo\r\n\u{2028}\u{0}", "n": id })).status, 200, "{id}");
    }
    crate::kill(&mut first);
    assert_eq!(spool.entries().len(), ids.len());
    plane.open();
    let _second = probe(&plane, &spool, &[]);
    spool.wait_until_empty();
    let outputs: Vec<_> = plane.deliveries().iter().map(|delivery| delivery.json()["output"].clone()).collect();
    for id in ids {
        let expected = json!({ "echo": { "line": "one\ntwo\r\n\u{2028}\u{0}", "n": id } });
        assert!(outputs.contains(&expected), "{id}");
    }
    assert_eq!(outputs.len(), ids.len());
    assert!(plane.deliveries().iter().all(|delivery| delivery.path.starts_with("/v1/internal/executions/")));
}

#[test]
fn nobody_else_may_read_it_whatever_the_mask() {
    for mask in ["000", "022", "077"] {
        let (plane, spool) = (FlakyPlane::start(), Spool::new());
        plane.set(Mood::Status(404));
        let script = format!("umask {mask}; exec {}", quote(&binary("probe").display().to_string()));
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &script]).env_clear().env("PORT", "0");
        command.env("CALLBACK_URL", plane.callback_url()).env("NANOFAAS_CALLBACK_SPOOL_DIR", spool.path());
        let mut probe = Function::launch(command);
        probe.wait_until_ready();
        invoke_all(&probe, &["dead"]);
        let dead = spool.wait_for_dead("dead");
        plane.close();
        invoke_all(&probe, &["e-1"]);
        let lane = spool.lanes().remove(0);
        for directory in [spool.directory(), &lane, &spool.directory().join("dead")] {
            assert_eq!(mode(directory), 0o700, "{mask} {directory:?}");
        }
        for file in [&lane.join("lock"), &spool.entries()[0].path, &dead.path] {
            assert_eq!(mode(file), 0o600, "{mask} {file:?}");
        }
        for part in spool.parts() {
            assert_eq!(mode(&part), 0o600, "{mask} {part:?}");
        }
    }
}

#[test]
fn a_lane_is_locked_as_long_as_its_process_lives() {
    if !has_command(&["flock", "--version"]) {
        return skip("there is no `flock`");
    }
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let mut probe = probe(&plane, &spool, &[]);
    invoke_all(&probe, &["e-1"]);
    let lock = spool.lanes().remove(0).join("lock").display().to_string();
    assert!(!has_command(&["flock", "-n", &lock, "true"]), "the lane is free");
    crate::kill(&mut probe);
    assert!(has_command(&["flock", "-n", &lock, "true"]), "the lane is still locked");
}

/// Children must not keep a lane locked that their watchdog has left.
#[test]
fn a_lock_is_not_inherited_by_children() {
    if !has_command(&["flock", "--version"]) {
        return skip("there is no `flock`");
    }
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    for mode in ["STDIO", "HTTP", "WORKER"] {
        let subject = Subject::start(mode, &plane, &spool, &[]);
        let script = "for fd in /proc/self/fd/*; do readlink $fd; done >&2; ls -l /proc/$PPID/fd >&2; echo END >&2";
        assert_eq!(subject.invoke("e-1", &json!({ "sh": script })).status, 200, "{mode}");
        let path = spool.path();
        let _ = subject
            .wait_for_log("the descriptors", |line| line["message"].as_str().is_some_and(|text| text.contains("END")));
        let of_child = |line: &Value| line["stream"] == "stderr" && line.to_string().contains(&path);
        assert_eq!(subject.log_lines(of_child), Vec::<Value>::new(), "{mode}");
    }
}

#[test]
fn an_idle_process_holds_nothing_but_its_lock() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let mut probe = probe(&plane, &spool, &[]);
    invoke_all(&probe, &["e-1", "e-2", "e-3"]);
    spool.wait_until_empty();
    probe.stop();
    assert_eq!(spool.lanes(), Vec::<std::path::PathBuf>::new(), "an empty lane is removed at a clean end");
}
