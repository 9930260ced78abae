//! What the code of calls sees and leaves in an ipykernel.

use harness::eventually;
use serde_json::json;

use super::{Kernels, result, text};

#[test]
fn state_lasts_from_call_to_call_and_outputs_keep_their_order() {
    let Some(kernels) = Kernels::start("python3", &[]) else { return };
    assert_eq!(kernels.outputs("x = 20"), json!([]));
    assert_eq!(kernels.outputs("x + 1"), json!([result("21")]));
    let code = "import sys\nprint('a')\nprint('b', file=sys.stderr)\ndisplay(x)\nprint('c')\n'd'";
    let display = json!({"type": "display", "data": {"text/plain": "20"}});
    let expected = [text("stdout", "a\n"), text("stderr", "b\n"), display, text("stdout", "c\n"), result("'d'")];
    assert_eq!(kernels.outputs(code), json!(expected));
    // What a subprocess writes is shown once, though ipykernel passes it on as well.
    assert_eq!(kernels.outputs("import os\n_ = os.system('echo sub')"), json!([text("stdout", "sub\n")]));
    assert_eq!(kernels.outputs("import asyncio\nawait asyncio.sleep(0, 7)"), json!([result("7")]));
    kernels.stop();
}

#[test]
fn an_error_has_the_shape_of_the_contract() {
    let Some(kernels) = Kernels::start("python3", &[]) else { return };
    let error = kernels.outputs("f(x)")[0].clone();
    assert_eq!((&error["name"], &error["value"]), (&json!("NameError"), &json!("name 'f' is not defined")));
    let lines: Vec<_> =
        error["traceback"].as_array().expect("a list").iter().filter_map(|line| line.as_str()).collect();
    let [first, frame, last] = lines[..] else { panic!("{lines:?}") };
    assert!(first.starts_with("NameError ") && first.ends_with("Traceback (most recent call last)"), "{first:?}");
    assert_eq!(frame, "Cell In[1], line 1\n----> 1 f(x)\n");
    assert_eq!(last, "NameError: name 'f' is not defined");
    let syntax = kernels.outputs("1 +")[0].clone();
    assert_eq!((&syntax["name"], syntax["traceback"].as_array().map(Vec::len)), (&json!("SyntaxError"), Some(1)));
    // Neither ends the kernel.
    for (code, value) in [("exit()", ""), ("import sys; sys.exit(3)", "3")] {
        let error = kernels.outputs(code)[0].clone();
        assert_eq!((&error["name"], &error["value"]), (&json!("SystemExit"), &json!(value)));
    }
    let input = kernels.outputs("input()")[0].clone();
    assert_eq!((&input["type"], &input["name"]), (&json!("error"), &json!("StdinNotImplementedError")));
    assert_eq!(kernels.outputs("1"), json!([result("1")]));
}

#[test]
fn code_that_runs_too_long_is_interrupted_and_its_state_stays() {
    let Some(kernels) = Kernels::start("python3", &[("EXECUTION_TIMEOUT", "0.5")]) else { return };
    kernels.outputs("x = 1");
    let expected = json!({"type": "error", "name": "TimeoutError", "value": "Execution timed out after 0.5 seconds",
        "traceback": []});
    for _ in 0..3 {
        assert_eq!(kernels.outputs("print('begun')\nwhile True: pass"), json!([text("stdout", "begun\n"), expected]));
        // The interrupt does not meet the next call.
        assert_eq!(kernels.outputs("x"), json!([result("1")]));
    }
}

#[test]
fn an_interrupt_that_comes_before_the_code_has_begun_is_not_lost() {
    let Some(kernels) = Kernels::start("python3", &[]) else { return };
    kernels.outputs("x = 1");
    for number in 0..20 {
        let input = json!({"code": "while True: pass", "timeout_ms": 1 + number % 4});
        let answer = kernels.watchdog.invoke(&format!("e-{number}"), &input);
        assert_eq!(answer.json()["outputs"][0]["name"], "TimeoutError", "{}", answer.text());
    }
    assert_eq!(kernels.outputs("x"), json!([result("1")]));
}

