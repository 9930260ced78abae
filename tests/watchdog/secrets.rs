//! Tokens in front of children and behind them: who needs one, and who never sees it.

use harness::{Answer, ControlPlane, Process, Watchdog, binary, child, eventually, has_command, mark, skip};
use serde_json::{Value, json};

const ID: (&str, &str) = ("X-Execution-Id", "e-1");
const ALLOW: (&str, &str) = ("NANOFAAS_CALLBACK_ALLOW", "127.0.0.1");
const SECRETS: [&str; 4] =
    ["NANOFAAS_INVOKE_TOKEN", "NANOFAAS_INVOKE_TOKEN_FILE", "NANOFAAS_CALLBACK_TOKEN", "NANOFAAS_CALLBACK_TOKEN_FILE"];

/// Every way in which a child is started, with what it needs beside its mode.
const WAYS: [(&str, &[(&str, &str)]); 5] = [
    ("HTTP", &[]),
    ("STDIO", &[]),
    ("STDIO", &[("WATCHDOG_PRESPAWN", "2"), ("WATCHDOG_PRESPAWN_ENV", "none")]),
    ("FILE", &[]),
    ("WORKER", &[]),
];

fn post(watchdog: &Watchdog, token: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    watchdog.post(&[ID, ("Authorization", &bearer)], body.to_string())
}

