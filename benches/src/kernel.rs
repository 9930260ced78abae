//! Code execution with state: `EXECUTION_MODE=KERNEL` against services that do the same on Starlette, in both contracts.

mod contender;
mod contract;
mod flows;
mod speed;
mod trouble;

use crate::measure::{Finding, Findings, digits};
use crate::table::Table;
use crate::{Options, peers};
use contender::Contender;
use contract::Contract;

/// What is measured, in the table's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    StartToHealth,
    StartToResult,
    CallMedian,
    CallSlow,
    CallCpu,
    IdleProportional,
    IdleResident,
    IdleWithSpare,
    LoopAnswer,
    LoopState,
    LoopHealth,
    ExitAnswer,
    ExitNext,
    FlowsWaiting,
    FlowsComputing,
    FlowsMixed,
    FloodTime,
    FloodAnswered,
    FloodSaid,
    FloodPeak,
}

/// What ours has to reach.
#[derive(Clone, Copy)]
enum Target {
    AtMost(f64),
    Below(f64),
    /// A number in every round, and no remark.
    Works,
    Says(&'static str),
    None,
}

type Figure = (Row, &'static str, &'static str, Target);

/// Row, what it is called, its unit, and what ours has to reach. MB are millions of bytes.
const FIGURES: &[Figure] = &[
    (Row::StartToHealth, "start → /health", "ms", Target::AtMost(60.0)),
    (Row::StartToResult, "start → first result", "ms", Target::None),
    (Row::CallMedian, "`1+1` over HTTP, p50", "ms", Target::AtMost(0.35)),
    (Row::CallSlow, "`1+1` over HTTP, p99", "ms", Target::None),
    (Row::CallCpu, "`1+1`, CPU time of all its processes", "ms", Target::None),
    (Row::IdleProportional, "idle memory, service and interpreter (PSS)", "MB", Target::AtMost(20.0)),
    (Row::IdleResident, "idle memory, RSS added up", "MB", Target::None),
    (Row::IdleWithSpare, "idle memory with a spare interpreter, the default (PSS)", "MB", Target::None),
    (Row::LoopAnswer, "endless loop, limit of 3 s: answer", "s", Target::Below(3.05)),
    (Row::LoopState, "endless loop: state", "", Target::Says("kept")),
    (Row::LoopHealth, "endless loop: slowest /health meanwhile", "ms", Target::Below(20.0)),
    (Row::ExitAnswer, "`os._exit(1)`: answer", "ms", Target::Below(100.0)),
    (Row::ExitNext, "`os._exit(1)`: from then to the next result", "ms", Target::Works),
    (Row::FlowsWaiting, "three flows at once that wait, against one alone", "×", Target::AtMost(1.5)),
    (Row::FlowsComputing, "three flows at once that compute, against one alone", "×", Target::None),
    (Row::FlowsMixed, "three flows at once: output mixed up", "", Target::Says("no")),
    (Row::FloodTime, "100 MB of stdout: answer", "s", Target::None),
    (Row::FloodAnswered, "100 MB of stdout: size of the answer", "MB", Target::AtMost(12.0)),
    (Row::FloodSaid, "100 MB of stdout: answer says that it was cut", "", Target::Says("yes")),
    (Row::FloodPeak, "100 MB of stdout: peak memory, RSS added up", "MB", Target::Below(100.0)),
];

/// How often each scenario is repeated.
struct Rounds {
    start: usize,
    call: usize,
    calls: usize,
    idle: usize,
    endless: usize,
    exit: usize,
    flows: usize,
    flood: usize,
}

const FULL: Rounds = Rounds { start: 15, call: 9, calls: 500, idle: 5, endless: 3, exit: 9, flows: 5, flood: 3 };
const QUICK: Rounds = Rounds { start: 3, call: 3, calls: 200, idle: 1, endless: 1, exit: 2, flows: 1, flood: 1 };

/// Measures, prints a table for each contract, and returns the targets that ours misses.
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
    for contract in [Contract::Executor, Contract::Flowfile] {
        let contenders = Contender::all(contract, ours, peers.as_deref().ok());
        let findings = measure(&contenders, &rounds);
        let table = table(contract, &contenders, &findings).to_string();
        println!("{table}");
        tables = tables + &table + "\n";
        missed.extend(misses(contract, &contenders, &findings));
    }
    std::fs::write(&options.output, tables).map_err(|error| format!("{}: {error}", options.output.display()))?;
    Ok(missed)
}

