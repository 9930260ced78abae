//! Files that are torn, hostile or of somebody else stop nothing, and nothing of them is lost.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use harness::{FlakyPlane, Process, Spool, has_command, now_ms, skip};
use serde_json::{Value, json};

use crate::{invoke_all, probe};

/// Everything below, with the contents of files.
fn tree(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            found.push((path.clone(), Vec::new()));
            found.extend(tree(&path));
        } else {
            let text = if path.is_file() { std::fs::read(&path).unwrap_or_default() } else { Vec::new() };
            found.push((path, text));
        }
    }
    found
}

fn head(id: &str, url: &str, length: usize) -> Value {
    json!({
        "version": 1, "created": now_ms(), "execution_id": id, "url": format!("{url}/{id}:complete"),
        "headers": {}, "body_bytes": length,
    })
}

fn text_of(head: &Value, body: &str) -> Vec<u8> {
    format!("{head}\n{body}\n").into_bytes()
}

/// What a crash, a bad disk or somebody with an editor leaves under the name of an entry.
fn broken(url: &str) -> Vec<(&'static str, Vec<u8>)> {
    let whole = text_of(&head("torn", url, 17), r#"{"success":false}"#);
    let with = |key: &str, value: Value| {
        let mut head = head("bad", url, 2);
        head[key] = value;
        text_of(&head, "{}")
    };
    let without = |key: &str| {
        let mut head = head("bad", url, 2);
        head.as_object_mut().expect("an object").remove(key);
        text_of(&head, "{}")
    };
    vec![
        ("empty", Vec::new()),
        ("zeroes", vec![0; 4096]),
        ("newlines", vec![b'\n'; 3]),
        ("binary", (0..=255).cycle().take(3000).collect()),
        ("torn in its head", whole[..40].to_vec()),
        ("torn before its body", whole[..whole.len() - 18].to_vec()),
        ("torn in its body", whole[..whole.len() - 5].to_vec()),
        ("without its last newline", whole[..whole.len() - 1].to_vec()),
        ("zeroes at its end", [&whole[..whole.len() - 9], &[0; 9]].concat()),
        ("a body that is longer than it says", text_of(&head("bad", url, 1), "{}")),
        ("a body that is shorter than it says", text_of(&head("bad", url, 3), "{}")),
        ("a length beyond all memory", with("body_bytes", json!(u64::MAX))),
        ("a length below zero", with("body_bytes", json!(-1))),
        ("another version", with("version", json!(2))),
        ("no version", without("version")),
        ("no address", without("url")),
        ("no execution id", without("execution_id")),
        ("no length", without("body_bytes")),
        ("a head of another kind", b"[1,2,3]\n{}\n".to_vec()),
        ("a head that never ends", vec![b'['; 100_000]),
        ("an address of another kind", with("url", json!(7))),
        ("headers of another kind", with("headers", json!(["a", "b"]))),
    ]
}

#[test]
fn a_broken_entry_is_kept_as_it_is_and_the_others_are_delivered() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let url = plane.callback_url();
    let mut left = Vec::new();
    for (number, (what, bytes)) in (0_u64..).zip(broken(&url)) {
        left.push((what, spool.leave_bytes(now_ms() - 60_000 + number, &bytes), bytes));
    }
    spool.leave("good", &url, 1000);
    let mut probe = probe(&plane, &spool, &[]);
    assert!(plane.accepted("good").is_accepted());
    invoke_all(&probe, &["new"]);
    assert!(plane.accepted("new").is_accepted());
    spool.wait_until_empty();
    assert_eq!(probe.log_lines(|line| line["level"] == "ERROR").len(), left.len(), "{:#?}", probe.log());
    probe.stop();
    let mut lost = Vec::new();
    for (what, path, bytes) in &left {
        let kept = spool.directory().join("dead").join(path.file_name().expect("a name"));
        match std::fs::read(&kept) {
            Ok(found) if found == *bytes => {}
            Ok(_) => lost.push(format!("{what}: changed")),
            Err(_) => lost.push(format!("{what}: not there")),
        }
    }
    assert!(lost.is_empty(), "{lost:#?}\n{:#?}", plane.deliveries());
    assert_eq!(plane.ids(), ["good", "new"]);
}

