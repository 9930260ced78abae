//! Where no room can be reserved nothing runs that could not be called back; when it is back, so is the
//! service.

use harness::{FlakyPlane, Function, Mood, SmallDisk, eventually};
use serde_json::{Value, json};

const DIR: &str = "NANOFAAS_CALLBACK_SPOOL_DIR";

fn probe(disk: &SmallDisk, plane: &FlakyPlane) -> Function {
    disk.start("probe", &[("CALLBACK_URL", &plane.callback_url()), (DIR, &disk.path("spool"))])
}

fn status(function: &Function, id: &str) -> u16 {
    function.invoke(id, &json!({ "n": id })).status
}

/// Takes what has become free, if this disk is full.
fn fill_up(disk: &SmallDisk) {
    if disk.view().join("ballast").exists() {
        disk.fill(0);
    }
}

/// The refusal of a request that cannot be called back; its message. What room was held back before may be used
/// up first.
fn is_refused(function: &Function, disk: &SmallDisk, id: &str) -> String {
    for number in 0.. {
        let before = function.invoke(&format!("{id}-{number}"), &json!({ "n": id }));
        if before.status != 200 {
            break;
        }
        assert!(number < 20, "a full disk has room without end");
        fill_up(disk);
    }
    fill_up(disk);
    let answer = function.invoke(id, &json!({ "n": id }));
    assert_eq!(answer.refusal(), (503, "RUNTIME_SPOOL_UNAVAILABLE".to_owned()), "{}", answer.text());
    let message = answer.json()["error"].as_str().expect("a message").to_owned();
    assert!(message.contains(DIR), "{message}");
    assert!(!message.contains(&disk.path("spool")), "the path is not the caller's business: {message}");
    let path = disk.path("spool");
    let _ = function.wait_for_log("the path", |line| line.to_string().contains(&path));
    message
}

#[test]
fn a_full_disk_refuses_what_has_a_callback_and_nothing_else() {
    let Some(disk) = SmallDisk::mount("size=8m") else { return };
    let plane = FlakyPlane::start();
    let probe = probe(&disk, &plane);
    assert_eq!(status(&probe, "before"), 200);
    disk.spool("spool").wait_until_empty();
    disk.fill(0);
    let message = is_refused(&probe, &disk, "refused").to_lowercase();
    assert!(message.contains("space"), "{message}");
    for path in ["/health", "/ready", "/metrics"] {
        assert_eq!(probe.get(path).status, 200, "{path}");
    }
    let code = r#"code="RUNTIME_SPOOL_UNAVAILABLE""#;
    assert!(probe.metric("refusals_total", &[code]) >= 1.0);
    let ran = probe.log_lines(|line| line["message"] == "invocation" && line["execution_id"] == "refused");
    assert!(ran.iter().all(|line| line["status"] == 503), "{ran:?}");
    disk.free();
    assert_eq!(status(&probe, "after"), 200);
    assert!(plane.accepted("after").is_accepted());
    assert!(plane.of("refused").is_empty());
}

#[test]
fn the_function_does_not_run_where_it_could_not_be_called_back() {
    let Some(disk) = SmallDisk::mount("size=8m") else { return };
    let (plane, gate) = (FlakyPlane::start(), harness::Gate::new());
    let extra = [("FUNCTION_HANDLER", "gate"), ("CALLBACK_URL", &*plane.callback_url()), (DIR, &*disk.path("spool"))];
    let specimen = disk.start("specimen", &extra);
    disk.fill(0);
    assert_eq!(specimen.post(&[("X-Execution-Id", "e-1")], gate.body()).failure().1, "RUNTIME_SPOOL_UNAVAILABLE");
    let entered = std::path::PathBuf::from(gate.path()).with_extension("entered");
    assert!(!entered.exists(), "the function ran");
}

#[test]
fn without_a_callback_a_full_disk_is_nobodys_business() {
    let Some(disk) = SmallDisk::mount("size=8m") else { return };
    let probe = disk.start("probe", &[(DIR, &disk.path("spool"))]);
    disk.fill(0);
    assert_eq!(status(&probe, "e-1"), 200);
}

/// What was admitted has its room, however full the disk gets meanwhile.
#[test]
fn a_disk_that_fills_up_while_the_function_runs_loses_nothing() {
    let Some(disk) = SmallDisk::mount("size=8m") else { return };
    let (plane, gate) = (FlakyPlane::away(), harness::Gate::new());
    let extra = [("FUNCTION_HANDLER", "gate"), ("CALLBACK_URL", &*plane.callback_url()), (DIR, &*disk.path("spool"))];
    let mut specimen = disk.start("specimen", &extra);
    let mut caller = specimen.connect();
    caller.begin(&[("X-Execution-Id", "e-1")], &gate.body());
    gate.wait_until_entered();
    disk.fill(0);
    gate.open("");
    assert_eq!(caller.answer().expect("an answer").status, 200);
    assert_eq!(disk.spool("spool").ids(), ["e-1"]);
    crate::kill(&mut specimen);
    plane.open();
    // A disk that is full must not keep anybody from emptying it.
    let second = disk.spawn("specimen", &extra);
    let delivered = eventually("a delivery or an end", || {
        let ended = second.log().iter().any(|line| line.starts_with("error:"));
        (ended || !plane.of("e-1").is_empty()).then_some(!ended)
    });
    if !delivered {
        disk.free();
        let _third = disk.start("specimen", &extra);
        assert!(plane.accepted("e-1").is_accepted());
    }
    assert_eq!(plane.accepted("e-1").json()["output"], "through");
}

