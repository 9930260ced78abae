//! A spool that cannot be used ends the process before it listens, with a line that says what to do.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use harness::{Ended, Function, Scratch, SmallDisk, Watchdog, binary, eventually, has_command};
use serde_json::json;

use crate::subject::{SUBJECTS, command};

const DIR: &str = "NANOFAAS_CALLBACK_SPOOL_DIR";

fn run(kind: &str, path: &str) -> Ended {
    match kind {
        "probe" | "hello" => Function::run(kind, &[], &[("PORT", "0"), (DIR, path)], ""),
        mode => Watchdog::run_warm(mode, &command(mode), &[(DIR, path)]),
    }
}

/// One line that names the variable and the path, and nothing was served.
fn is_refused(ended: &Ended, code: i32, path: &str) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let errors: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "{ended:?}");
    assert!(errors[0].contains(DIR) && errors[0].contains(path), "{ended:?}");
    assert!(!ended.stderr.contains(r#""message":"ready""#), "{ended:?}");
}

#[test]
fn a_missing_directory_is_made_with_its_parents() {
    let scratch = Scratch::new();
    let path = scratch.path().join("a/b/spool");
    let mut probe = Function::start("probe", &[(DIR, &path.display().to_string())]);
    let mode = std::fs::metadata(&path).expect("a directory").permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
    probe.stop();
}

#[test]
fn a_file_in_its_place_ends_with_64() {
    let scratch = Scratch::new();
    let path = scratch.path().join("file");
    std::fs::write(&path, "mine").expect("a file");
    let path = path.display().to_string();
    for kind in SUBJECTS {
        is_refused(&run(kind, &path), 64, &path);
    }
    let below = format!("{path}/spool");
    is_refused(&run("probe", &below), 64, &below);
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), "mine");
}

#[test]
fn a_directory_that_is_not_allowed_ends_with_64() {
    let scratch = Scratch::new();
    let (program, directory) = (scratch.path().join("probe"), scratch.path().join("closed"));
    std::fs::copy(binary("probe"), &program).expect("a copy");
    std::fs::create_dir(&directory).expect("a directory");
    std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o500)).expect("its owner");
    std::fs::set_permissions(scratch.path(), PermissionsExt::from_mode(0o755)).expect("its owner");
    let path = directory.join("spool").display().to_string();
    let mut command = Command::new(&program);
    command.env_clear().env("PORT", "0").env(DIR, &path);
    // Nothing is forbidden to root.
    if has_command(&["test", "-O", "/"]) {
        command.uid(65_534).gid(65_534);
    }
    let ended = Function::run_command(command, "");
    is_refused(&ended, 64, &path);
    assert!(ended.stderr.to_lowercase().contains("permission"), "{ended:?}");
}

#[test]
fn a_file_system_that_is_read_only_ends_with_64() {
    let Some(disk) = SmallDisk::mount("size=8m") else { return };
    disk.remount("ro");
    let path = disk.path("spool");
    let mut probe = disk.spawn("probe", &[(DIR, &path)]);
    assert_eq!(probe.wait().code(), Some(64), "{:?}", probe.log());
    says(&probe, &path);
    disk.remount("rw");
    std::fs::create_dir(disk.view().join("spool")).expect("a directory");
    disk.remount("ro");
    let mut probe = disk.spawn("probe", &[(DIR, &path)]);
    assert_eq!(probe.wait().code(), Some(64), "{:?}", probe.log());
    says(&probe, &path);
}

#[test]
fn a_disk_without_room_ends_with_1() {
    // Two inodes are taken by the root and the mark of the mount.
    let Some(disk) = SmallDisk::mount("size=8m,nr_inodes=2") else { return };
    std::fs::write(disk.view().join("last"), "").expect("an inode");
    let path = disk.path("spool");
    let mut probe = disk.spawn("probe", &[(DIR, &path)]);
    assert_eq!(probe.wait().code(), Some(1), "{:?}", probe.log());
    says(&probe, &path);
}

