//! The end of the service: in peace, in a hurry, or by force. Nothing is left.

use harness::{Gate, Kernel, Process, Scratch, error, free_port, one, wait_at};
use serde_json::json;

const PATIENT: (&str, &str) = ("NANOFAAS_SHUTDOWN_TIMEOUT", "600000");

fn process(kernel: &Kernel) -> Process {
    Process(kernel.value("import os; os.getpid()").parse().expect("a process id"))
}

#[test]
fn with_nothing_to_do_it_ends_at_once() {
    for api in ["executor", "flowfile", "none"] {
        let Some(mut kernel) = Kernel::plain(&[("KERNEL_API", api), PATIENT, ("WATCHDOG_KILL_GRACE_MS", "600000")])
        else {
            return;
        };
        let answer = kernel.invoke_code("e-1", "1", &json!({ "session": "s" }));
        assert_eq!(answer.status, 200, "{api} {}", answer.text());
        kernel.stop();
        kernel.wait_until_alone();
    }
}

#[test]
fn what_runs_is_answered_before_the_end() {
    for signal in ["TERM", "INT"] {
        let Some(mut kernel) = Kernel::executor(&[PATIENT]) else { return };
        let (interpreter, gate) = (process(&kernel), Gate::new());
        let mut running = kernel.hold_code("", &gate, "'answered'");
        kernel.signal(signal);
        kernel.wait_for_status("/ready", 503);
        assert_eq!(kernel.get("/health").status, 200);
        let refused = kernel.post("/execute", &json!({ "code": "1" }));
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(refused.json()["detail"].as_str().is_some_and(|text| !text.is_empty()), "{}", refused.text());
        assert!(interpreter.is_alive());
        gate.open("");
        let answer = running.answer().expect("an answer");
        assert_eq!(one(&answer.json(), "result")["data"]["text/plain"], "'answered'", "{signal}");
        assert_eq!(kernel.wait().code(), Some(0), "{signal}");
        interpreter.wait_until_gone();
        kernel.wait_until_alone();
    }
}

#[test]
fn invocations_and_flows_are_drained_too() {
    let Some(mut kernel) = Kernel::flowfile(&[PATIENT]) else { return };
    let gates = [Gate::new(), Gate::new()];
    let mut flow = kernel.begin("/execute", &harness::flow(1, &wait_at(&gates[0]), &json!({})));
    let mut invocation = kernel.connect();
    let body = json!({ "input": { "code": wait_at(&gates[1]), "session": "s" } });
    invocation.begin(&[("X-Execution-Id", "e-1")], &body.to_string());
    for gate in &gates {
        let _ = gate.entered_by();
    }
    kernel.signal("TERM");
    let _ = kernel.wait_for_log("the signal", |line| line["message"] == "signal");
    for gate in &gates {
        gate.open("");
    }
    for call in [&mut flow, &mut invocation] {
        let answer = call.answer().expect("an answer");
        assert_eq!((answer.status, &answer.json()["success"]), (200, &json!(true)), "{}", answer.text());
    }
    assert_eq!(kernel.wait().code(), Some(0));
    kernel.wait_until_alone();
}

#[test]
fn a_stream_is_drained_to_its_end() {
    let Some(mut kernel) = Kernel::executor(&[PATIENT]) else { return };
    let gate = Gate::new();
    let code = format!("print('begun')\n{}\nprint('last')", wait_at(&gate));
    let mut events = kernel.stream("/execute", "application/x-ndjson", &json!({ "code": code }));
    events.wait_for_stdout("begun");
    let _ = gate.entered_by();
    kernel.signal("TERM");
    kernel.wait_for_status("/ready", 503);
    gate.open("");
    let rest = events.rest();
    let text: String = rest.iter().filter_map(|event| event.data["text"].as_str()).collect();
    assert_eq!(text.trim(), "last", "{rest:#?}");
    assert_eq!(rest.last().map(|event| (event.name.as_str(), &event.data["success"])), Some(("end", &json!(true))));
    assert_eq!(kernel.wait().code(), Some(0));
}

