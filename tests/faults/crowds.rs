//! Thousands of clients that do nothing, and hundreds that do it slowly.

use harness::{Connection, Footprint, Function, Process, Watchdog, can_limit, may_open};

use crate::{is_healthy, serves};

const CROWD: usize = 5000;
const WRITERS: usize = 500;

/// What an idle connection may cost, in KiB, with all that the process needs for any number of them.
const PER_CONNECTION: u64 = 3;
const ONCE: u64 = 4096;

fn crowd(function: &Function) -> Vec<Connection> {
    (0..CROWD).map(|_| function.connect()).collect()
}

#[test]
fn five_thousand_idle_connections_are_kept_and_leave_nothing_behind() {
    if !may_open(CROWD) || !can_limit() {
        return;
    }
    // As many systems start their services; the function raises it.
    let probe = Function::through(&["prlimit", "--nofile=1024:"], "probe", &[]);
    let process = Process(probe.id());
    is_healthy(&probe);
    let before = Footprint::of(process);
    Footprint::same_after(process, || {
        let mut connections = crowd(&probe);
        is_healthy(&probe);
        let grown = process.memory().saturating_sub(before.memory);
        assert!(grown < PER_CONNECTION * CROWD as u64 + ONCE, "{grown} KiB");
        for connection in connections.iter_mut().step_by(500) {
            serves(connection, "e-1");
        }
        is_healthy(&probe);
    });
    serves(&mut probe.connect(), "e-2");
}

#[test]
fn five_thousand_idle_connections_do_not_keep_others_from_a_watchdog_with_few_descriptors() {
    if !may_open(CROWD) || !can_limit() {
        return;
    }
    let child = harness::child("stdio");
    let mut watchdog = Watchdog::through(&["prlimit", "--nofile=1024:"], "STDIO", &child, &[]);
    watchdog.wait_until_ready();
    serves(&mut watchdog.connect(), "e-1");
    Footprint::same_after(watchdog.process(), || {
        let connections = crowd(&watchdog);
        is_healthy(&watchdog);
        serves(&mut watchdog.connect(), "e-2");
        assert!(watchdog.process().descriptors() < 1024);
        drop(connections);
    });
    serves(&mut watchdog.connect(), "e-3");
}

/// Sends these bytes one at a time on each of many connections, as long as any of them is open.
fn drip(function: &Function, start: &[u8], byte: &[u8]) {
    let mut connections: Vec<_> = (0..WRITERS).map(|_| function.connect()).collect();
    for connection in &mut connections {
        connection.send(start);
    }
    while !connections.is_empty() {
        is_healthy(function);
        connections.retain_mut(|connection| connection.try_send(byte));
    }
}

#[test]
fn five_hundred_clients_that_send_a_byte_at_a_time_are_given_up() {
    if !may_open(WRITERS) {
        return;
    }
    let probe = Function::start("probe", &[("NANOFAAS_BODY_READ_TIMEOUT", "500")]);
    Footprint::same_after(Process(probe.id()), || {
        drip(&probe, b"POST /invoke HTTP/1.1\r\n", b"a");
        drip(&probe, b"POST /invoke HTTP/1.1\r\nx-execution-id: e-1\r\ncontent-length: 100000\r\n\r\n", b"[");
    });
    serves(&mut probe.connect(), "e-2");
}
