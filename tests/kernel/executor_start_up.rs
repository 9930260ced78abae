//! Files that run before the first call and after each restart.

use harness::{Gate, Kernel, Scratch, error, free_port, wait_at};
use serde_json::json;

/// A workspace of these files.
fn workspace(files: &[(&str, &str)]) -> (Scratch, String) {
    let workspace = Scratch::new();
    for (name, text) in files {
        std::fs::write(workspace.path().join(name), text).expect("a writable directory");
    }
    let folder = workspace.path().display().to_string();
    (workspace, folder)
}

#[test]
fn what_they_define_is_there_for_the_first_call() {
    let (_kept, folder) = workspace(&[("tools.py", "import math\nTWO = 2\ndef double(x): return TWO * x")]);
    let Some(kernel) = Kernel::executor(&[("WORKSPACE_FOLDER", &folder)]) else { return };
    assert_eq!(kernel.value("double(21)"), "42");
    assert_eq!(kernel.value("math.floor(1.5)"), "1");
}

#[test]
fn they_run_in_the_order_of_their_names_and_see_each_other() {
    let files = [("b.py", "order += 'b'"), ("a.py", "order = 'a'"), ("c.py", "order += 'c'"), ("B.py", "order = 'B'")];
    let (_kept, folder) = workspace(&files);
    let Some(kernel) = Kernel::executor(&[("WORKSPACE_FOLDER", &folder)]) else { return };
    // Upper case sorts first, and `a.py` begins anew.
    assert_eq!(kernel.value("order"), "'abc'");
}

#[test]
fn files_that_begin_with_an_underscore_and_other_files_are_left_alone() {
    let files = [("_x.py", "x = 1"), ("__init__.py", "y = 1"), ("notes.txt", "z = 1"), ("ok.py", "ok = 1")];
    let (kept, folder) = workspace(&files);
    std::fs::create_dir(kept.path().join("sub")).expect("a writable directory");
    std::fs::write(kept.path().join("sub/inner.py"), "w = 1").expect("a writable directory");
    let Some(kernel) = Kernel::executor(&[("WORKSPACE_FOLDER", &folder)]) else { return };
    assert_eq!(
        kernel.value("[name in globals() for name in ('x', 'y', 'z', 'w', 'ok')]"),
        "[False, False, False, False, True]"
    );
}

#[test]
fn one_that_fails_is_told_in_the_log_and_left_out() {
    for (bad, told) in
        [("half = 1\n1 / 0", "ZeroDivisionError"), ("x ===", "SyntaxError"), ("import sys; sys.exit(3)", "SystemExit")]
    {
        let (_kept, folder) = workspace(&[("a.py", "a = 1"), ("bad.py", bad), ("c.py", "c = 3")]);
        let Some(kernel) = Kernel::executor(&[("WORKSPACE_FOLDER", &folder)]) else { return };
        assert_eq!(kernel.value("(a, c)"), "(1, 3)");
        let log = kernel.log().concat();
        assert!(log.contains("bad.py") && log.contains(told), "{told}: {log}");
    }
}

#[test]
fn a_file_that_is_no_text_is_one_that_fails() {
    let (kept, folder) = workspace(&[("a.py", "a = 1")]);
    std::fs::write(kept.path().join("b.py"), b"x = '\xff\xfe'\0").expect("a writable directory");
    let Some(kernel) = Kernel::executor(&[("WORKSPACE_FOLDER", &folder)]) else { return };
    assert_eq!(kernel.value("a"), "1");
    assert!(kernel.log().concat().contains("b.py"), "{:#?}", kernel.log());
}

#[test]
fn what_they_print_goes_to_the_log() {
    let (_kept, folder) = workspace(&[("a.py", "import sys\nprint('from a file')\nprint('wrong', file=sys.stderr)")]);
    let Some(kernel) = Kernel::executor(&[("WORKSPACE_FOLDER", &folder)]) else { return };
    for text in ["from a file", "wrong"] {
        let _ = kernel.wait_for_log(text, |line| line["message"] == text);
    }
    assert_eq!(kernel.execute("x = 1"), json!({ "outputs": [] }));
}

#[test]
fn they_run_again_after_a_restart_as_they_are_then() {
    let (kept, folder) = workspace(&[("a.py", "x = 1")]);
    let Some(kernel) = Kernel::executor(&[("WORKSPACE_FOLDER", &folder)]) else { return };
    kernel.run("x = 5");
    kernel.restart();
    assert_eq!(kernel.value("x"), "1");
    std::fs::write(kept.path().join("a.py"), "x = 2").expect("a writable directory");
    kernel.restart();
    assert_eq!(kernel.value("x"), "2");
}

#[test]
fn they_run_again_after_a_death() {
    let (_kept, folder) = workspace(&[("a.py", "x = 1")]);
    let Some(kernel) = Kernel::executor(&[("WORKSPACE_FOLDER", &folder)]) else { return };
    assert_eq!(error(&kernel.execute("x = 2\nimport os\nos._exit(1)")).0, "KernelError");
    assert_eq!(kernel.value("x"), "1");
}

#[test]
fn they_run_in_every_session() {
    let (_kept, folder) = workspace(&[("a.py", "x = 1")]);
    let Some(kernel) = Kernel::executor(&[("WORKSPACE_FOLDER", &folder), ("KERNEL_SESSIONS", "2")]) else { return };
    assert!(kernel.execute_at("/session/1/execute", "x").to_string().contains("\"1\""));
}

#[test]
fn a_workspace_that_is_not_there_is_an_empty_one() {
    let Some(kernel) = Kernel::executor(&[("WORKSPACE_FOLDER", "/nowhere/to-be-found")]) else { return };
    kernel.serves();
}

#[test]
fn until_they_have_run_it_is_healthy_and_not_ready() {
    let gate = Gate::new();
    let (_kept, folder) = workspace(&[("slow.py", &wait_at(&gate))]);
    let port = free_port();
    let extra = [("WORKSPACE_FOLDER", folder.as_str()), ("WARM_PORT", &port.to_string())];
    let Some(mut kernel) = Kernel::spawn("executor", &extra) else { return };
    kernel.wait_until_listening(port);
    let _ = gate.entered_by();
    let health = kernel.get("/health");
    assert_eq!((health.status, health.json()), (200, json!({ "status": "ok" })));
    let ready = kernel.get("/ready");
    assert_eq!((ready.status, &ready.json()["ready"]), (503, &json!(false)), "{}", ready.text());
    assert!(ready.json()["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{}", ready.text());
    gate.open("");
    kernel.wait_for_status("/ready", 200);
    assert_eq!(kernel.get("/ready").json(), json!({ "ready": true }));
    kernel.serves();
}
