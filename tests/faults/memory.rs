//! A child that has no memory left: its own limit, or the killer of the system.

use harness::{Footprint, Watchdog, child, quote};
use serde_json::json;

use crate::is_healthy;

/// A child of this kind with at most this much address space, in KiB.
fn limited(mode: &str) -> Watchdog {
    let script = format!("ulimit -v 1000000; exec {}", child(&mode.to_lowercase()));
    Watchdog::start(mode, &format!("/bin/sh -c {}", quote(&script)), &[])
}

#[test]
fn a_child_without_memory_is_the_calls_failure_and_the_next_call_is_served() {
    for mode in ["STDIO", "HTTP", "WORKER"] {
        let watchdog = limited(mode);
        assert_eq!(watchdog.invoke("before", &json!("x")).status, 200, "{mode}");
        let footprint = Footprint::of(watchdog.process());
        for (number, how) in
            [json!({ "allocate": 4_000_000_000_u64 }), json!({ "sh": "kill -KILL $PPID" })].iter().enumerate()
        {
            let answer = watchdog.invoke(&format!("lost-{number}"), how);
            assert_eq!(answer.failure(), (500, "FUNCTION_ERROR".to_owned()), "{mode} {how} {answer:?}");
            watchdog.wait_for_status("/health", 200);
            let next = watchdog.invoke(&format!("next-{number}"), &json!("x"));
            assert_eq!(next.status, 200, "{mode} {how} {next:?}");
        }
        footprint.wait_until_back();
        is_healthy(&watchdog);
    }
}
