//! Hundreds of clients that read their answers slowly, or not at all.

use harness::{Footprint, Function, Process, eventually, may_open};

use crate::{is_healthy, request, serves};

/// To write a megabyte as JSON takes long where the code is not optimised.
const READERS: usize = if cfg!(debug_assertions) { 50 } else { 500 };
const DEAF: usize = 20;

const BLOB: usize = 1_000_000;
const PART: usize = 64 * 1024;

fn start(more: &[(&str, &str)]) -> (Function, Process) {
    let probe = Function::start("probe", &[&[("NANOFAAS_MAX_CONCURRENT_HANDLERS", "1000")], more].concat());
    serves(&mut probe.connect(), "warm");
    let process = Process(probe.id());
    (probe, process)
}

fn blob(execution_id: &str) -> String {
    request(execution_id, &format!(r#"{{"input":{{"blob_bytes":{BLOB}}}}}"#))
}

#[test]
fn hundreds_of_clients_that_read_slowly_get_their_answers() {
    if !may_open(READERS) {
        return;
    }
    let (probe, process) = start(&[]);
    Footprint::same_after(process, || {
        let begin = |number| {
            let mut connection = probe.connect();
            connection.send(blob(&format!("e-{number}")).as_bytes());
            (connection, 0)
        };
        let mut readers: Vec<_> = (0..READERS).map(begin).collect();
        while !readers.is_empty() {
            readers.retain_mut(|(connection, read)| {
                *read += connection.read_part(PART);
                *read < BLOB
            });
            is_healthy(&probe);
        }
    });
}

#[test]
fn clients_that_read_nothing_are_given_up_with_what_they_asked_for() {
    let (probe, process) = start(&[("NANOFAAS_BODY_READ_TIMEOUT", "200")]);
    let before = process.descriptors();
    Footprint::same_after(process, || {
        let begin = |number| {
            let mut connection = probe.connect();
            // More than sockets hold.
            connection.send(blob(&format!("e-{number}")).repeat(16).as_bytes());
            connection
        };
        let connections: Vec<_> = (0..DEAF).map(begin).collect();
        eventually("an end of all these connections", || {
            is_healthy(&probe);
            (process.descriptors() <= before).then_some(())
        });
        assert_eq!(connections.len(), DEAF, "all are open on this side");
    });
}