fn says(probe: &Function, path: &str) {
    let log = probe.log();
    let errors: Vec<_> = log.iter().filter(|line| line.starts_with("error:")).collect();
    assert!(errors.len() == 1 && errors[0].contains(DIR) && errors[0].contains(path), "{log:?}");
}

#[test]
fn a_time_to_live_out_of_range_ends_with_64() {
    let scratch = Scratch::new();
    let path = scratch.path().join("spool").display().to_string();
    for value in ["0", "31622400001", "-1", "soon", "1.5"] {
        let ended =
            Function::run("probe", &[], &[("PORT", "0"), (DIR, &path), ("NANOFAAS_CALLBACK_SPOOL_TTL", value)], "");
        assert_eq!(ended.code, Some(64), "{value} {ended:?}");
        assert!(ended.stderr.contains("NANOFAAS_CALLBACK_SPOOL_TTL"), "{value} {ended:?}");
    }
    for value in ["1", "31622400000"] {
        Function::start("probe", &[(DIR, &path), ("NANOFAAS_CALLBACK_SPOOL_TTL", value)]).stop();
    }
}

#[test]
fn a_blank_name_is_no_spool() {
    let probe = Function::start("probe", &[(DIR, "  ")]);
    assert!(!probe.get("/metrics").text().contains("spooled_callbacks"));
}

#[test]
fn commands_that_serve_nothing_do_not_touch_it() {
    let scratch = Scratch::new();
    let path = scratch.path().join("spool");
    let variables = [(DIR, path.to_str().expect("a path")), ("PORT", "1")];
    for arguments in [&["invoke", "1"][..], &["schema"], &["health"], &["--help"], &["--version"]] {
        let ended = Function::run("probe", arguments, &variables, "");
        assert!(!ended.stderr.contains(DIR), "{arguments:?} {ended:?}");
        assert!(!path.exists(), "{arguments:?} {ended:?}");
    }
    let file = scratch.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let ended = Function::run("probe", &["invoke", "1"], &[(DIR, &file.display().to_string())], "");
    assert_eq!((ended.code, ended.stdout.trim()), (Some(0), r#"{"echo":1}"#), "{ended:?}");
}

/// Whatever it lies beside, one directory can be the spool of several functions.
#[test]
fn what_lies_in_the_directory_already_does_not_hold_up_a_start() {
    let scratch = Scratch::new();
    for name in ["lost+found", "lane-", "lane-xyz", "lane-00000000000000g0", ".hidden", "lane-0123456789abcdef0"] {
        std::fs::create_dir(scratch.path().join(name)).expect("a directory");
    }
    std::fs::write(scratch.path().join("lane-0123456789abcdef"), "a file").expect("a file");
    std::fs::write(scratch.path().join("dead.txt"), "a file").expect("a file");
    let before = names(scratch.path());
    let mut probe = Function::start("probe", &[(DIR, &scratch.path().display().to_string())]);
    assert_eq!(probe.invoke("e-1", &json!(1)).status, 200);
    probe.stop();
    let after = names(scratch.path());
    assert!(before.iter().all(|name| after.contains(name)), "{before:?} {after:?}");
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("a directory").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_dead_letter_box_that_is_a_file_is_a_start_error_or_none_of_its_business() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path().join("dead"), "mine").expect("a file");
    let path = scratch.path().display().to_string();
    let mut probe = Function::spawn("probe", &[(DIR, &path)]);
    let ended = eventually("an end or readiness", || {
        let log = probe.log();
        let known = |line: &String| line.starts_with("error:") || line.contains(r#""message":"ready""#);
        log.into_iter().find(known)
    });
    if ended.starts_with("error:") {
        assert!(probe.wait().code() == Some(64) && ended.contains(DIR), "{ended}");
    }
    assert_eq!(std::fs::read_to_string(scratch.path().join("dead")).expect("the file"), "mine");
}
