//! Several flows at once: whether they wait for each other, and whether each gets its own output.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use super::Row;
use super::contender::{Contender, Running};
use super::speed::failed;
use crate::measure::{Findings, take_turns};

const FLOWS: usize = 3;
/// Long enough for what computes, on a machine of any speed.
const LIMIT: (&str, &str) = ("EXECUTION_TIMEOUT", "60");
const SESSIONS: (&str, &str) = ("KERNEL_SESSIONS", "3");

/// A flow's work, and what it prints.
type Work = fn(usize) -> (String, String);

/// Prints now and then, and waits between, as for a database.
fn waiting(flow: usize) -> (String, String) {
    let code = format!("import time\nfor i in range(20):\n    print('flow {flow}', i)\n    time.sleep(0.02)");
    let lines: Vec<_> = (0..20).map(|i| format!("flow {flow} {i}\n")).collect();
    (code, lines.concat())
}

/// Computes for some tenths of a second, and prints once.
fn computing(flow: usize) -> (String, String) {
    (format!("n = 0\nfor i in range(4_000_000):\n    n += i\nprint('flow {flow}')"), format!("flow {flow}\n"))
}

/// Three flows that work side by side, against one of them alone.
pub(super) fn at_once(contenders: &[Contender], rounds: usize, findings: &mut Findings<Row>) {
    eprintln!("flows: {rounds} rounds");
    let mut places: Vec<&Contender> = contenders.iter().collect();
    take_turns(rounds, &mut places, |index, contender| {
        let measured = contender.start(&[LIMIT, SESSIONS]).and_then(|running| {
            // The flows exist: what is measured is their work.
            for flow in 0..FLOWS {
                running.first_result(&mut running.client(), flow)?;
            }
            let mut mixed = false;
            for (row, work) in [(Row::FlowsWaiting, waiting as Work), (Row::FlowsComputing, computing)] {
                let (alone, _) = together(&running, 1, work)?;
                let (all, strange) = together(&running, FLOWS, work)?;
                mixed |= strange;
                findings.number(row, index, all.as_secs_f64() / alone.as_secs_f64());
            }
            findings.say(Row::FlowsMixed, index, if mixed { "yes" } else { "no" });
            Ok(())
        });
        if let Err(reason) = measured {
            failed(findings, Row::FlowsWaiting, index, contender, &reason);
        }
    });
}

/// Runs the work of so many flows at the same time: how long until the last answer, and whether any printed what is not its own.
fn together(running: &Running<'_>, flows: usize, work: Work) -> Result<(Duration, bool), String> {
    let gate = &Barrier::new(flows + 1);
    std::thread::scope(|scope| {
        let flow = |flow: usize| {
            let (code, own) = work(flow);
            let mut client = running.client();
            gate.wait();
            let reply = running.execute(&mut client, flow, &code)?;
            match reply.said.error {
                Some(error) => Err(format!("flow {flow} failed: {error}")),
                None => Ok(reply.said.stdout != own),
            }
        };
        let threads: Vec<_> = (0..flows).map(|number| scope.spawn(move || flow(number))).collect();
        gate.wait();
        let began = Instant::now();
        let mut mixed = false;
        for thread in threads {
            mixed |= thread.join().map_err(|_| String::from("a thread of the measurement panicked"))??;
        }
        Ok((began.elapsed(), mixed))
    })
}
