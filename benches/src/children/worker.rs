//! A process for many calls: a line each, or a request each.

use std::path::Path;
use std::time::Duration;

use super::contender::{Contender, Way};
use super::language::{Language, Runtime};
use super::running::Running;
use super::{Rounds, failed, start_all};
use crate::figures::{Figure, Target};
use crate::measure::{Findings, megabytes, milliseconds, percentile, sorted, take_turns};
use crate::pin::Pinned;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    Start,
    Median,
    Slow,
    Cpu,
    RateOne,
    RateMany,
    OneCpuMedian,
    OneCpuHealth,
    OneCpuAdded,
    Idle,
}

pub(super) const FIGURES: &[Figure<Row>] = &[
    (Row::Start, "start → first answer", "ms", Target::None),
    (Row::Median, "a call, p50", "µs", Target::None),
    (Row::Slow, "a call, p99", "µs", Target::None),
    (Row::Cpu, "CPU time per call, all processes, all rounds", "µs", Target::None),
    (Row::RateOne, "1 connection", "calls/s", Target::None),
    (Row::RateMany, "16 connections", "calls/s", Target::None),
    (Row::OneCpuMedian, "everything on one CPU: a call, p50", "µs", Target::None),
    (Row::OneCpuHealth, "everything on one CPU: /health, p50", "µs", Target::None),
    (Row::OneCpuAdded, "everything on one CPU: added to the pipe, p50", "µs", Target::AtMost(40.0)),
    (Row::Idle, "idle memory (PSS)", "MB", Target::None),
];

const WORKER: &[(&str, &str)] = &[("EXECUTION_MODE", "WORKER")];
const SYNC: &[&str] = &["--worker-class", "sync"];
/// Keeps connections. One thread, as there is one worker: only one of several would compute at a time.
const GTHREAD: &[&str] = &["--worker-class", "gthread", "--threads", "1", "--keep-alive", "75"];

/// Calls before those that count.
const WARM_UP: usize = 300;
/// From the last answer until a service is idle.
const SETTLE: Duration = Duration::from_millis(500);
const CONNECTIONS: usize = 16;

/// The pipe first: what the others add is measured against it.
pub(super) fn contenders(runtime: &Runtime, watchdog: Option<&Path>, python: Option<&Path>) -> Vec<Contender> {
    let contender = |name, way| Contender { name, way, runtime: runtime.clone() };
    let mut all = vec![contender("nothing around it: a pipe", Way::Pipe)];
    all.extend(watchdog.map(|watchdog| contender("ours", Way::Watchdog(watchdog.to_owned(), WORKER))));
    if let Some(python) = python.filter(|_| runtime.language == Language::Python) {
        all.push(contender("Flask, Gunicorn gthread", Way::Gunicorn(python.to_owned(), GTHREAD)));
        all.push(contender("Flask, Gunicorn sync", Way::Gunicorn(python.to_owned(), SYNC)));
    }
    all
}

pub(super) fn measure(contenders: &[Contender], rounds: &Rounds) -> Findings<Row> {
    let mut findings = Findings::new();
    start(contenders, rounds.start, &mut findings);
    call(contenders, rounds, &mut findings);
    match Pinned::to_one() {
        Ok(_pinned) => on_one_cpu(contenders, rounds, &mut findings),
        Err(reason) => eprintln!("nothing is measured on one CPU: {reason}"),
    }
    idle(contenders, rounds.idle, &mut findings);
    findings
}

fn start(contenders: &[Contender], rounds: usize, findings: &mut Findings<Row>) {
    eprintln!("start: {rounds} rounds");
    let mut places: Vec<&Contender> = contenders.iter().collect();
    take_turns(rounds, &mut places, |index, contender| match contender.start() {
        Ok(running) => findings.number(Row::Start, index, milliseconds(running.started)),
        Err(reason) => failed(findings, Row::Start, index, contender, &reason),
    });
}

