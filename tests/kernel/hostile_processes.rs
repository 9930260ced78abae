//! Code that starts, signals and forks processes.

use harness::{Gate, Kernel, Process, error, stdout};
use serde_json::json;

use crate::GUARDED;

#[test]
fn a_forked_child_that_runs_on_answers_nothing() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    // The child comes to the end of the cell as well.
    let answer = kernel.execute("import os\npid = os.fork()\nprint('one') if pid else None");
    assert_eq!(stdout(&answer), "one\n", "{answer:#}");
    for number in 0..5 {
        assert_eq!(kernel.value(&format!("pid > 0, {number}")), format!("(True, {number})"));
    }
}

#[test]
fn a_forked_child_that_raises_or_prints_does_not_answer_for_its_parent() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = "import os, sys\npid = os.fork()\nif pid == 0:\n    raise ValueError('in the child')\n\
                _, status = os.waitpid(pid, 0)\nx = 'parent'";
    let answer = kernel.execute(code);
    let failed = answer["outputs"].as_array().into_iter().flatten().any(|output| output["type"] == "error");
    assert!(!failed, "{answer:#}");
    assert_eq!(kernel.value("x"), "'parent'");
}

#[test]
fn many_forks_end_and_the_session_lives() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let answer = kernel.execute("import os\nfor _ in range(6):\n    if os.fork() == 0: pass\nx = os.getpid()");
    assert_eq!(answer["outputs"], json!([]), "{answer:#}");
    assert_eq!(kernel.value("x == os.getpid()"), "True");
    kernel.serves();
}

#[test]
fn a_bomb_of_processes_ends_at_the_time_out() {
    let Some(kernel) = Kernel::executor(&GUARDED) else { return };
    // Each of 128 waits for ever and cannot be interrupted.
    let code = "import os, signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n\
                for _ in range(7): os.fork()\nwhile True: time.sleep(1)";
    assert_eq!(error(&kernel.execute(code)).0, "TimeoutError");
    kernel.serves();
    harness::eventually("the end of the bomb", || (kernel.family().len() <= 1).then_some(()));
}

#[test]
fn workers_of_multiprocessing_work() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = "import multiprocessing\ndef f(x):\n    print('worker', x, flush=True)\n    return x * x\n\
                with multiprocessing.get_context('fork').Pool(2) as pool:\n    found = pool.map(f, range(4))\nfound";
    let answer = kernel.execute(code);
    assert_eq!(harness::one(&answer, "result")["data"]["text/plain"], "[0, 1, 4, 9]", "{answer:#}");
    assert_eq!(stdout(&answer).matches("worker").count(), 4, "{answer:#}");
    kernel.serves();
}

#[test]
fn a_process_that_holds_the_pipes_open_does_not_hold_up_the_answer() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code = "import subprocess\np = subprocess.Popen(['sleep', '600'])\nprint('begun')";
    assert_eq!(stdout(&kernel.execute(code)), "begun\n");
    assert_eq!(stdout(&kernel.execute("print('next')")), "next\n");
    kernel.restart();
    harness::eventually("the end of what was started", || (kernel.family().len() == 1).then_some(()));
}

#[test]
fn signals_to_its_own_group_do_not_reach_the_watchdog() {
    let Some(kernel) = Kernel::executor(&GUARDED) else { return };
    for signal in ["SIGINT", "SIGTERM", "SIGKILL", "SIGHUP", "SIGUSR1", "SIGQUIT"] {
        let code = format!("import os, signal, time\nos.killpg(0, signal.{signal})\ntime.sleep(600)");
        let answer = kernel.execute(&code);
        let (name, _) = error(&answer);
        let known = ["KeyboardInterrupt", "KernelError", "TimeoutError"];
        assert!(known.contains(&name.as_str()), "{signal} {answer:#}");
        kernel.serves();
    }
}

#[test]
fn an_interrupt_that_the_code_sends_to_itself_is_its_own() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("x = 1");
    let answer = kernel.execute("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(600)");
    assert_eq!(error(&answer).0, "KeyboardInterrupt");
    assert_eq!(kernel.value("x"), "1");
}

#[test]
fn one_that_stops_itself_is_ended_at_the_time_out() {
    let Some(kernel) = Kernel::executor(&GUARDED) else { return };
    let gate = Gate::new();
    let path = json!(gate.path());
    let code = format!(
        "import os, signal\nwith open({path}, 'w') as f: f.write(str(os.getpid()))\nos.kill(os.getpid(), signal.SIGSTOP)"
    );
    let answer = kernel.execute(&code);
    // Woken by the interrupt or killed: it says that its time was up.
    assert_eq!(error(&answer).0, "TimeoutError", "{answer:#}");
    kernel.serves();
}

#[test]
fn one_that_leaves_its_group_is_ended_all_the_same() {
    let Some(kernel) = Kernel::executor(&GUARDED) else { return };
    let id = Gate::new();
    let path = json!(id.path());
    let code = format!(
        "import os, signal, time\n\
         if os.fork() == 0:\n    \
             os.setsid(); signal.signal(signal.SIGINT, signal.SIG_IGN)\n    \
             with open({path} + '.draft', 'w') as f: f.write(str(os.getpid()))\n    \
             os.rename({path} + '.draft', {path})\n    \
             while True: time.sleep(1)\n\
         while not os.path.exists({path}): time.sleep(0.005)\n\
         os._exit(1)"
    );
    assert_eq!(error(&kernel.execute(&code)).0, "KernelError");
    let id = std::fs::read_to_string(id.path()).ok().and_then(|text| text.trim().parse().ok());
    Process(id.expect("a process id")).wait_until_gone();
    kernel.serves();
}

#[test]
fn the_guardian_of_the_watchdog_is_not_at_its_mercy() {
    let Some(kernel) = Kernel::executor(&GUARDED) else { return };
    // Whatever it may signal by a group, the service stays.
    let _ = kernel.post("/execute", &json!({ "code": "import os, signal\nos.killpg(os.getpgrp(), signal.SIGKILL)" }));
    kernel.serves();
    assert!(kernel.process().is_alive());
}
