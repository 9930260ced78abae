//! Variables of workers: what they mean, and mistakes in them.

use harness::{Handlers, Watchdog, child};
use serde_json::json;

#[test]
fn without_a_command_and_a_handler_nothing_starts() {
    for extra in [&[][..], &[("HANDLER_MODULE", "  ")], &[("HANDLER_FUNCTION", "handle")]] {
        let ended = Watchdog::run_warm("WORKER", "", extra);
        assert_eq!(ended.code, Some(64), "{extra:?} {ended:?}");
        for name in ["WATCHDOG_CMD", "HANDLER_MODULE"] {
            assert!(ended.stderr.contains(name), "{name} {ended:?}");
        }
    }
}

#[test]
fn each_mistake_is_told_with_its_value() {
    for (name, value) in [
        ("WATCHDOG_WORKERS", "0"),
        ("WATCHDOG_WORKERS", "-1"),
        ("WATCHDOG_WORKERS", "many"),
        ("OW_WAIT_FOR_ACK", "maybe"),
        ("READY_TIMEOUT_MS", "soon"),
        ("WARM_MAX_INVOCATIONS", "many"),
        ("WATCHDOG_CRASH_LIMIT", "x"),
        ("WATCHDOG_CMD", "cat 'open"),
        ("WATCHDOG_PRESPAWN", "2"),
    ] {
        let ended = Watchdog::run_warm("WORKER", &child("worker"), &[(name, value)]);
        assert_eq!(ended.code, Some(64), "{name}={value} {ended:?}");
        assert!(ended.stderr.contains(name) && !ended.stderr.contains("panicked"), "{name}={value} {ended:?}");
    }
}

#[test]
fn every_mistake_is_listed_at_once_with_its_value() {
    let mistakes = [
        ("WATCHDOG_WORKERS", "many"),
        ("OW_WAIT_FOR_ACK", "maybe"),
        ("WATCHDOG_CMD", "cat 'open"),
        ("READY_TIMEOUT_MS", "soon"),
        ("WATCHDOG_KILL_GRACE_MS", "1s"),
    ];
    let ended = Watchdog::run_warm("WORKER", "", &mistakes);
    assert_eq!(ended.code, Some(64), "{ended:?}");
    for (name, value) in mistakes {
        let told = |line: &str| line.contains(&format!("{name} ")) && line.contains(value);
        assert!(ended.stderr.lines().any(told), "{name}={value} is not in\n{}", ended.stderr);
    }
}

#[test]
fn a_handler_that_is_not_there_is_listed_with_the_others() {
    let ended = Handlers::empty().run(&[("WATCHDOG_WORKERS", "many")]);
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(ended.stderr.contains("WATCHDOG_WORKERS") && ended.stderr.contains("HANDLER_MODULE"), "{ended:?}");
}

#[test]
fn a_command_line_of_the_interpreter_that_cannot_be_read_is_a_mistake() {
    let handlers = Handlers::empty().with("handler.py", "def handle(request): return 1\n");
    let ended = handlers.run(&[("HANDLER_INTERPRETER", "python3 'open")]);
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(ended.stderr.contains("HANDLER_INTERPRETER"), "{ended:?}");
}

#[test]
fn the_mode_may_be_written_as_one_likes() {
    let watchdog = Watchdog::start(" worker ", &child("worker"), &[("WATCHDOG_WORKERS", " 1 ")]);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).status, 200);
}

#[test]
fn words_after_two_dashes_take_the_place_of_the_command() {
    let program = harness::binary("child").display().to_string();
    let behind = ["--", &program, "worker", "two words"].map(harness::quote).join(" ");
    let before = ["/bin/sh".to_owned(), "-c".to_owned(), format!("exec \"$0\" {behind}")];
    let mut watchdog = Watchdog::launch(before.to_vec(), &harness::binary("nanofaas-watchdog"), "WORKER", "false", &[]);
    watchdog.wait_until_ready();
    assert_eq!(watchdog.report("e-1")["arguments"], json!(["worker", "two words"]));
}

#[test]
fn help_names_the_variables() {
    let ended = Watchdog::run(&["--help"], &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for name in ["WATCHDOG_WORKERS", "OW_WAIT_FOR_ACK", "HANDLER_MODULE", "HANDLER_FUNCTION", "HANDLER_INTERPRETER"] {
        assert!(ended.stdout.contains(name), "{name} is not in\n{}", ended.stdout);
    }
    assert!(ended.stdout.contains("WORKER"), "{}", ended.stdout);
}
