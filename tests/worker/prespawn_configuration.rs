//! Variables of children that wait, and mistakes in them.

use harness::{Watchdog, child};

const NONE: (&str, &str) = ("WATCHDOG_PRESPAWN_ENV", "none");

#[test]
fn without_a_word_about_the_ids_it_does_not_start() {
    for extra in [&[][..], &[("WATCHDOG_PRESPAWN_ENV", "strict")], &[("WATCHDOG_PRESPAWN_ENV", "")]] {
        let ended = Watchdog::run_warm("STDIO", &child("stdio"), &[&[("WATCHDOG_PRESPAWN", "2")], extra].concat());
        assert_eq!(ended.code, Some(64), "{extra:?} {ended:?}");
        let told = ["WATCHDOG_PRESPAWN_ENV", "none", "EXECUTION_ID"];
        assert!(told.iter().all(|word| ended.stderr.contains(word)), "{extra:?} {ended:?}");
    }
}

#[test]
fn strict_is_no_mistake_where_nobody_waits() {
    for extra in [&[("WATCHDOG_PRESPAWN_ENV", "strict")][..], &[("WATCHDOG_PRESPAWN", "0")]] {
        let watchdog = Watchdog::with_child("STDIO", extra);
        assert_eq!(watchdog.report("e-1")["environment"]["EXECUTION_ID"], "e-1", "{extra:?}");
    }
}

#[test]
fn in_another_mode_it_is_a_mistake() {
    for mode in ["HTTP", "FILE", "WORKER", "WARM"] {
        let extra = [("WATCHDOG_PRESPAWN", "1"), NONE];
        let ended = Watchdog::run_warm(mode, &child(&mode.to_lowercase()), &extra);
        assert_eq!(ended.code, Some(64), "{mode} {ended:?}");
        assert!(ended.stderr.contains("WATCHDOG_PRESPAWN") && ended.stderr.contains("STDIO"), "{mode} {ended:?}");
    }
}

#[test]
fn each_mistake_is_told_with_its_value() {
    for (name, value) in [
        ("WATCHDOG_PRESPAWN", "many"),
        ("WATCHDOG_PRESPAWN", "-1"),
        ("WATCHDOG_PRESPAWN", "1.5"),
        ("WATCHDOG_PRESPAWN_ENV", "some"),
        ("WATCHDOG_PRESPAWN_MAX_IDLE_MS", "soon"),
        ("WATCHDOG_PRESPAWN_MAX_IDLE_MS", "-1"),
        ("WATCHDOG_EARLY_REPLY", "maybe"),
    ] {
        let sound = [NONE, ("WATCHDOG_PRESPAWN", "1")];
        let ended = Watchdog::run_warm("STDIO", &child("stdio"), &[&sound[..], &[(name, value)]].concat());
        assert_eq!(ended.code, Some(64), "{name}={value} {ended:?}");
        let told = |line: &str| line.contains(name) && line.contains(value);
        assert!(ended.stderr.lines().any(told), "{name}={value} is not in\n{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{name}={value} {ended:?}");
    }
}

#[test]
fn all_mistakes_are_listed_at_once() {
    let mistakes = [
        ("WATCHDOG_PRESPAWN", "many"),
        ("WATCHDOG_PRESPAWN_MAX_IDLE_MS", "soon"),
        ("WATCHDOG_EARLY_REPLY", "maybe"),
        ("WATCHDOG_KILL_GRACE_MS", "1s"),
    ];
    let ended = Watchdog::run_warm("STDIO", &child("stdio"), &mistakes);
    assert_eq!(ended.code, Some(64), "{ended:?}");
    for (name, value) in mistakes {
        let told = |line: &str| line.contains(&format!("{name} ")) && line.contains(value);
        assert!(ended.stderr.lines().any(told), "{name}={value} is not in\n{}", ended.stderr);
    }
}

#[test]
fn help_names_the_variables() {
    let ended = Watchdog::run(&["--help"], &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for name in ["WATCHDOG_PRESPAWN", "WATCHDOG_PRESPAWN_ENV", "WATCHDOG_PRESPAWN_MAX_IDLE_MS", "WATCHDOG_EARLY_REPLY"]
    {
        assert!(ended.stdout.split_whitespace().any(|word| word == name), "{name} is not in\n{}", ended.stdout);
    }
}
