//! The environment and the command line are checked at the start, and everything wrong is said at once.

use harness::{Watchdog, child, free_port, quote, sh};
use serde_json::json;

/// A warm watchdog that would start.
const SOUND: [(&str, &str); 4] =
    [("WARM", "true"), ("WARM_PORT", "0"), ("EXECUTION_MODE", "STDIO"), ("WATCHDOG_CMD", "cat")];

/// Runs with these mistakes, each of which has to be told with its value.
fn all_are_told(mistakes: &[(&str, &str)], sound: &[(&str, &str)]) {
    let ended = Watchdog::run(&[], &[mistakes, sound].concat());
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert_eq!(ended.stdout, "");
    for (name, value) in mistakes {
        let told = |line: &str| line.contains(&format!("{name} ")) && line.contains(value);
        assert!(ended.stderr.lines().any(told), "{name}={value} is not in\n{}", ended.stderr);
    }
}

#[test]
fn every_mistake_is_listed_at_once_with_its_value_and_64() {
    let mistakes = [
        ("WATCHDOG_CMD", "cat 'open"),
        ("WARM_PORT", "80a"),
        ("RUNTIME_URL", "ftp://127.0.0.1/x"),
        ("HEALTH_URL", "nonsense"),
        ("READY_TIMEOUT_MS", "soon"),
        ("WARM_IDLE_TIMEOUT_MS", "-1"),
        ("WARM_MAX_INVOCATIONS", "many"),
        ("WATCHDOG_QUEUE", "1.5"),
        ("WATCHDOG_KILL_GRACE_MS", "1s"),
        ("WATCHDOG_CRASH_LIMIT", "x"),
        ("WATCHDOG_HEALTH_INTERVAL_MS", "5e3"),
        ("TIMEOUT_MS", "0"),
        ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "0"),
        ("CALLBACK_URL", "ftp://cp/x"),
    ];
    all_are_told(&mistakes, &[("EXECUTION_MODE", "HTTP"), ("WARM", "true")]);
}

#[test]
fn a_mode_that_is_unknown_hides_no_other_mistake() {
    let mistakes = [
        ("EXECUTION_MODE", "TELEPATHY"),
        ("WARM", "maybe"),
        ("WATCHDOG_CMD", "cat 'open"),
        ("WATCHDOG_KILL_GRACE_MS", "1s"),
        ("TIMEOUT_MS", "0"),
    ];
    all_are_told(&mistakes, &[]);
}

#[test]
fn each_mistake_alone_is_one_too() {
    for (name, value) in [
        ("EXECUTION_MODE", "STDIO,HTTP"),
        ("WATCHDOG_CMD", r#"cat "open"#),
        ("WATCHDOG_CMD", "  "),
        ("WARM", "yes!"),
        ("WARM_PORT", "65536"),
        ("WATCHDOG_KILL_GRACE_MS", "-1"),
    ] {
        let ended = Watchdog::run(&[], &[&SOUND[..], &[(name, value)]].concat());
        assert_eq!(ended.code, Some(64), "{name}={value} {ended:?}");
        assert!(ended.stderr.contains(name) && !ended.stderr.contains("panicked"), "{name}={value} {ended:?}");
    }
}

#[test]
fn without_a_command_nothing_starts() {
    for mode in ["HTTP", "STDIO", "FILE", "WARM"] {
        let ended = Watchdog::run(&[], &[("WARM", "true"), ("WARM_PORT", "0"), ("EXECUTION_MODE", mode)]);
        assert_eq!(ended.code, Some(64), "{mode} {ended:?}");
        assert!(ended.stderr.contains("WATCHDOG_CMD"), "{mode} {ended:?}");
    }
}

#[test]
fn a_child_on_the_watchdogs_own_port_is_a_mistake() {
    let port = free_port().to_string();
    let url = format!("http://127.0.0.1:{port}/invoke");
    for host in [url.clone(), url.replace("127.0.0.1", "localhost")] {
        let ended = Watchdog::run_warm("HTTP", &child("http"), &[("WARM_PORT", &port), ("RUNTIME_URL", &host)]);
        assert_eq!(ended.code, Some(64), "{host} {ended:?}");
        assert!(ended.stderr.contains("RUNTIME_URL") && ended.stderr.contains("WARM_PORT"), "{host} {ended:?}");
    }
}

#[test]
fn given_files_and_several_calls_at_once_are_a_mistake() {
    for name in ["INPUT_FILE", "OUTPUT_FILE"] {
        let extra = [(name, "/tmp/never-written"), ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "2")];
        let ended = Watchdog::run_warm("FILE", &child("file"), &extra);
        assert_eq!(ended.code, Some(64), "{name} {ended:?}");
        assert!(ended.stderr.contains(name), "{name} {ended:?}");
    }
}