/// Calls on one connection, and on several. All services run the whole time, one of them is busy.
fn call(contenders: &[Contender], rounds: &Rounds, findings: &mut Findings<Row>) {
    eprintln!("workers: {} rounds of {} calls", rounds.worker, rounds.calls);
    let mut running = warm(contenders, Row::Median, findings);
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    // Added up: the system counts in hundredths of a second.
    let mut computed = vec![Duration::ZERO; contenders.len()];
    take_turns(rounds.worker, &mut running, |_, (index, running)| {
        let before = running.cpu_time();
        match several(|| running.call(), rounds.calls) {
            Ok(times) => {
                computed[*index] += running.cpu_time().saturating_sub(before);
                findings.number(Row::RateOne, *index, number(rounds.calls) * 1e6 / times.iter().sum::<f64>());
                for (row, percent) in [(Row::Median, 50), (Row::Slow, 99)] {
                    findings.number(row, *index, percentile(&times, percent).unwrap_or(f64::NAN));
                }
            }
            Err(reason) => failed(findings, Row::Median, *index, &contenders[*index], &reason),
        }
        match running.flood(CONNECTIONS, rounds.calls) {
            Some(Ok(rate)) => findings.number(Row::RateMany, *index, rate),
            Some(Err(reason)) => failed(findings, Row::RateMany, *index, &contenders[*index], &reason),
            None => {}
        }
    });
    for (index, _) in &running {
        let each = computed[*index].as_secs_f64() * 1e6 / number(rounds.worker * rounds.calls);
        findings.number(Row::Cpu, *index, each);
    }
}

/// Client, service and worker on one CPU: what each of them computes, and no wake-up of another CPU.
fn on_one_cpu(contenders: &[Contender], rounds: &Rounds, findings: &mut Findings<Row>) {
    eprintln!("workers on one CPU: {} rounds of {} calls", rounds.one_cpu, rounds.calls / 2);
    let mut running = warm(contenders, Row::OneCpuMedian, findings);
    let mut floor = f64::NAN;
    for _ in 0..rounds.one_cpu {
        // Not in turns: what is added is the difference to the pipe of the same round.
        for (index, running) in &mut running {
            let median = |times: Vec<f64>| percentile(&times, 50).unwrap_or(f64::NAN);
            let called = several(|| running.call(), rounds.calls / 2).map(median);
            match called {
                Ok(took) => {
                    findings.number(Row::OneCpuMedian, *index, took);
                    if *index == 0 {
                        floor = took;
                    } else {
                        findings.number(Row::OneCpuAdded, *index, took - floor);
                    }
                }
                Err(reason) => failed(findings, Row::OneCpuMedian, *index, &contenders[*index], &reason),
            }
            let asked = several(|| running.health().ok_or_else(String::new), rounds.calls / 8).map(median);
            if let Ok(took) = asked {
                findings.number(Row::OneCpuHealth, *index, took);
            }
        }
    }
}

/// All contenders, after enough calls that interpreters have specialised what they run.
fn warm(contenders: &[Contender], row: Row, findings: &mut Findings<Row>) -> Vec<(usize, Running)> {
    let mut running = start_all(contenders, row, findings);
    running.retain_mut(|(index, running)| {
        let warm = several(|| running.call(), WARM_UP);
        if let Err(reason) = &warm {
            failed(findings, row, *index, &contenders[*index], reason);
        }
        warm.is_ok()
    });
    running
}

/// Microseconds of so many calls, sorted.
fn several(mut call: impl FnMut() -> Result<Duration, String>, calls: usize) -> Result<Vec<f64>, String> {
    let times: Result<Vec<_>, _> = (0..calls).map(|_| call().map(|took| took.as_secs_f64() * 1e6)).collect();
    times.map(|times| sorted(&times))
}

/// Memory of one service alone, so that no other one shares its pages, after some calls.
fn idle(contenders: &[Contender], rounds: usize, findings: &mut Findings<Row>) {
    eprintln!("idle: {rounds} rounds");
    let mut places: Vec<&Contender> = contenders.iter().collect();
    take_turns(rounds, &mut places, |index, contender| {
        let weighed = contender.start().and_then(|mut running| {
            several(|| running.call(), WARM_UP)?;
            std::thread::sleep(SETTLE);
            Ok(running.memory())
        });
        match weighed {
            Ok(memory) => findings.number(Row::Idle, index, megabytes(memory.unwrap_or_default())),
            Err(reason) => failed(findings, Row::Idle, index, contender, &reason),
        }
    });
}
