//! The environment is checked at the start, and everything that is wrong is said at once.

use harness::{ControlPlane, Function, Scratch};
use serde_json::json;

#[test]
fn every_mistake_is_listed_at_once_with_its_value_and_64() {
    let mistakes = [
        ("PORT", "80a"),
        ("TIMEOUT_MS", "soon"),
        ("CALLBACK_URL", "ftp://cp/x"),
        ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "0"),
        ("NANOFAAS_MAX_INPUT_BYTES", "1MiB"),
        ("NANOFAAS_MAX_OUTPUT_BYTES", "-1"),
        ("NANOFAAS_MAX_PENDING_CALLBACKS", "1.5"),
        ("NANOFAAS_BODY_READ_TIMEOUT", "5s"),
        ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "1e3"),
        ("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "many"),
        ("NANOFAAS_SHUTDOWN_TIMEOUT", "99999999999999999999999"),
        ("NANOFAAS_CALLBACK_ALLOW", "http://cp/x"),
    ];
    let ended = Function::run("hello", &[], &mistakes, "");
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert_eq!(ended.stdout, "");
    for (name, value) in mistakes {
        let line = ended.stderr.lines().find(|line| line.contains(&format!("{name} ")));
        assert!(line.is_some_and(|line| line.contains(value)), "{name}={value} is not in\n{}", ended.stderr);
    }
}