#[test]
fn values_are_trimmed_and_blank_ones_are_absent() {
    let watchdog = Watchdog::start(
        " stdio ",
        &child("stdio"),
        &[("WARM", " 1 "), ("WATCHDOG_QUEUE", ""), ("READY_TIMEOUT_MS", " "), ("TIMEOUT_MS", " 20000 ")],
    );
    assert_eq!(watchdog.invoke("e-1", &json!(1)).status, 200);
}

#[test]
fn the_port_of_its_own_environment_does_not_matter() {
    let watchdog = Watchdog::with_child("HTTP", &[("PORT", "80a")]);
    assert_eq!(watchdog.invoke("e-1", &json!(1)).status, 200);
}

#[test]
fn words_after_two_dashes_take_the_place_of_the_command() {
    let program = harness::binary("child").display().to_string();
    let words = ["--".to_owned(), program, "stdio".to_owned(), "two words".to_owned(), "'*'".to_owned()];
    let watchdog = harness::binary("nanofaas-watchdog");
    // A shell puts the words behind the program's name, which is added last.
    let behind = words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
    let script = format!("exec \"$0\" {behind}");
    let before = ["/bin/sh".to_owned(), "-c".to_owned(), script];
    let mut watchdog = Watchdog::launch(before.to_vec(), &watchdog, "STDIO", "false", &[]);
    watchdog.wait_until_ready();
    assert_eq!(watchdog.report("e-1")["arguments"], json!(["stdio", "two words", "'*'"]));
}

#[test]
fn an_unknown_argument_ends_with_64() {
    for arguments in [&["serve"][..], &["--port", "1"], &["-x"], &["--"], &["health", "now"]] {
        let ended = Watchdog::run(arguments, &SOUND);
        assert_eq!(ended.code, Some(64), "{arguments:?} {ended:?}");
        assert!(!ended.stderr.is_empty() && !ended.stderr.contains("panicked"), "{arguments:?} {ended:?}");
    }
}

#[test]
fn help_names_every_variable_and_needs_none() {
    let ended = Watchdog::run(&["--help"], &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for name in [
        "EXECUTION_MODE",
        "WATCHDOG_CMD",
        "WARM_PORT",
        "RUNTIME_URL",
        "HEALTH_URL",
        "READY_TIMEOUT_MS",
        "INPUT_FILE",
        "OUTPUT_FILE",
        "WARM_IDLE_TIMEOUT_MS",
        "WARM_MAX_INVOCATIONS",
        "WATCHDOG_QUEUE",
        "WATCHDOG_KILL_GRACE_MS",
        "WATCHDOG_CRASH_LIMIT",
        "WATCHDOG_HEALTH_INTERVAL_MS",
        "TIMEOUT_MS",
        "NANOFAAS_MAX_CONCURRENT_HANDLERS",
    ] {
        assert!(ended.stdout.contains(name), "{name} is not in\n{}", ended.stdout);
    }
}

#[test]
fn the_version_is_printed() {
    let ended = Watchdog::run(&["--version"], &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(env!("CARGO_PKG_VERSION")), "{ended:?}");
}

#[test]
fn the_health_command_asks_the_watchdog_of_its_port() {
    let watchdog = Watchdog::with_child("HTTP", &[]);
    let port = watchdog.address().port().to_string();
    assert_eq!(Watchdog::run(&["health"], &[("WARM_PORT", &port)]).code, Some(0));
    let nobody = free_port().to_string();
    assert_eq!(Watchdog::run(&["health"], &[("WARM_PORT", &nobody)]).code, Some(1));
}

#[test]
fn a_port_that_is_taken_ends_with_1_and_starts_no_child() {
    let taken = std::net::TcpListener::bind("0.0.0.0:0").expect("a free port");
    let port = taken.local_addr().expect("its number").port().to_string();
    let ended = Watchdog::run_warm("HTTP", &sh("echo started >&2; exit 3"), &[("WARM_PORT", &port)]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&port) && !ended.stderr.contains("started"), "{ended:?}");
}
