//! `callbacks list`: what lies in the spool, for whoever asks.

use harness::{Ended, FlakyPlane, Function, Mood, Spool, Watchdog, now_ms};

use crate::subject::command;
use crate::{invoke_all, kill, probe};

/// Runs `callbacks` with these words.
pub(crate) fn callbacks(words: &[&str], spool: &Spool, extra: &[(&str, &str)]) -> Ended {
    let path = spool.path();
    let own = [("NANOFAAS_CALLBACK_SPOOL_DIR", path.as_str())];
    Function::run("probe", &[&["callbacks"], words].concat(), &[&own, extra].concat(), "")
}

/// The rows below the headings, each as its columns.
fn rows(ended: &Ended) -> Vec<Vec<String>> {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let columns = |line: &str| {
        let parts = line.split("  ").map(str::trim).filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut lines = ended.stdout.lines().map(columns);
    assert_eq!(lines.next().unwrap_or_default(), ["STATE", "CREATED", "EXECUTION_ID", "ADDRESS", "REASON"]);
    lines.collect()
}

/// The time of an entry's name, as it is shown.
fn shown(entry_ms: u64) -> String {
    let seconds = (entry_ms / 1000).to_string();
    let date =
        std::process::Command::new("date").args(["-u", "-d", &format!("@{seconds}"), "+%Y-%m-%dT%H:%M:%SZ"]).output();
    String::from_utf8(date.expect("date").stdout).expect("a date").trim().to_owned()
}

#[test]
fn an_empty_spool_says_so() {
    for words in [&[][..], &["list"]] {
        let spool = Spool::new();
        std::fs::create_dir(spool.directory()).expect("a directory");
        let ended = callbacks(words, &spool, &[]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "no callbacks are spooled\n"), "{ended:?}");
        assert!(spool.lanes().is_empty(), "nothing is made");
    }
}

#[test]
fn everything_is_shown_the_oldest_first() {
    let (plane, spool) = (FlakyPlane::start(), Spool::new());
    plane.set_for("dead", Mood::Status(404));
    let mut gone = probe(&plane, &spool, &[]);
    invoke_all(&gone, &["dead"]);
    let dead = spool.wait_for_dead("dead");
    plane.close();
    invoke_all(&gone, &["gone"]);
    kill(&mut gone);
    let living = probe(&plane, &spool, &[("CALLBACK_URL", "http://127.0.0.1:1/base")]);
    spool.leave("ancient", &plane.callback_url(), 3_600_000);
    spool.leave_bytes(now_ms() - 7_200_000, b"nonsense");
    invoke_all(&living, &["living"]);
    let rows = rows(&callbacks(&["list"], &spool, &[]));
    let address = |id: &str| format!("{}/{id}:complete", plane.callback_url());
    assert_eq!(rows.len(), 5, "{rows:#?}");
    assert_eq!(rows[0][0], "unreadable", "{rows:#?}");
    assert_eq!((&*rows[1][0], &*rows[1][2], &rows[1][3]), ("waiting", "ancient", &address("ancient")));
    assert_eq!((&*rows[2][0], &*rows[2][2], &rows[2][3]), ("dead", "dead", &address("dead")));
    assert!(rows[2][4].contains("404"), "{rows:#?}");
    assert_eq!((&*rows[3][0], &*rows[3][2]), ("waiting", "gone"));
    assert_eq!(
        (&*rows[4][0], &*rows[4][2], &*rows[4][3]),
        ("waiting", "living", "http://127.0.0.1:1/base/living:complete")
    );
    assert_eq!(rows[2][1], shown(dead.head()["created"].as_u64().expect("milliseconds")));
}

#[test]
fn columns_stand_below_each_other() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    spool.leave("short", &plane.callback_url(), 2000);
    spool.leave("a-much-longer-execution-id-than-the-other-one", &plane.callback_url(), 1000);
    let ended = callbacks(&[], &spool, &[]);
    let column = |line: &str, word: &str| line.find(word).unwrap_or_else(|| panic!("{word} {ended:?}"));
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(column(lines[0], "ADDRESS"), column(lines[1], "http://"));
    assert_eq!(column(lines[0], "ADDRESS"), column(lines[2], "http://"));
    assert_eq!(column(lines[0], "EXECUTION_ID"), column(lines[1], "short"));
}