#[test]
fn each_mistake_alone_is_one_too() {
    for (name, value) in [
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("TIMEOUT_MS", "0"),
        ("TIMEOUT_MS", "0x10"),
        ("NANOFAAS_MAX_INPUT_BYTES", "0"),
        ("NANOFAAS_MAX_PENDING_CALLBACKS", "0"),
        ("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "0"),
        ("CALLBACK_URL", "nonsense"),
        ("CALLBACK_URL", "http://169.254.169.254/x"),
        ("CALLBACK_URL", "http://[::ffff:169.254.169.254]/x"),
    ] {
        let ended = Function::run("hello", &[], &[(name, value)], "");
        assert_eq!(ended.code, Some(64), "{name}={value} {ended:?}");
        assert!(ended.stderr.contains(name) && ended.stderr.contains(value), "{ended:?}");
        assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    }
}

#[test]
fn a_callback_url_outside_of_the_allowed_hosts_is_a_mistake() {
    let own = [("CALLBACK_URL", "http://10.1.2.3/x"), ("NANOFAAS_CALLBACK_ALLOW", "cp, *.svc.local")];
    let ended = Function::run("hello", &[], &own, "");
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(ended.stderr.contains("CALLBACK_URL"), "{ended:?}");
}

#[test]
fn values_are_trimmed_and_blank_ones_are_absent() {
    let plane = ControlPlane::start();
    let url = format!(" {} ", plane.callback_url());
    let probe = Function::start(
        "probe",
        &[
            ("CALLBACK_URL", &url),
            ("TIMEOUT_MS", " 45000 "),
            ("NANOFAAS_MAX_INPUT_BYTES", "\t"),
            ("NANOFAAS_MAX_CONCURRENT_HANDLERS", ""),
            ("FUNCTION_HANDLER", " "),
            ("NANOFAAS_CALLBACK_ALLOW", " "),
        ],
    );
    let answer = probe.invoke("e-1", &json!({ "context": true }));
    let left = answer.json()["context"]["remaining_ms"].as_u64().expect("a time");
    assert!((30_001..=45_000).contains(&left), "{left}");
    assert!(plane.accepted("e-1").success());
}

#[test]
fn the_default_time_out_is_thirty_seconds() {
    let probe = Function::start("probe", &[]);
    let answer = probe.invoke("e-1", &json!({ "context": true }));
    let left = answer.json()["context"]["remaining_ms"].as_u64().expect("a time");
    assert!((1..=30_000).contains(&left), "{left}");
}

#[test]
fn variables_of_others_do_not_matter() {
    let hello = Function::start("hello", &[("SOMETHING_ELSE", "80a"), ("HTTP_PROXY", "http://127.0.0.1:1")]);
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
}

#[test]
fn a_proxy_of_the_environment_is_not_used_for_callbacks() {
    let plane = ControlPlane::start();
    let proxy = "http://127.0.0.1:1";
    let hello = Function::start(
        "hello",
        &[("CALLBACK_URL", &plane.callback_url()), ("HTTP_PROXY", proxy), ("http_proxy", proxy), ("ALL_PROXY", proxy)],
    );
    assert_eq!(hello.invoke("e-1", &json!("x")).status, 200);
    assert!(plane.accepted("e-1").success());
}

#[test]
fn of_several_functions_the_environment_chooses_one() {
    for (handler, change) in [("buy", 2), ("sell", -2)] {
        let trades = Function::start("two-functions", &[("FUNCTION_HANDLER", handler)]);
        let answer = trades.invoke("e-1", &json!({ "item": "pen", "quantity": 2 }));
        assert_eq!((answer.status, &answer.json()["change"]), (200, &json!(change)), "{handler}");
    }
}

#[test]
fn without_a_choice_among_several_functions_they_are_listed_with_64() {
    let ended = Function::run("two-functions", &[], &[], "");
    assert_eq!(ended.code, Some(64), "{ended:?}");
    for word in ["buy", "sell", "FUNCTION_HANDLER"] {
        assert!(ended.stderr.contains(word), "{word} {ended:?}");
    }
}

#[test]
fn an_unknown_function_is_named_and_those_there_are_listed_with_64() {
    for (name, there) in [("two-functions", &["buy", "sell"][..]), ("hello", &["handle"])] {
        let ended = Function::run(name, &[], &[("FUNCTION_HANDLER", "steal")], "");
        assert_eq!(ended.code, Some(64), "{name} {ended:?}");
        for word in [&["steal", "FUNCTION_HANDLER"], there].concat() {
            assert!(ended.stderr.contains(word), "{name} {word} {ended:?}");
        }
    }
}

#[test]
fn an_unknown_function_is_listed_beside_other_mistakes() {
    let ended = Function::run("two-functions", &[], &[("FUNCTION_HANDLER", "steal"), ("TIMEOUT_MS", "soon")], "");
    assert_eq!(ended.code, Some(64), "{ended:?}");
    for word in ["TIMEOUT_MS", "FUNCTION_HANDLER"] {
        assert!(ended.stderr.contains(word), "{word} {ended:?}");
    }
}

#[test]
fn a_function_is_named_by_the_environment_in_its_metrics() {
    let hello = Function::start("hello", &[("FUNCTION_NAME", "greeter")]);
    assert!(hello.get("/metrics").text().contains("function=\"greeter\""));
}

#[test]
fn a_token_that_cannot_be_one_is_a_mistake_that_does_not_show_it() {
    let scratch = Scratch::new();
    let file = |name: &str, text: &[u8]| {
        let path = scratch.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("a path in UTF-8").to_owned()
    };
    let (good, empty, lines) = (file("good", b"s3cr3t"), file("empty", b" \n"), file("lines", b"s3cr3t\nline"));
    let (binary, folder) = (file("binary", b"s3cr3t\xff"), scratch.path().to_str().expect("a path in UTF-8"));
    let large = file("large", &vec![b'x'; 100_000]);
    for of in ["NANOFAAS_INVOKE_TOKEN", "NANOFAAS_CALLBACK_TOKEN"] {
        let in_file = format!("{of}_FILE");
        for (variables, parts) in [
            (&[(of, "")][..], &["is empty"][..]),
            (&[(of, " \t")], &["is empty"]),
            (&[(of, "s3cr3t twice")], &["cannot stand in a header"]),
            (&[(of, "s3cr3t\u{1}")], &["cannot stand in a header"]),
            (&[(of, "s3cr3té")], &["cannot stand in a header"]),
            (&[(&in_file, " ")], &["is empty"]),
            (&[(&in_file, &empty)], &[&empty, "is empty"]),
            (&[(&in_file, &lines)], &[&lines, "cannot stand in a header"]),
            (&[(&in_file, &binary)], &[&binary, "cannot stand in a header"]),
            (&[(&in_file, &large)], &[&large, "longer than"]),
            (&[(&in_file, "/nowhere/token")], &["/nowhere/token", "cannot be read", "No such file"]),
            (&[(&in_file, folder)], &[folder, "cannot be read"]),
            (&[(of, "s3cr3t"), (&in_file, &good)], &[&in_file, "both set"]),
        ] {
            let own = [&[("NANOFAAS_CALLBACK_ALLOW", "cp"), ("TIMEOUT_MS", "soon")], variables].concat();
            let ended = Function::run("hello", &[], &own, "");
            assert_eq!((ended.code, ended.stderr.lines().count()), (Some(64), 2), "{variables:?} {ended:?}");
            for part in [&[of], parts].concat() {
                assert!(ended.stderr.contains(part), "{part} {variables:?} {ended:?}");
            }
            assert!(!ended.stderr.contains("s3cr3t"), "{variables:?} {ended:?}");
        }
    }
}