/// Whether they are posted or kept is not said; they must not become what they are not.
#[test]
fn an_entry_with_something_strange_in_it_is_posted_or_kept() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let url = plane.callback_url();
    let strange = |id: &str, headers: Value| {
        let mut head = head(id, &url, 2);
        head["headers"] = headers;
        text_of(&head, "{}")
    };
    let all = [
        ("a-name", strange("a-name", json!({ "a\r\nx-evil": "1" }))),
        ("a-value", strange("a-value", json!({ "x-trace-id": "1\r\nx-evil: 1" }))),
        ("no-json", text_of(&head("no-json", &url, 2), "{]")),
        ("more", [&strange("more", json!({}))[..], b"more"].concat()),
        ("half-a-reason", [&strange("half-a-reason", json!({}))[..], br#"{"reason":"re"#].concat()),
    ];
    for (_, bytes) in &all {
        spool.leave_bytes(now_ms() - 1000, bytes);
    }
    spool.leave("good", &url, 500);
    let _probe = probe(&plane, &spool, &[]);
    assert!(plane.accepted("good").is_accepted());
    spool.wait_until_empty();
    for (id, bytes) in &all {
        let kept = spool.dead().iter().any(|entry| entry.bytes.starts_with(bytes));
        assert!(kept != plane.of(id).iter().any(harness::Delivery::is_accepted), "{id}");
    }
    for delivery in plane.deliveries() {
        assert!(delivery.header("x-evil").is_none(), "{delivery:?}");
        assert!(delivery.body.len() == 2 || delivery.id() == "good", "{delivery:?}");
    }
}

#[test]
fn broken_entries_are_counted() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    for number in 0..3 {
        spool.leave_bytes(now_ms() - 10 + number, b"nonsense");
    }
    let probe = probe(&plane, &spool, &[]);
    spool.wait_until_empty();
    probe.wait_for_metric("callback_dead_letters_total", &[], 3);
    probe.wait_for_metric("spooled_callbacks", &[], 0);
}

#[test]
fn what_has_another_name_is_left_alone() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let good = spool.leave("good", &plane.callback_url(), 1000);
    let bytes = std::fs::read(&good).expect("an entry");
    let lane = spool.left_lane();
    let name = good.file_name().expect("a name").to_string_lossy().into_owned();
    let names = [
        "notes.txt".to_owned(),
        format!(".{name}"),
        format!("{name}.bak"),
        format!("{name}~"),
        name.to_uppercase(),
        name.replace(".callback", ".CALLBACK"),
        name.replace("-0000", "-"),
        name.replace("00000000000000aa", "00000000000000zz"),
        "x.callback".to_owned(),
        "-1-000000-00000000000000aa.callback".to_owned(),
        "xyz.part".to_owned(),
    ];
    for name in &names {
        std::fs::write(lane.join(name), &bytes).expect("a writable spool");
    }
    std::fs::create_dir(lane.join("folder")).expect("a writable spool");
    for directory in ["other", "lane-short", "lane-00000000000000gg"] {
        let directory = spool.directory().join(directory);
        std::fs::create_dir(&directory).expect("a writable spool");
        std::fs::write(directory.join(&name), &bytes).expect("a writable spool");
    }
    std::fs::write(spool.directory().join(&name), &bytes).expect("a writable spool");
    let own = |(path, _): &(PathBuf, Vec<u8>)| *path != good && !path.ends_with("lock");
    let before: Vec<_> = tree(spool.directory()).into_iter().filter(own).collect();
    let mut probe = probe(&plane, &spool, &[]);
    assert!(plane.accepted("good").is_accepted());
    invoke_all(&probe, &["e-1"]);
    spool.wait_until_empty();
    probe.stop();
    let after = tree(spool.directory());
    let missing: Vec<_> = before.iter().filter(|file| !after.contains(file)).map(|(path, _)| path).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert_eq!(plane.deliveries().len(), 2, "{:?}", plane.ids());
}

#[test]
fn links_directories_and_pipes_with_an_entrys_name_stop_nothing() {
    if !has_command(&["mkfifo", "--version"]) {
        return skip("there is no `mkfifo`");
    }
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    let outside = harness::Scratch::new();
    let secret = outside.path().join("secret");
    std::fs::write(&secret, "secret").expect("a file");
    let lane = spool.left_lane();
    let created = now_ms() - 60_000;
    let name = |number: u32| lane.join(format!("{created:013}-{number:06}-00000000000000aa.callback"));
    symlink(&secret, name(900_001)).expect("a link");
    symlink("/dev/zero", name(900_002)).expect("a link");
    symlink("nowhere", name(900_003)).expect("a link");
    std::fs::create_dir(name(900_004)).expect("a directory");
    std::fs::write(name(900_004).join("inside"), "mine").expect("a file");
    assert!(has_command(&["mkfifo", &name(900_005).display().to_string()]));
    let huge = std::fs::File::create(name(900_006)).expect("a file");
    huge.set_len(1 << 36).expect("a file with a hole");
    symlink(outside.path(), spool.directory().join("lane-00000000000000bb")).expect("a link");
    spool.leave("good", &plane.callback_url(), 1000);
    let mut probe = probe(&plane, &spool, &[]);
    assert!(plane.accepted("good").is_accepted());
    invoke_all(&probe, &["new"]);
    assert!(plane.accepted("new").is_accepted());
    assert!(Process(probe.id()).memory_at_most() < 200_000, "a huge file was read");
    probe.stop();
    assert_eq!(std::fs::read_to_string(&secret).expect("the file"), "secret");
    assert_eq!(std::fs::read_dir(outside.path()).expect("the directory").count(), 1);
    assert_eq!(plane.deliveries().len(), 2, "{:?}", plane.ids());
}

#[test]
fn a_lane_without_a_lock_is_taken_over() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    spool.leave("e-1", &plane.callback_url(), 1000);
    std::fs::remove_file(spool.left_lane().join("lock")).expect("a lock");
    let _probe = probe(&plane, &spool, &[]);
    assert!(plane.accepted("e-1").is_accepted());
    spool.wait_until_empty();
}