#[test]
fn a_backlog_is_delivered_from_a_full_disk() {
    let Some(disk) = SmallDisk::mount("size=8m") else { return };
    let plane = FlakyPlane::start();
    plane.set(Mood::Status(503));
    let probe = probe(&disk, &plane);
    let spool = disk.spool("spool");
    assert_eq!((status(&probe, "e-1"), status(&probe, "e-2")), (200, 200));
    disk.fill(0);
    let _ = is_refused(&probe, &disk, "refused");
    plane.set(Mood::Well);
    spool.wait_until_empty();
    assert!(plane.accepted("e-1").is_accepted() && plane.accepted("e-2").is_accepted());
}

#[test]
fn a_dead_letter_needs_no_room_to_be_kept() {
    let Some(disk) = SmallDisk::mount("size=8m") else { return };
    let plane = FlakyPlane::start();
    plane.set(Mood::Hold);
    let probe = probe(&disk, &plane);
    let spool = disk.spool("spool");
    assert_eq!(status(&probe, "e-1"), 200);
    let _ = plane.arrived("e-1", 1);
    disk.fill(0);
    plane.set(Mood::Status(404));
    // In the lane or among the dead letters, but not gone.
    let _ = probe.wait_for_log("the dead letter", |line| line["execution_id"] == "e-1" && line["level"] == "ERROR");
    let kept = spool.ids().len() + spool.dead().len();
    assert_eq!(kept, 1, "{:?} {:?}", spool.entries(), spool.dead());
    disk.free();
    let dead = spool.wait_for_dead("e-1");
    assert_eq!(dead.body()["output"], json!({ "echo": { "n": "e-1" } }));
}

#[test]
fn a_disk_without_inodes_refuses_and_recovers() {
    let Some(disk) = SmallDisk::mount("size=8m,nr_inodes=40") else { return };
    let plane = FlakyPlane::start();
    let probe = probe(&disk, &plane);
    assert_eq!(status(&probe, "before"), 200);
    disk.spool("spool").wait_until_empty();
    let ballast: Vec<_> = (0..60).map(|number| disk.view().join(format!("ballast-{number}"))).collect();
    let made: Vec<_> = ballast.iter().filter(|path| std::fs::write(path, "").is_ok()).collect();
    assert!(made.len() < 60);
    let _ = is_refused(&probe, &disk, "refused");
    for path in made {
        std::fs::remove_file(path).expect("a file");
    }
    assert_eq!(status(&probe, "after"), 200);
    assert!(plane.accepted("after").is_accepted());
}

#[test]
fn a_disk_that_becomes_read_only_refuses_and_recovers() {
    let Some(disk) = SmallDisk::mount("size=8m") else { return };
    let plane = FlakyPlane::start();
    plane.set(Mood::Status(503));
    let mut probe = probe(&disk, &plane);
    let spool = disk.spool("spool");
    assert_eq!(status(&probe, "before"), 200);
    disk.cover("spool");
    let message = is_refused(&probe, &disk, "refused").to_lowercase();
    assert!(message.contains("read-only"), "{message}");
    plane.set(Mood::Well);
    assert!(plane.accepted("before").is_accepted());
    // What is delivered and cannot be removed may come once more, from the next process.
    let stuck = |line: &Value| line["execution_id"] == "before" && line.to_string().contains("cannot be removed");
    let _ = probe.wait_for_log("an entry that stays", stuck);
    disk.uncover("spool");
    assert_eq!(status(&probe, "after"), 200);
    assert!(plane.accepted("after").is_accepted());
    probe.stop();
    let _next = crate::full_disk::probe(&disk, &plane);
    spool.wait_until_empty();
    assert!(plane.of("refused").is_empty());
    assert!(plane.of("before").iter().all(|delivery| delivery.repeats(&plane.of("before")[0])));
}

/// As many as there is room for are admitted, the others refused; all that were answered arrive.
#[test]
fn room_that_is_short_is_given_to_as_many_as_it_is_enough_for() {
    let Some(disk) = SmallDisk::mount("size=4m") else { return };
    let plane = FlakyPlane::away();
    let mut probe = probe(&disk, &plane);
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let probe = &probe;
        let calls: Vec<_> = (0..12)
            .map(|number| {
                scope.spawn(move || {
                    let id = format!("e-{number}");
                    let answer = probe.invoke(&id, &json!({ "sleep_ms": 300, "blob_bytes": 300_000 }));
                    let code = answer.failure().1;
                    (id, answer.status, code)
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().expect("a call")).collect()
    });
    let mut accepted: Vec<_> = statuses.iter().filter(|call| call.1 == 200).map(|call| call.0.clone()).collect();
    let refused: Vec<_> = statuses.iter().filter(|call| call.1 != 200).collect();
    assert!(!accepted.is_empty() && !refused.is_empty(), "{statuses:?}");
    assert!(refused.iter().all(|call| call.1 == 503 && call.2 == "RUNTIME_SPOOL_UNAVAILABLE"), "{statuses:?}");
    crate::kill(&mut probe);
    plane.open();
    let _second = crate::full_disk::probe(&disk, &plane);
    disk.spool("spool").wait_until_empty();
    let mut delivered = plane.ids();
    delivered.sort();
    accepted.sort();
    assert_eq!(delivered, accepted);
}