#[test]
fn an_interrupt_by_a_caller_is_an_error_of_the_code() {
    let Some(kernels) = Kernels::start("python3", &[]) else { return };
    std::thread::scope(|scope| {
        let running = scope.spawn(|| kernels.outputs("import time\nwhile True: time.sleep(.01)"));
        eventually("an execution", || {
            let answer = kernels.watchdog.connect().request("POST", "/interrupt", &[], b"");
            (answer.json()["status"] == "interrupted").then_some(())
        });
        assert_eq!(running.join().expect("an answer")[0]["name"], "KeyboardInterrupt");
    });
}

#[test]
fn code_that_does_not_obey_is_killed_with_its_kernel() {
    let variables = [("EXECUTION_TIMEOUT", "0.5"), ("WATCHDOG_KILL_GRACE_MS", "200")];
    let Some(kernels) = Kernels::start("python3", &variables) else { return };
    let code = "while True:\n    try:\n        while True: pass\n    except KeyboardInterrupt: pass";
    assert_eq!(kernels.outputs(code)[0]["name"], "TimeoutError");
    assert_eq!(kernels.outputs("1"), json!([result("1")]));
}

#[test]
fn sessions_run_side_by_side() {
    let Some(kernels) = Kernels::start("python3", &[("KERNEL_SESSIONS", "3")]) else { return };
    let folder = kernels.home.path();
    // Each waits until all have come.
    let code = |number: u8| {
        let (own, all) = (folder.join(number.to_string()), folder.join("[012]"));
        format!("import glob, time\nopen({own:?}, 'w')\nwhile len(glob.glob({all:?})) < 3: time.sleep(.01)\n{number}")
    };
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (kernels, code) = (&kernels, code(number));
            scope.spawn(move || {
                let answer = kernels.execute_in(&format!("/session/{number}"), &code);
                assert_eq!(answer["outputs"], json!([result(&number.to_string())]));
            });
        }
    });
    kernels.stop();
}

#[test]
fn events_come_as_they_happen() {
    let Some(kernels) = Kernels::start("python3", &[]) else { return };
    let events = kernels.events("print('a')\ndisplay(1)\n2");
    let display = json!({"type": "display", "data": {"text/plain": "1"}});
    assert_eq!(events, [text("stdout", "a\n"), display, result("2"), json!({"type": "end", "success": true})]);
    let error = kernels.events("1 / 0");
    assert_eq!(error.last(), Some(&json!({"type": "end", "success": false})));
}

#[test]
fn start_up_files_run_before_the_first_call_and_after_each_restart() {
    let folder = harness::Scratch::new();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("1.py", "x = __file__ if '__file__' in globals() else 1\nprint('said')");
    write("2.py", "raise ValueError('broken')");
    write("3.py", "y = 2");
    write("_4.py", "y = 3");
    let path = folder.path().to_str().expect("a path in UTF-8");
    let Some(kernels) = Kernels::start("python3", &[("WORKSPACE_FOLDER", path)]) else { return };
    let said = |part: &'static str| {
        move |line: &serde_json::Value| {
            line["target"] == "child" && line["message"].as_str().is_some_and(|text| text.contains(part))
        }
    };
    for time in 1..=2 {
        assert_eq!(kernels.outputs("x, y"), json!([result("(1, 2)")]));
        for part in ["said", "2.py failed and is skipped: ValueError: broken"] {
            eventually(part, || (kernels.watchdog.log_lines(said(part)).len() == time).then_some(()));
        }
        let restarted = kernels.watchdog.connect().request("POST", "/restart", &[], b"");
        assert_eq!(restarted.json(), json!({"status": "restarting"}));
        kernels.watchdog.wait_for_status("/ready", 200);
    }
}
