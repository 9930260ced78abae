//! What happens when something runs out, or when clients and disks misbehave in numbers: `/health` is answered
//! meanwhile, and nothing of it is left behind.

mod clients;
mod clock;
mod crowds;
mod descriptors;
mod disk;
mod memory;
mod readers;
mod threads;

use harness::{Connection, Function};

/// The process is alive, for one that asks on a new connection.
fn is_healthy(function: &Function) {
    let answer = function.get("/health");
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// A call on this connection succeeds.
fn serves(connection: &mut Connection, execution_id: &str) {
    let answer = connection.request("POST", "/invoke", &[("X-Execution-Id", execution_id)], br#"{"input":"x"}"#);
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The bytes of a call with this body.
fn request(execution_id: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST /invoke HTTP/1.1\r\nhost: f\r\nx-execution-id: {execution_id}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