#[test]
fn secrets_of_an_address_are_not_shown() {
    let spool = Spool::new();
    let head = |url: &str| {
        let head = serde_json::json!({
            "version": 1, "created": now_ms(), "execution_id": "e-1", "url": url, "headers": {}, "body_bytes": 2,
        });
        spool.leave_bytes(now_ms(), format!("{head}\n{{}}\n").as_bytes());
    };
    head("http://user:hunter2@cp.example/base/e-1:complete?token=hunter3");
    let ended = callbacks(&[], &spool, &[]);
    assert!(ended.stdout.contains("cp.example/base/e-1:complete"), "{ended:?}");
    assert!(!ended.stdout.contains("hunter") && !ended.stdout.contains("user"), "{ended:?}");
}

#[test]
fn control_characters_of_an_id_are_escaped() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    let id = "a\u{1b}[31mb\nwaiting  c\td\u{7}\u{9b}e\u{202e}";
    let head = serde_json::json!({
        "version": 1, "created": now_ms(), "execution_id": id, "url": format!("{}/x:complete", plane.callback_url()),
        "headers": {}, "body_bytes": 2,
    });
    spool.leave_bytes(now_ms(), format!("{head}\n{{}}\n").as_bytes());
    let ended = callbacks(&[], &spool, &[]);
    assert_eq!(ended.stdout.lines().count(), 2, "{ended:?}");
    assert!(!ended.stdout.chars().any(|letter| letter.is_control() && letter != '\n'), "{ended:?}");
}

#[test]
fn without_a_directory_it_ends_with_64() {
    for words in [&["callbacks"][..], &["callbacks", "list"], &["callbacks", "replay"]] {
        for ended in [Function::run("probe", words, &[], ""), Watchdog::run(words, &[])] {
            assert_eq!(ended.code, Some(64), "{words:?} {ended:?}");
            assert!(ended.stderr.contains("NANOFAAS_CALLBACK_SPOOL_DIR"), "{ended:?}");
            assert_eq!(ended.stdout, "");
        }
    }
}

#[test]
fn a_directory_that_is_not_there_is_not_made_by_looking() {
    let spool = Spool::new();
    let _ = callbacks(&["list"], &spool, &[]);
    assert!(!spool.directory().exists());
}

#[test]
fn words_that_are_not_known_end_with_64() {
    let spool = Spool::new();
    std::fs::create_dir(spool.directory()).expect("a directory");
    for words in [&["lst"][..], &["list", "e-1"], &["--frobnicate"]] {
        let ended = callbacks(words, &spool, &[]);
        assert_eq!(ended.code, Some(64), "{words:?} {ended:?}");
        assert!(ended.stderr.starts_with("error: "), "{words:?} {ended:?}");
    }
}

#[test]
fn a_watchdog_has_it_too_and_needs_no_command_for_it() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    spool.leave("e-1", &plane.callback_url(), 1000);
    let path = spool.path();
    for extra in [&[][..], &[("EXECUTION_MODE", "STDIO"), ("WATCHDOG_CMD", &*command("STDIO"))]] {
        let own = [("NANOFAAS_CALLBACK_SPOOL_DIR", path.as_str())];
        let ended = Watchdog::run(&["callbacks"], &[&own, extra].concat());
        let rows = rows(&ended);
        assert_eq!((rows.len(), &*rows[0][0], &*rows[0][2]), (1, "waiting", "e-1"), "{rows:?}");
    }
}

#[test]
fn what_is_foreign_is_not_shown() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    spool.leave("e-1", &plane.callback_url(), 1000);
    std::fs::write(spool.left_lane().join("notes.txt"), "mine").expect("a file");
    std::fs::write(spool.left_lane().join("0123456789abcdef.part"), "half").expect("a file");

    assert_eq!(rows(&callbacks(&[], &spool, &[])).len(), 1);
}

/// A list into `head` must not end in a panic.
#[test]
fn a_reader_that_goes_away_is_no_trouble() {
    let (plane, spool) = (FlakyPlane::away(), Spool::new());
    for number in 0..2000 {
        spool.leave(&format!("e-{number}"), &plane.callback_url(), 1000);
    }
    let line = format!("'{}' callbacks | head -n 1", harness::binary("probe").display());
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", &line]).env("NANOFAAS_CALLBACK_SPOOL_DIR", spool.path());
    let ended = Function::run_command(shell, "");
    assert!(ended.stdout.starts_with("STATE") && !ended.stderr.contains("panic"), "{ended:?}");
}
