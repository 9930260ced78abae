//! What is left for the next call.

use harness::{Kernel, error, stdout};
use serde_json::json;

#[test]
fn names_stay() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("x = 41\nimport math\ndef f(y): return x + y\nclass C: n = 5");
    assert_eq!(kernel.value("f(1)"), "42");
    assert_eq!(kernel.value("math.floor(2.5) + C.n"), "7");
}

#[test]
fn what_was_done_before_an_error_stays() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    assert_eq!(error(&kernel.execute("x = 1\n1 / 0\nx = 2")).0, "ZeroDivisionError");
    assert_eq!(kernel.value("x"), "1");
}

#[test]
fn code_is_the_main_program() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    assert_eq!(kernel.value("__name__"), "'__main__'");
    assert_eq!(kernel.value("import threading; threading.current_thread() is threading.main_thread()"), "True");
    let code = "import pickle\nclass P: pass\ntype(pickle.loads(pickle.dumps(P()))) is P";
    assert_eq!(kernel.value(code), "True");
}

#[test]
fn a_name_may_be_deleted() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("x = 1");
    kernel.run("del x");
    assert_eq!(error(&kernel.execute("x")).0, "NameError");
}

#[test]
fn code_may_wait_at_its_top_level() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x + 1");
    assert_eq!(kernel.value("await f(1)"), "2");
    assert_eq!(kernel.value("y = await f(2)\ny * 10"), "30");
    assert_eq!(kernel.value("[await f(i) for i in range(3)]"), "[1, 2, 3]");
    let code = "async with asyncio.Lock():\n    print('held')";
    assert_eq!(stdout(&kernel.execute(code)), "held\n");
    assert_eq!(kernel.value("y"), "3");
}

#[test]
fn code_may_run_a_loop_of_its_own() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = "import asyncio\nasync def f(): return 7\nasyncio.run(f())";
    assert_eq!(kernel.value(code), "7");
    assert_eq!(kernel.value("await f()"), "7");
}

#[test]
fn calls_of_one_session_run_one_after_the_other() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("inside = 0\nmost = 0");
    let code = "import time\ninside += 1\nmost = max(most, inside)\ntime.sleep(0.01)\ninside -= 1";
    let mut calls: Vec<_> = (0..20).map(|_| kernel.begin("/execute", &json!({ "code": code }))).collect();
    for call in &mut calls {
        let answer = call.answer().expect("an answer");
        assert_eq!((answer.status, answer.json()), (200, json!({ "outputs": [] })));
    }
    assert_eq!(kernel.value("(inside, most)"), "(0, 1)");
}

#[test]
fn the_output_of_a_thread_that_outlives_its_cell_is_not_of_the_next_one() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let gate = harness::Gate::new();
    let path = json!(gate.path());
    let code = format!(
        "import os, threading, time\n\
         def late():\n    \
             while not os.path.exists({path}): time.sleep(0.005)\n    \
             print('too late')\n\
         thread = threading.Thread(target=late)\nthread.start()\nprint('begun')"
    );
    assert_eq!(stdout(&kernel.execute(&code)), "begun\n");
    gate.open("");
    assert_eq!(stdout(&kernel.execute("thread.join()\nprint('mine')")), "mine\n");
    let _ = kernel.wait_for_log("the thread's line", |line| line["message"] == "too late");
}

#[test]
fn a_thread_of_the_cell_writes_to_the_cells_output() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = "import threading\nt = threading.Thread(target=lambda: print('inside'))\nt.start()\nt.join()";
    assert_eq!(stdout(&kernel.execute(code)), "inside\n");
}

#[test]
fn warnings_are_output_of_the_cell() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let answer = kernel.execute("import warnings\nwarnings.warn('careful')");
    assert!(harness::stderr(&answer).contains("UserWarning: careful"), "{answer:#}");
}

#[test]
fn logging_of_an_earlier_cell_writes_to_the_cell_that_logs() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("import logging, sys\nlogging.basicConfig(stream=sys.stdout, format='%(message)s')");
    assert_eq!(stdout(&kernel.execute("logging.warning('again')")), "again\n");
}
