//! Execution ids that would be a path, a parameter or a file if anybody let them.

use harness::{ControlPlane, Function, Scratch, Watchdog, child, eventually};
use serde_json::json;

const IDS: [&str; 21] = [
    "%2e%2e",
    "%2E%2E%2F%2e%2e",
    "..;/x",
    "..%c0%af",
    "..%252f",
    "a//b",
    "//",
    "/",
    "\\..\\..",
    "a;b=c",
    "a:complete",
    ":complete",
    "a:complete?x=",
    "a/b:complete",
    "?",
    "#",
    "a\tb",
    "@evil/x",
    "\u{202e}moc.live",
    "\u{ff0e}\u{ff0e}\u{2215}x",
    "e\u{301}\u{200b}",
];

#[test]
fn an_id_is_one_segment_that_decodes_to_itself() {
    let plane = ControlPlane::start();
    let probe = Function::start("probe", &[("CALLBACK_URL", &plane.url("/base"))]);
    let long = "/../\u{fc}".repeat(1000);
    for id in IDS.into_iter().chain([long.as_str()]) {
        assert_eq!(probe.post(&[("X-Execution-Id", id)], r#"{"input":1}"#).status, 200, "{id:?}");
        let callback = plane.accepted(id);
        let segment = callback.path().strip_prefix("/base/").expect("a path below the base");
        let segment = segment.strip_suffix(":complete").expect("a completion");
        assert!(
            segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)),
            "{id:?} {segment}"
        );
        assert_eq!(callback.execution_id(), id);
    }
}

#[test]
fn an_id_whose_callback_could_not_be_sent_is_refused_before_the_function_runs() {
    let plane = ControlPlane::start();
    let mut probe = Function::start("probe", &[("CALLBACK_URL", &plane.callback_url())]);
    let id = "\u{fc}".repeat(12_000);
    let answer = probe.post(&[("X-Execution-Id", &id)], r#"{"input":1}"#);
    assert_eq!(answer.refusal(), (400, "INVALID_CALLBACK_URL".to_owned()));
    probe.stop();
    assert!(plane.completions().is_empty());
    assert!(probe.log_lines(|line| line["message"] == "invocation" && line["status"] == 200).is_empty());
}

#[test]
fn an_id_names_no_file() {
    let (scratch, plane) = (Scratch::new(), ControlPlane::start());
    let calls = scratch.path().join("calls");
    std::fs::create_dir(&calls).expect("a directory");
    let calls = calls.display().to_string();
    let callback = plane.callback_url();
    let watchdog =
        Watchdog::start("FILE", &child("file"), &[("TMPDIR", calls.as_str()), ("CALLBACK_URL", callback.as_str())]);
    for id in ["../escaped", "../../escaped", "/escaped", "input.json", ".", "..", "a/../../escaped", "$(id)", "-rf"] {
        assert_eq!(watchdog.invoke(id, &json!(1)).status, 200, "{id}");
        assert!(plane.accepted(id).success(), "{id}");
    }
    let left: Vec<_> = std::fs::read_dir(scratch.path()).expect("a directory").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    eventually("an empty directory", || (std::fs::read_dir(&calls).expect("a directory").count() == 0).then_some(()));
}
