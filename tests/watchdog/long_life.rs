//! Nothing grows with the number of calls. `NANOFAAS_TESTS_LONG=1` makes it 100,000.

use harness::{Connection, Watchdog, eventually};
use serde_json::json;

/// What may not grow.
#[derive(Debug)]
struct Size {
    descriptors: usize,
    threads: usize,
    children: usize,
    /// In KiB.
    memory: u64,
}

fn size(watchdog: &Watchdog) -> Size {
    let process = watchdog.process();
    eventually("no zombie", || process.zombies().is_empty().then_some(()));
    Size {
        descriptors: process.descriptors(),
        threads: process.threads(),
        children: process.children().len(),
        memory: process.memory(),
    }
}

fn call(connection: &mut Connection, number: usize) {
    let id = format!("e-{number}");
    let input = if number % 10 == 9 { json!({ "print": "no JSON" }) } else { json!({ "n": number }) };
    let answer = connection.request(
        "POST",
        "/invoke",
        &[("X-Execution-Id", &id)],
        json!({ "input": input }).to_string().as_bytes(),
    );
    assert_eq!(answer.status, if number % 10 == 9 { 500 } else { 200 }, "{number} {answer:?}");
}

fn stays_as_it_is(mode: &str, calls: usize) {
    let calls = if std::env::var("NANOFAAS_TESTS_LONG").is_ok_and(|long| long == "1") { 100_000 } else { calls };
    let watchdog = Watchdog::with_child(mode, &[]);
    let mut connection = watchdog.connect();
    for number in 0..calls / 4 {
        call(&mut connection, number);
    }
    let before = size(&watchdog);
    for number in 0..calls {
        call(&mut connection, number);
    }
    // What ends a moment after its call is given that moment.
    eventually(&format!("the size of before: {before:?}"), || {
        let after = size(&watchdog);
        let flat = after.descriptors <= before.descriptors + 2
            && after.threads <= before.threads + 4
            && after.children <= before.children
            && after.memory <= before.memory + 4096;
        flat.then_some(())
    });
}

#[test]
fn with_a_kept_child_nothing_grows() {
    stays_as_it_is("HTTP", 3_000);
}

#[test]
fn with_a_process_per_call_nothing_grows() {
    stays_as_it_is("STDIO", 1_000);
}

#[test]
fn with_files_per_call_nothing_grows() {
    stays_as_it_is("FILE", 500);
}

#[test]
fn with_time_outs_and_clients_that_go_nothing_grows() {
    let extra = [("TIMEOUT_MS", "60"), ("WATCHDOG_KILL_GRACE_MS", "50")];
    let watchdog = Watchdog::start("STDIO", "sleep 600", &extra);
    let round = |count: usize| {
        for number in 0..count {
            let id = format!("e-{number}");
            let mut caller = watchdog.connect();
            caller.begin(&[("X-Execution-Id", &id)], "{}");
            if number % 2 == 0 {
                assert_eq!(caller.answer().expect("an answer").failure(), (504, "TIMEOUT".to_owned()));
            }
        }
        watchdog.wait_for_metric("active_handlers", &[], 0);
        watchdog.wait_until_alone();
    };
    round(10);
    let before = size(&watchdog);
    round(60);
    eventually(&format!("the size of before: {before:?}"), || {
        let after = size(&watchdog);
        let flat = after.descriptors <= before.descriptors + 2 && after.children <= before.children;
        (flat && after.threads <= before.threads + 4 && after.memory <= before.memory + 4096).then_some(())
    });
}
