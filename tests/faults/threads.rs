//! No threads: a callback whose host has to be looked up.

use std::path::PathBuf;
use std::process::Command;

use harness::{ControlPlane, Function, Gate, Process, Watchdog, binary, eventually, has_command, skip};

use crate::serves;

/// A user that nobody else is: limits of processes count per user, and none holds for root.
const NOBODY: [&str; 4] = ["setpriv", "--reuid=64998", "--clear-groups", "--inh-caps=-all"];

/// A copy of a program that the other user may execute.
fn installed(directory: &Gate, name: &str) -> PathBuf {
    let program = PathBuf::from(directory.path()).with_file_name(name);
    let status = Command::new("install").arg("--mode=755").arg(binary(name)).arg(&program).status();
    assert!(status.expect("install").success());
    program
}

fn is_called_back_later(function: &Function, process: Process, plane: &ControlPlane, id: &str) {
    let limit = |processes: usize| {
        let words = [format!("--pid={}", process.0), format!("--nproc={processes}:")];
        assert!(has_command(&[&NOBODY[..], &["prlimit", &words[0], &words[1]]].concat()));
    };
    let mut kept = function.connect();
    assert_eq!(kept.request("GET", "/health", &[], b"").status, 200);
    limit(1);
    serves(&mut kept, id);
    function.wait_for_log("an attempt that fails", |line| {
        line["execution_id"] == id && line["message"] == "callback is tried again"
    });
    for _ in 0..5 {
        assert_eq!(kept.request("GET", "/health", &[], b"").status, 200);
    }
    limit(1000);
    assert!(plane.accepted(id).success());
    eventually("no callback left", || (function.metric("pending_callbacks", &[]) < 0.5).then_some(()));
}

#[test]
fn a_callback_without_a_thread_to_look_up_its_host_is_delivered_later() {
    if !has_command(&[&NOBODY[..], &["prlimit", "--version"]].concat()) {
        return skip("there is no `prlimit`, or this user may not become another one, and nothing limits root");
    }
    let plane = ControlPlane::start();
    let url = plane.callback_url().replace("127.0.0.1", "localhost");
    let more = [
        ("CALLBACK_URL", url.as_str()),
        ("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "500"),
        ("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "100"),
    ];
    let directory = Gate::new();
    let mut command = Command::new(NOBODY[0]);
    command.args(&NOBODY[1..]).arg(installed(&directory, "probe")).env_clear().env("PORT", "0").envs(more);
    let mut probe = Function::launch(command);
    probe.wait_until_ready();
    is_called_back_later(&probe, Process(probe.id()), &plane, "of-probe");
    drop(probe);
    let program = installed(&directory, "nanofaas-watchdog");
    let mut watchdog =
        Watchdog::launch(NOBODY.map(str::to_owned).to_vec(), &program, "WORKER", &child(&directory), &more);
    watchdog.wait_until_ready();
    is_called_back_later(&watchdog, watchdog.process(), &plane, "of-watchdog");
}

/// The child of many kinds as a worker, where the other user may execute it.
fn child(directory: &Gate) -> String {
    format!("{} worker", harness::quote(&installed(directory, "child").display().to_string()))
}
