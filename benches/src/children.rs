//! Functions in other languages: scripts that are started ahead (`EXECUTION_MODE=STDIO`) and workers (`WORKER`).

mod contender;
mod language;
mod running;
mod stdio;
mod worker;

use std::fmt::Debug;
use std::path::Path;

use crate::figures::Sheet;
use crate::measure::Findings;
use crate::{Options, peers};
use contender::{Contender, Way};
use language::{Language, Runtime};
use running::Running;

/// How often each scenario is repeated.
struct Rounds {
    start: usize,
    /// Scripts, and calls in a round.
    script: usize,
    scripts: usize,
    /// Workers, and calls in a round.
    worker: usize,
    calls: usize,
    one_cpu: usize,
    idle: usize,
}

const FULL: Rounds = Rounds { start: 9, script: 5, scripts: 40, worker: 7, calls: 2000, one_cpu: 9, idle: 3 };
const QUICK: Rounds = Rounds { start: 1, script: 1, scripts: 10, worker: 2, calls: 400, one_cpu: 2, idle: 1 };

/// Measures, prints two tables for each language, and returns the targets that ours misses.
pub(crate) fn run(options: &Options) -> Result<Vec<String>, String> {
    let rounds = if options.quick { QUICK } else { FULL };
    let peers = peers::python();
    if let Err(reason) = &peers {
        eprintln!("the peers are left out: {reason}");
    }
    let ours = options.watchdog.is_file().then_some(options.watchdog.as_path());
    if ours.is_none() {
        eprintln!("there is no {}: build the watchdog, or name it with --watchdog", options.watchdog.display());
    }
    let (mut tables, mut missed) = (String::new(), Vec::new());
    for language in [Language::Python, Language::Node] {
        let runtime = match language.runtime() {
            Ok(runtime) => runtime,
            Err(reason) => {
                eprintln!("{} is left out: {reason}", language.name());
                continue;
            }
        };
        let mut show = |(table, misses): (String, Vec<String>)| {
            println!("{table}");
            tables = std::mem::take(&mut tables) + &table + "\n";
            missed.extend(misses);
        };
        show(scripts(&runtime, ours, &rounds)?);
        show(workers(&runtime, ours, peers.as_deref().ok(), &rounds));
    }
    std::fs::write(&options.output, tables).map_err(|error| format!("{}: {error}", options.output.display()))?;
    Ok(missed)
}

fn scripts(runtime: &Runtime, ours: Option<&Path>, rounds: &Rounds) -> Result<(String, Vec<String>), String> {
    let contenders = stdio::contenders(runtime, ours);
    let pause = stdio::pause(&contenders[0])?;
    let findings = stdio::measure(&contenders, pause, rounds);
    let figures = stdio::figures(runtime.language);
    let sheet = Sheet {
        title: format!("A script per call, {} ms apart: {}", pause.as_millis(), machine(runtime)),
        name: format!("STDIO, {}", runtime.language.name()),
        contenders: names(&contenders),
        // The last one, which has everything.
        ours: ours.map(|_| contenders.len() - 1),
        against: ("ours, spawn per call ÷ early reply", ours.map(|_| 2)),
        figures: &figures,
    };
    Ok((sheet.table(&findings).to_string(), sheet.misses(&findings)))
}

fn workers(runtime: &Runtime, ours: Option<&Path>, peers: Option<&Path>, rounds: &Rounds) -> (String, Vec<String>) {
    let contenders = worker::contenders(runtime, ours, peers);
    let findings = worker::measure(&contenders, rounds);
    let place = |is: fn(&Way) -> bool| contenders.iter().position(|contender| is(&contender.way));
    let peer = place(|way| matches!(way, Way::Gunicorn(..)));
    let sheet = Sheet {
        title: format!("A worker for all calls: {}", machine(runtime)),
        name: format!("WORKER, {}", runtime.language.name()),
        contenders: names(&contenders),
        ours: place(|way| matches!(way, Way::Watchdog(..))),
        against: if peer.is_some() { ("gthread ÷ ours", peer) } else { ("pipe ÷ ours", Some(0)) },
        figures: worker::FIGURES,
    };
    (sheet.table(&findings).to_string(), sheet.misses(&findings))
}

fn names(contenders: &[Contender]) -> Vec<String> {
    contenders.iter().map(|contender| contender.name.to_owned()).collect()
}

fn machine(runtime: &Runtime) -> String {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cpus} CPUs", runtime.version)
}

/// Starts all; one that does not start is said and left out.
fn start_all<Row: Ord + Copy + Debug>(
    contenders: &[Contender],
    row: Row,
    findings: &mut Findings<Row>,
) -> Vec<(usize, Running)> {
    let mut running = Vec::new();
    for (index, contender) in contenders.iter().enumerate() {
        match contender.start() {
            Ok(started) => running.push((index, started)),
            Err(reason) => failed(findings, row, index, contender, &reason),
        }
    }
    running
}

/// Notes a round without a number, and says on stderr why.
fn failed<Row: Ord + Debug>(findings: &mut Findings<Row>, row: Row, index: usize, contender: &Contender, reason: &str) {
    eprintln!("{}: {row:?}: {reason}", contender.name);
    findings.say(row, index, "fails");
}