/// What the child says of itself.
fn report(watchdog: &Watchdog, token: &str) -> Value {
    let answer = post(watchdog, token, &json!({ "input": { "report": true } }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Nobody but the watchdog itself has this variable in its environment.
fn is_its_own(watchdog: &Watchdog, name: &str, value: &str) {
    let variable = format!("{name}={value}");
    // A child shares the watchdog's memory until it has become its program.
    eventually(&format!("nobody else with {variable}"), || {
        // Its own may be closed to us.
        Process::marked(&variable).iter().all(|process| *process == watchdog.process()).then_some(())
    });
}

#[test]
fn children_inherit_no_token_however_they_are_started() {
    for (mode, extra) in WAYS {
        let (invoke, callback) = (mark(), mark());
        let own = [("NANOFAAS_INVOKE_TOKEN", invoke.as_str()), ("NANOFAAS_CALLBACK_TOKEN", &callback), ALLOW];
        let watchdog = Watchdog::with_child(mode, &[&own, extra].concat());
        for _ in 0..2 {
            let seen = report(&watchdog, &invoke);
            for name in SECRETS {
                assert_eq!(seen["environment"][name], json!(null), "{mode} {name}");
            }
            assert!(!seen.to_string().contains(&invoke), "{mode} {seen:#}");
            is_its_own(&watchdog, "NANOFAAS_INVOKE_TOKEN", &invoke);
            is_its_own(&watchdog, "NANOFAAS_CALLBACK_TOKEN", &callback);
        }
    }
}

#[test]
fn a_child_of_the_same_user_cannot_look_into_the_watchdog() {
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let binary = binary("nanofaas-watchdog");
    let can_run = [&nobody[..], &[binary.to_str().expect("UTF-8"), "--version"]].concat();
    if !has_command(&can_run) {
        return skip("only root can be another user with setpriv, and the watchdog has to be there for that one");
    }
    let look = r#"sh -c "if cat /proc/$PPID/environ >/dev/null 2>&1; then echo true; else echo false; fi""#;
    let token = mark();
    for (secrets, seen) in [(&[("NANOFAAS_INVOKE_TOKEN", token.as_str())][..], false), (&[], true)] {
        let mut watchdog = Watchdog::through(&nobody, "STDIO", look, secrets);
        watchdog.wait_until_ready();
        assert_eq!(post(&watchdog, &token, &json!({})).json(), json!(seen));
    }
}

#[test]
fn children_do_not_learn_where_tokens_are() {
    let scratch = harness::Scratch::new();
    let file = scratch.path().join(mark());
    std::fs::write(&file, "s3cr3t").expect("a file");
    let path = file.to_str().expect("a path in UTF-8");
    for mode in ["HTTP", "STDIO", "FILE", "WORKER"] {
        let own = [("NANOFAAS_INVOKE_TOKEN_FILE", path), ("NANOFAAS_CALLBACK_TOKEN_FILE", path), ALLOW];
        let watchdog = Watchdog::with_child(mode, &own);
        assert!(!report(&watchdog, "s3cr3t").to_string().contains(path), "{mode}");
        is_its_own(&watchdog, "NANOFAAS_INVOKE_TOKEN_FILE", path);
    }
}

#[test]
fn what_is_passed_on_by_name_is_inherited_and_nothing_else() {
    for (mode, extra) in WAYS {
        let own = [
            ("NANOFAAS_INVOKE_TOKEN", "s3cr3t"),
            ("NANOFAAS_CALLBACK_TOKEN", "other"),
            ("WATCHDOG_PASS_ENV", " NANOFAAS_CALLBACK_TOKEN, "),
            ALLOW,
        ];
        let watchdog = Watchdog::with_child(mode, &[&own, extra].concat());
        let seen = &report(&watchdog, "s3cr3t")["environment"];
        let found = (&seen["NANOFAAS_CALLBACK_TOKEN"], &seen["NANOFAAS_INVOKE_TOKEN"]);
        assert_eq!(found, (&json!("other"), &json!(null)), "{mode}");
    }
}

#[test]
fn only_these_variables_can_be_passed_on() {
    for list in ["PATH", "NANOFAAS_INVOKE_TOKEN,CALLBACK_URL", "nanofaas_invoke_token"] {
        let ended = Watchdog::run_warm("STDIO", "cat", &[("WATCHDOG_PASS_ENV", list)]);
        assert_eq!(ended.code, Some(64), "{list} {ended:?}");
        for part in SECRETS.iter().chain(&["WATCHDOG_PASS_ENV", list]) {
            assert!(ended.stderr.contains(part), "{list} {part} {ended:?}");
        }
    }
}

#[test]
fn both_forms_of_requests_need_the_token() {
    for mode in ["HTTP", "STDIO", "FILE", "WORKER"] {
        let watchdog = Watchdog::with_child(mode, &[("NANOFAAS_INVOKE_TOKEN", "s3cr3t")]);
        let plain = json!({ "input": { "report": true } });
        let envelope = json!({ "execution_id": "e-1", "payload": { "report": true } });
        for body in [&plain, &envelope] {
            assert_eq!(watchdog.post(&[ID], body.to_string()).refusal(), (401, "UNAUTHORIZED".to_owned()), "{mode}");
            assert_eq!(post(&watchdog, "wrong", body).refusal(), (401, "UNAUTHORIZED".to_owned()), "{mode}");
            assert_eq!(post(&watchdog, "s3cr3t", body).status, 200, "{mode}");
        }
        assert_eq!((watchdog.get("/health").status, watchdog.get("/ready").status), (200, 200), "{mode}");
        watchdog.wait_for_metric("refusals_total", &["code=\"UNAUTHORIZED\""], 4);
    }
}

#[test]
fn callbacks_of_children_carry_the_token() {
    for mode in ["HTTP", "STDIO", "FILE", "WORKER"] {
        let plane = ControlPlane::start();
        let own = [("NANOFAAS_CALLBACK_TOKEN", "s3cr3t"), ALLOW, ("CALLBACK_URL", &plane.callback_url())];
        let watchdog = Watchdog::with_child(mode, &own);
        assert_eq!(watchdog.invoke("e-1", &json!(1)).status, 200, "{mode}");
        assert_eq!(plane.accepted("e-1").header("authorization"), Some("Bearer s3cr3t"), "{mode}");
        let ended = Watchdog::once(mode, &child(&mode.to_lowercase()), &plane, "1", &own[..2]);
        assert_eq!(ended.code, Some(0), "{mode} {ended:?}");
        assert_eq!(plane.arrived("e-1", 2)[1].header("authorization"), Some("Bearer s3cr3t"), "{mode}");
    }
}

#[test]
fn a_health_check_needs_no_token_and_no_file() {
    let watchdog = Watchdog::with_child("STDIO", &[("NANOFAAS_INVOKE_TOKEN", "s3cr3t")]);
    let port = watchdog.address().port().to_string();
    let own = [("WARM_PORT", port.as_str()), ("NANOFAAS_INVOKE_TOKEN_FILE", "/nowhere/token")];
    let ended = Watchdog::run(&["health"], &own);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn a_child_that_takes_the_place_of_another_one_sees_no_token_either() {
    let token = mark();
    let own = [("NANOFAAS_INVOKE_TOKEN", token.as_str()), ("WATCHDOG_KILL_GRACE_MS", "0")];
    let watchdog = Watchdog::with_child("HTTP", &own);
    let first = Process(report(&watchdog, &token)["pid"].as_u64().expect("an id").try_into().expect("an id"));
    assert!(first.signal("KILL"));
    let second = eventually("another child", || {
        let answer = post(&watchdog, &token, &json!({ "input": { "report": true } }));
        (answer.status == 200 && answer.json()["pid"] != first.0).then(|| answer.json())
    });
    assert!(!second.to_string().contains(&token), "{second:#}");
    is_its_own(&watchdog, "NANOFAAS_INVOKE_TOKEN", &token);
}