#[test]
fn what_outlasts_the_time_for_that_is_cut_off() {
    let Some(mut kernel) = Kernel::executor(&[("NANOFAAS_SHUTDOWN_TIMEOUT", "300"), ("WATCHDOG_KILL_GRACE_MS", "300")])
    else {
        return;
    };
    let never = Gate::new();
    let _running = kernel.hold_code("", &never, "");
    kernel.signal("TERM");
    assert!(kernel.wait().code().is_some(), "it ends by itself");
    Process(never.entered_by()).wait_until_gone();
    kernel.wait_until_alone();
}

#[test]
fn a_second_signal_ends_everything_now() {
    let Some(mut kernel) = Kernel::executor(&[PATIENT, ("WATCHDOG_KILL_GRACE_MS", "600000")]) else { return };
    let never = Gate::new();
    let _running = kernel.hold_code("", &never, "");
    kernel.signal("TERM");
    kernel.wait_for_status("/ready", 503);
    kernel.signal("TERM");
    assert_eq!(kernel.wait().code(), Some(128 + 15));
    Process(never.entered_by()).wait_until_gone();
    kernel.wait_until_alone();
}

#[test]
fn what_the_code_had_started_is_ended_too() {
    let Some(mut kernel) = Kernel::executor(&[("WATCHDOG_KILL_GRACE_MS", "300")]) else { return };
    kernel.run(
        "import subprocess\nsubprocess.Popen(['sleep', '600'])\n\
         subprocess.Popen(['sh', '-c', 'trap \"\" TERM INT; while :; do sleep 1; done'])\n\
         p = subprocess.Popen(['sleep', '600'], start_new_session=True)",
    );
    kernel.stop();
    kernel.wait_until_alone();
}

#[test]
fn an_interpreter_that_does_not_want_to_end_is_ended() {
    let Some(mut kernel) = Kernel::executor(&[("WATCHDOG_KILL_GRACE_MS", "300")]) else { return };
    kernel.run(
        "import atexit, signal, threading, time\n\
         for s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, signal.SIG_IGN)\n\
         atexit.register(lambda: time.sleep(600))\nthreading.Thread(target=lambda: time.sleep(600)).start()",
    );
    let interpreter = process(&kernel);
    kernel.stop();
    interpreter.wait_until_gone();
    kernel.wait_until_alone();
}

#[test]
fn a_watchdog_that_is_killed_takes_its_interpreters_along() {
    let Some(mut kernel) = Kernel::executor(&[("KERNEL_SESSIONS", "2")]) else { return };
    let never = Gate::new();
    kernel.run_at("/session/1/execute", "1");
    let _running = kernel.hold_code("import subprocess; subprocess.Popen(['sleep', '600'])", &never, "");
    kernel.signal("KILL");
    let _ = kernel.wait();
    Process(never.entered_by()).wait_until_gone();
    kernel.wait_until_alone();
}

#[test]
fn it_can_be_ended_while_it_starts() {
    let (gate, workspace) = (Gate::new(), Scratch::new());
    std::fs::write(workspace.path().join("slow.py"), wait_at(&gate)).expect("a writable directory");
    let (port, folder) = (free_port().to_string(), workspace.path().display().to_string());
    let extra = [("WORKSPACE_FOLDER", folder.as_str()), ("WARM_PORT", &port), ("WATCHDOG_KILL_GRACE_MS", "300")];
    let Some(mut kernel) = Kernel::spawn("executor", &extra) else { return };
    let interpreter = Process(gate.entered_by());
    kernel.signal("TERM");
    assert!(kernel.wait().code().is_some(), "it ends by itself");
    interpreter.wait_until_gone();
    kernel.wait_until_alone();
}

#[test]
fn temporary_files_and_sockets_do_not_outlive_it() {
    let temporary = Scratch::new();
    let folder = temporary.path().display().to_string();
    let Some(mut kernel) = Kernel::executor(&[("TMPDIR", &folder)]) else { return };
    kernel.serves();
    assert_eq!(error(&kernel.execute("import os; os._exit(1)")).0, "KernelError");
    kernel.serves();
    kernel.stop();
    let left: Vec<_> = std::fs::read_dir(temporary.path()).expect("a directory").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn one_that_nobody_calls_ends_where_that_is_asked_for() {
    let Some(mut kernel) = Kernel::flowfile(&[("WARM_IDLE_TIMEOUT_MS", "300")]) else { return };
    assert_eq!(kernel.wait().code(), Some(0));
    kernel.wait_until_alone();
}
