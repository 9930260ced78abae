//! A process per call: started for it, or waiting for it.

use std::path::Path;
use std::time::Duration;

use super::contender::{Contender, Way};
use super::language::{Language, Runtime};
use super::{Rounds, failed, start_all};
use crate::figures::{Figure, Target};
use crate::measure::{Findings, megabytes, milliseconds, percentile, sorted, take_turns};
use crate::pin::Pinned;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    Median,
    Slow,
    Cpu,
    OneCpuMedian,
    Idle,
}

const STDIO: (&str, &str) = ("EXECUTION_MODE", "STDIO");
const AHEAD: [(&str, &str); 2] = [("WATCHDOG_PRESPAWN", "4"), ("WATCHDOG_PRESPAWN_ENV", "none")];
const EARLY: (&str, &str) = ("WATCHDOG_EARLY_REPLY", "true");

/// From the start until those that wait have loaded what they need.
const SETTLE: Duration = Duration::from_millis(1500);
/// So many starts fit between two calls: the next one finds as many waiting as the first one did.
const PAUSE: u32 = 2;
/// Never shorter, however quick the interpreter is there.
const SHORTEST_PAUSE: Duration = Duration::from_millis(40);

pub(super) fn contenders(runtime: &Runtime, watchdog: Option<&Path>) -> Vec<Contender> {
    let contender = |name, way| Contender { name, way, runtime: runtime.clone() };
    let mut all = vec![
        contender("nothing around it: a spawn per call", Way::Spawn),
        contender("nothing around it: one waits", Way::Waiting),
    ];
    let ways: [(_, &'static [_]); 3] = [
        ("ours, spawn per call", &[STDIO]),
        ("ours, 4 started ahead", &[STDIO, AHEAD[0], AHEAD[1]]),
        ("ours, 4 ahead and early reply", &[STDIO, AHEAD[0], AHEAD[1], EARLY]),
    ];
    all.extend(watchdog.into_iter().flat_map(|watchdog| {
        ways.map(|(name, variables)| contender(name, Way::Watchdog(watchdog.to_owned(), variables)))
    }));
    all
}

pub(super) fn figures(language: Language) -> Vec<Figure<Row>> {
    let median = if language == Language::Python { Target::AtMost(1.0) } else { Target::None };
    vec![
        (Row::Median, "a call after a pause, p50", "ms", median),
        (Row::Slow, "a call after a pause, p99 of all rounds", "ms", Target::None),
        (Row::Cpu, "CPU time per call, all processes and refills", "ms", Target::None),
        (Row::OneCpuMedian, "everything on one CPU, p50", "ms", Target::None),
        (Row::Idle, "idle memory (PSS)", "MB", Target::None),
    ]
}

/// What a start takes here, and so how long the pause has to be.
pub(super) fn pause(contender: &Contender) -> Result<Duration, String> {
    let mut running = contender.start()?;
    let times: Result<Vec<_>, _> = (0..7).map(|_| running.call().map(|took| took.as_secs_f64())).collect();
    let median = percentile(&sorted(&times?), 50).unwrap_or_default();
    Ok((Duration::from_secs_f64(median) * PAUSE).max(SHORTEST_PAUSE))
}

pub(super) fn measure(contenders: &[Contender], pause: Duration, rounds: &Rounds) -> Findings<Row> {
    let mut findings = Findings::new();
    call(contenders, pause, rounds, &mut findings);
    match Pinned::to_one() {
        Ok(_pinned) => on_one_cpu(contenders, pause, rounds, &mut findings),
        Err(reason) => eprintln!("nothing is measured on one CPU: {reason}"),
    }
    idle(contenders, rounds.idle, &mut findings);
    findings
}

/// One call after the other, with time for those that wait to be replaced.
fn call(contenders: &[Contender], pause: Duration, rounds: &Rounds, findings: &mut Findings<Row>) {
    eprintln!("scripts: {} rounds of {} calls, each after {} ms", rounds.script, rounds.scripts, pause.as_millis());
    let mut all = vec![Vec::new(); contenders.len()];
    let mut running = start_all(contenders, Row::Median, findings);
    std::thread::sleep(SETTLE);
    take_turns(rounds.script, &mut running, |_, (index, running)| {
        let before = running.cpu_time();
        match several(|| running.call(), rounds.scripts, pause) {
            Ok(times) => {
                let computed = running.cpu_time().saturating_sub(before);
                let each = computed / u32::try_from(rounds.scripts).unwrap_or(u32::MAX);
                findings.number(Row::Cpu, *index, milliseconds(each));
                findings.number(Row::Median, *index, percentile(&sorted(&times), 50).unwrap_or(f64::NAN));
                all[*index].extend(times);
            }
            Err(reason) => failed(findings, Row::Median, *index, &contenders[*index], &reason),
        }
    });
    for (index, times) in all.iter().enumerate() {
        if let Some(slow) = percentile(&sorted(times), 99) {
            findings.number(Row::Slow, index, slow);
        }
    }
}

/// Replacements share the CPU with the call, as they do in a container with one.
fn on_one_cpu(contenders: &[Contender], pause: Duration, rounds: &Rounds, findings: &mut Findings<Row>) {
    eprintln!("scripts on one CPU: {} rounds of {} calls", rounds.script, rounds.scripts / 2);
    let mut running = start_all(contenders, Row::OneCpuMedian, findings);
    std::thread::sleep(SETTLE);
    take_turns(rounds.script, &mut running, |_, (index, running)| {
        match several(|| running.call(), rounds.scripts / 2, pause) {
            Ok(times) => {
                let median = percentile(&sorted(&times), 50).unwrap_or(f64::NAN);
                findings.number(Row::OneCpuMedian, *index, median);
            }
            Err(reason) => failed(findings, Row::OneCpuMedian, *index, &contenders[*index], &reason),
        }
    });
}

/// Milliseconds of so many calls. The last one, too, is given its pause: what it set off belongs to it.
fn several(
    mut call: impl FnMut() -> Result<Duration, String>,
    calls: usize,
    pause: Duration,
) -> Result<Vec<f64>, String> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        times.push(milliseconds(call()?));
        std::thread::sleep(pause);
    }
    Ok(times)
}

/// Memory of one service alone, so that no other one shares its pages.
fn idle(contenders: &[Contender], rounds: usize, findings: &mut Findings<Row>) {
    eprintln!("idle: {rounds} rounds");
    let mut places: Vec<&Contender> = contenders.iter().collect();
    take_turns(rounds, &mut places, |index, contender| match contender.start() {
        Ok(running) => {
            std::thread::sleep(SETTLE);
            if let Some(memory) = running.memory() {
                findings.number(Row::Idle, index, megabytes(memory));
            }
        }
        Err(reason) => failed(findings, Row::Idle, index, contender, &reason),
    });
}
