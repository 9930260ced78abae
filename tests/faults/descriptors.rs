//! No descriptors: for a connection, a callback, a child.

use harness::{Connection, ControlPlane, Footprint, Function, Gate, Process, Watchdog, can_limit};
use serde_json::json;

use crate::{is_healthy, serves};

/// Far below what a function needs for itself: no descriptor can be opened any more.
const NONE: usize = 3;
const MANY: usize = 1024;

/// Clients that never say a word take every descriptor, and others are served with this call all the same.
fn closes_idle_ones(function: &Function, process: Process, mut held: Connection, gate: &Gate, call: &str) {
    let before = Footprint::of(process);
    assert!(process.limit("nofile", process.descriptors() + 6));
    let silent: Vec<_> = (0..60).map(|_| function.connect()).collect();
    for number in 0..20 {
        is_healthy(function);
        let answer = function.post(&[("X-Execution-Id", &format!("e-{number}"))], call);
        // A handler that opens a file of its own may find no descriptor for it.
        assert!(answer.status == 200 || answer.failure().1 == "HANDLER_ERROR", "{}", answer.text());
    }
    gate.open("null");
    assert_eq!(held.answer().expect("an answer").status, 200, "what is being answered is not cut off");
    assert!(process.limit("nofile", MANY));
    drop((silent, held));
    before.wait_until_back();
    function.wait_for_log("the trouble", |line| {
        line["message"].as_str().is_some_and(|text| text.starts_with("no connection can be accepted"))
    });
}

#[test]
fn a_function_without_descriptors_for_connections_closes_idle_ones() {
    if !can_limit() {
        return;
    }
    let function = Function::start("specimen", &[("FUNCTION_HANDLER", "gate")]);
    let (gate, open) = (Gate::new(), Gate::new());
    open.open("");
    let mut held = function.connect();
    held.begin(&[("X-Execution-Id", "held")], &gate.body());
    gate.wait_until_entered();
    closes_idle_ones(&function, Process(function.id()), held, &gate, &open.body());
}

#[test]
fn a_watchdog_without_descriptors_for_connections_closes_idle_ones() {
    if !can_limit() {
        return;
    }
    let workers = [("NANOFAAS_MAX_CONCURRENT_HANDLERS", "2"), ("WATCHDOG_WORKERS", "2")];
    let watchdog = Watchdog::with_child("WORKER", &workers);
    let gate = Gate::new();
    let held = watchdog.hold("held", &gate);
    closes_idle_ones(&watchdog, watchdog.process(), held, &gate, r#"{"input":"x"}"#);
}

#[test]
fn a_limit_of_descriptors_below_the_limit_of_connections_is_told_and_kept() {
    if !can_limit() {
        return;
    }
    let probe = Function::through(&["prlimit", "--nofile=64:64"], "probe", &[]);
    let line = probe.wait_for_log("the limit", |line| line["descriptors"] == 64);
    assert_eq!(line["connections"], 32, "{line}");
    let kept: Vec<_> = (0..100).map(|_| probe.connect()).collect();
    is_healthy(&probe);
    assert!(Process(probe.id()).descriptors() < 64);
    assert_eq!(kept.len(), 100);
    assert!(probe.log_lines(|line| line["level"] == "ERROR").is_empty(), "{:#?}", probe.log());
}

#[test]
fn a_function_raises_its_limit_and_a_watchdog_leaves_its_childrens_as_it_was() {
    if !can_limit() {
        return;
    }
    let low = ["prlimit", "--nofile=256:2048"];
    let limits = |process: Process| std::fs::read_to_string(format!("/proc/{}/limits", process.0)).expect("limits");
    let probe = Function::through(&low, "probe", &[("NANOFAAS_MAX_CONNECTIONS", "1000")]);
    assert!(limits(Process(probe.id())).lines().any(|line| line.contains("open files") && line.contains(" 1448 ")));
    let mut watchdog = Watchdog::through(&low, "STDIO", &harness::sh("ulimit -n"), &[]);
    watchdog.wait_until_ready();
    assert_eq!(watchdog.invoke("e-1", &json!(1)).json(), 256);
}

#[test]
fn a_callback_without_descriptors_is_delivered_when_there_are_some_again() {
    if !can_limit() {
        return;
    }
    let plane = ControlPlane::start();
    let more = [("CALLBACK_URL", plane.callback_url()), ("NANOFAAS_CALLBACK_MAX_ATTEMPTS", "100".to_owned())];
    let more = more.each_ref().map(|(name, value)| (*name, value.as_str()));
    let probe = Function::start("probe", &more);
    let watchdog = Watchdog::with_child("WORKER", &more);
    for (id, function, process) in
        [("of-probe", &probe, Process(probe.id())), ("of-watchdog", &*watchdog, watchdog.process())]
    {
        let mut kept = function.connect();
        assert_eq!(kept.request("GET", "/health", &[], b"").status, 200);
        assert!(process.limit("nofile", NONE));
        serves(&mut kept, id);
        function.wait_for_log("an attempt that fails", |line| line["execution_id"] == id && line["level"] == "WARN");
        assert_eq!(kept.request("GET", "/health", &[], b"").status, 200);
        assert!(process.limit("nofile", MANY));
        assert!(plane.accepted(id).success());
    }
}

#[test]
fn a_child_that_is_lost_without_descriptors_is_replaced_when_there_are_some_again() {
    if !can_limit() {
        return;
    }
    for mode in ["HTTP", "WORKER"] {
        let watchdog = Watchdog::with_child(mode, &[]);
        let mut kept = watchdog.connect();
        serves(&mut kept, "e-1");
        let child = watchdog.child("e-2");
        let before = Footprint::of(watchdog.process());
        assert!(watchdog.process().limit("nofile", NONE));
        assert!(child.signal("KILL"));
        child.wait_until_gone();
        watchdog.wait_for_log("a start that fails", |line| line.to_string().contains("Too many open files"));
        assert_eq!(kept.request("GET", "/health", &[], b"").status, 503, "{mode}");
        assert!(watchdog.process().limit("nofile", MANY));
        watchdog.wait_for_status("/health", 200);
        serves(&mut kept, "e-3");
        before.wait_until_back();
    }
}