fn measure(contenders: &[Contender], rounds: &Rounds) -> Findings<Row> {
    let mut findings = Findings::new();
    speed::start(contenders, rounds.start, &mut findings);
    speed::call(contenders, rounds.call, rounds.calls, &mut findings);
    speed::idle(contenders, rounds.idle, &mut findings);
    trouble::endless(contenders, rounds.endless, &mut findings);
    trouble::exit(contenders, rounds.exit, &mut findings);
    flows::at_once(contenders, rounds.flows, &mut findings);
    trouble::flood(contenders, rounds.flood, &mut findings);
    findings
}

/// A row for each figure that somebody has, a column for each contender.
fn table(contract: Contract, contenders: &[Contender], findings: &Findings<Row>) -> Table {
    let mut head = vec![String::from("median (min–max)")];
    head.extend(contenders.iter().map(|contender| contender.name.clone()));
    head.extend(["peer ÷ ours".into(), "target of ours".into()]);
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let python = peers::version("python3");
    let mut table = Table::new(format!("Kernel mode, contract `{}`: {python}, {cpus} CPUs", contract.name()), head);
    let place = |ours: bool| contenders.iter().position(|contender| contender.ours == ours);
    for figure @ (row, _, _, target) in FIGURES {
        let finding = |index: usize| findings.get(*row, index);
        if (0..contenders.len()).all(|index| finding(index).is_none()) {
            continue;
        }
        let mut cells = vec![label(figure)];
        cells.extend((0..contenders.len()).map(|index| finding(index).map_or("–".into(), Finding::to_string)));
        let median = |ours| finding(place(ours)?)?.summary().map(|summary| summary.median);
        let ratio = median(false).zip(median(true)).map(|(peer, ours)| format!("{}×", digits(peer / ours)));
        cells.extend([ratio.unwrap_or_default(), target.to_string()]);
        table.row(cells);
    }
    table
}

fn label((_, label, unit, _): &Figure) -> String {
    if unit.is_empty() { (*label).into() } else { format!("{label} [{unit}]") }
}

/// The targets that ours does not reach, in words.
fn misses(contract: Contract, contenders: &[Contender], findings: &Findings<Row>) -> Vec<String> {
    let Some(ours) = contenders.iter().position(|contender| contender.ours) else {
        return vec![format!("{}: all, since ours was not measured", contract.name())];
    };
    let missed = FIGURES.iter().filter(|(row, _, _, target)| !target.is_met(findings.get(*row, ours)));
    let words = |figure: &Figure| {
        let (row, _, _, target) = figure;
        let found = findings.get(*row, ours).map_or("not measured".into(), Finding::to_string);
        format!("{}: {}: {found}; the target is {target}", contract.name(), label(figure))
    };
    missed.map(words).collect()
}

impl Target {
    fn is_met(self, finding: Option<&Finding>) -> bool {
        let number = |holds: fn(f64, f64) -> bool, limit: f64| {
            let summary = finding.filter(|finding| finding.words.is_empty()).and_then(Finding::summary);
            summary.is_some_and(|summary| holds(summary.median, limit))
        };
        match self {
            Self::None => true,
            Self::AtMost(limit) => number(|median, limit| median <= limit, limit),
            Self::Below(limit) => number(|median, limit| median < limit, limit),
            Self::Works => number(|_, _| true, 0.0),
            Self::Says(words) => finding.is_some_and(|finding| finding.words.iter().all(|said| said == words)),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "≤ {limit}"),
            Self::Below(limit) => write!(f, "< {limit}"),
            Self::Works => f.write_str("works"),
            Self::Says(words) => f.write_str(words),
            Self::None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_by_the_median_and_by_no_remark() {
        let quick = Finding { numbers: vec![10.0, 61.0, 12.0], words: vec![] };
        assert!(Target::AtMost(12.0).is_met(Some(&quick)));
        assert!(!Target::Below(12.0).is_met(Some(&quick)));
        let dying = Finding { numbers: vec![10.0], words: vec!["the service dies".into()] };
        assert!(!Target::AtMost(12.0).is_met(Some(&dying)) && !Target::Works.is_met(Some(&dying)));
        assert!(!Target::AtMost(12.0).is_met(None) && Target::None.is_met(None));
        let once_lost = Finding { numbers: vec![], words: vec!["kept".into(), "lost".into()] };
        assert!(!Target::Says("kept").is_met(Some(&once_lost)));
    }
}
