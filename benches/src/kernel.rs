//! Code execution with state: `EXECUTION_MODE=KERNEL` against services that do the same on Starlette, in both contracts.

mod contender;
mod contract;
mod flows;
mod speed;
mod trouble;

use crate::figures::{Figure, Sheet, Target};
use crate::measure::Findings;
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

const FIGURES: &[Figure<Row>] = &[
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
        let sheet = sheet(contract, &contenders);
        let table = sheet.table(&findings).to_string();
        println!("{table}");
        tables = tables + &table + "\n";
        missed.extend(sheet.misses(&findings));
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

fn sheet(contract: Contract, contenders: &[Contender]) -> Sheet<'static, Row> {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let python = peers::version("python3");
    let place = |ours: bool| contenders.iter().position(|contender| contender.ours == ours);
    Sheet {
        title: format!("Kernel mode, contract `{}`: {python}, {cpus} CPUs", contract.name()),
        name: contract.name().into(),
        contenders: contenders.iter().map(|contender| contender.name.clone()).collect(),
        ours: place(true),
        against: ("peer ÷ ours", place(false)),
        figures: FIGURES,
    }
}
