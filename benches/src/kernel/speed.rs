//! How fast it is there, how fast it answers, and what it takes while it waits.

use std::time::Duration;

use super::Row;
use super::contender::{Contender, Running};
use crate::http::Client;
use crate::measure::{Findings, megabytes, milliseconds, percentile, sorted, take_turns};
use crate::process::{Memory, cpu_time, memory};

/// Calls before those that count.
const WARM_UP: usize = 200;
/// From the last answer until a service is idle.
const SETTLE: Duration = Duration::from_millis(500);

/// From exec to the first answer of `/health`, and to the first result of code.
pub(super) fn start(contenders: &[Contender], rounds: usize, findings: &mut Findings<Row>) {
    eprintln!("start: {rounds} rounds");
    let mut places: Vec<&Contender> = contenders.iter().collect();
    take_turns(rounds, &mut places, |index, contender| {
        let measured = contender.start(&[]).and_then(|running| {
            let health = running.began.elapsed();
            running.first_result(&mut running.client(), 0)?;
            Ok((health, running.began.elapsed()))
        });
        match measured {
            Ok((health, result)) => {
                findings.number(Row::StartToHealth, index, milliseconds(health));
                findings.number(Row::StartToResult, index, milliseconds(result));
            }
            Err(reason) => failed(findings, Row::StartToHealth, index, contender, &reason),
        }
    });
}

/// Calls on one connection. All services run the whole time, one of them is busy.
pub(super) fn call(contenders: &[Contender], rounds: usize, calls: usize, findings: &mut Findings<Row>) {
    eprintln!("call: {rounds} rounds of {calls} calls");
    let mut running = Vec::new();
    for (index, contender) in contenders.iter().enumerate() {
        let warm = contender.start(&[]).and_then(|running| {
            let mut client = running.client();
            running.first_result(&mut client, 0)?;
            several(&running, &mut client, WARM_UP)?;
            Ok((index, running, client))
        });
        match warm {
            Ok(warm) => running.push(warm),
            Err(reason) => failed(findings, Row::CallMedian, index, contender, &reason),
        }
    }
    take_turns(rounds, &mut running, |_, (index, running, client)| {
        let before = cpu_time(&running.tree());
        match several(running, client, calls) {
            Ok(times) => {
                let computed = cpu_time(&running.tree()).saturating_sub(before);
                let each = computed / u32::try_from(calls).unwrap_or(u32::MAX);
                findings.number(Row::CallCpu, *index, milliseconds(each));
                for (row, percent) in [(Row::CallMedian, 50), (Row::CallSlow, 99)] {
                    findings.number(row, *index, percentile(&times, percent).unwrap_or(f64::NAN));
                }
            }
            Err(reason) => failed(findings, Row::CallMedian, *index, running.contender, &reason),
        }
    });
}

/// Milliseconds of so many calls, sorted.
fn several(running: &Running<'_>, client: &mut Client, calls: usize) -> Result<Vec<f64>, String> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let reply = running.execute(client, 0, "1+1")?;
        if let Some(error) = reply.said.error {
            return Err(format!("`1+1` failed: {error}"));
        }
        times.push(milliseconds(reply.took));
    }
    Ok(sorted(&times))
}

/// Memory of one service alone, so that no other one shares its pages, after it has computed something.
pub(super) fn idle(contenders: &[Contender], rounds: usize, findings: &mut Findings<Row>) {
    eprintln!("idle: {rounds} rounds");
    let mut places: Vec<&Contender> = contenders.iter().collect();
    take_turns(rounds, &mut places, |index, contender| {
        match weigh(contender, &[("KERNEL_SPARE", "0")]) {
            Ok(memory) => {
                findings.number(Row::IdleProportional, index, megabytes(memory.proportional));
                findings.number(Row::IdleResident, index, megabytes(memory.resident));
            }
            Err(reason) => failed(findings, Row::IdleProportional, index, contender, &reason),
        }
        if contender.has_spare() {
            match weigh(contender, &[]) {
                Ok(memory) => findings.number(Row::IdleWithSpare, index, megabytes(memory.proportional)),
                Err(reason) => failed(findings, Row::IdleWithSpare, index, contender, &reason),
            }
        }
    });
}

fn weigh(contender: &Contender, variables: &[(&str, &str)]) -> Result<Memory, String> {
    let running = contender.start(variables)?;
    running.first_result(&mut running.client(), 0)?;
    std::thread::sleep(SETTLE);
    Ok(memory(&running.tree()))
}

/// Notes a round without a number, and says on stderr why.
pub(super) fn failed(findings: &mut Findings<Row>, row: Row, index: usize, contender: &Contender, reason: &str) {
    eprintln!("{}: {row:?}: {reason}", contender.name);
    findings.say(row, index, "fails");
}
