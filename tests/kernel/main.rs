//! What the watchdog does as a kernel: code is executed, with state between calls, over real sockets.

mod attacks;
mod authentication;
mod configuration;
mod death;
mod disconnect;
mod executor_errors;
mod executor_outputs;
mod executor_requests;
mod executor_restart;
mod executor_sessions;
mod executor_start_up;
mod executor_state;
mod executor_time_out;
mod flowfile_artifact_lists;
mod flowfile_artifacts;
mod flowfile_data;
mod flowfile_display;
mod flowfile_execute;
mod flowfile_flows;
mod flowfile_log;
mod flowfile_requests;
mod hostile_frames;
mod hostile_interpreter;
mod hostile_processes;
mod interrupt;
mod invoke;
mod load;
mod output_limits;
mod packages;
mod stop;
mod streaming;

use harness::Kernel;
use serde_json::json;

/// For code that would hold up a test.
const GUARDED: [(&str, &str); 2] = [("EXECUTION_TIMEOUT", "2"), ("WATCHDOG_KILL_GRACE_MS", "300")];

/// Each is answered somehow, and the next call works.
fn survives(codes: &[&str]) {
    let Some(kernel) = Kernel::executor(&GUARDED) else { return };
    for code in codes {
        let answer = kernel.post("/execute", &json!({ "code": code }));
        assert_eq!(answer.status, 200, "{code}\n{}", answer.text());
        assert!(answer.json()["outputs"].is_array(), "{code}\n{}", answer.text());
        kernel.serves();
        assert!(kernel.process().is_alive(), "{code}");
    }
}
