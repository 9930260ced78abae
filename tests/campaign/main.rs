//! Thousands of calls of a process that is killed again and again, with a control plane that is hardly
//! ever well: what was answered is called back, with its own outcome, and nothing is left over.
//!
//! `NANOFAAS_CAMPAIGN` is the number of calls, `NANOFAAS_CAMPAIGN_SEED` the seed of all that is random.

mod calls;
mod phases;
mod random;
mod report;
mod victim;

use harness::FlakyPlane;

use calls::Calls;
use random::Random;
use report::Report;
use victim::Victim;

/// As many as the ordinary suite has time for.
const SHORT: usize = 2000;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn campaign(kind: &'static str, calls: usize) {
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |time| time.as_secs());
    let seed = variable("NANOFAAS_CAMPAIGN_SEED").unwrap_or(clock);
    println!("{kind}: {calls} calls, NANOFAAS_CAMPAIGN_SEED={seed}");
    let random = Random::new(seed);
    let plane = FlakyPlane::start();
    let victim = Victim::start(kind, calls, &plane);
    let made = Calls::new(kind, random.next());
    let mut report = Report::default();
    for phase in phases::all(calls, victim.can_fill()) {
        let kills = phases::run(&phase, &plane, &victim, &made, &random);
        report.add(phase.name, kills);
    }
    let left = victim.drain(&plane);
    report.finish(&made.take(), &plane.deliveries());
    println!("{report}\nleft in the spool: {left:?}");
    let complaints = report.complaints();
    assert!(complaints.is_empty(), "seed {seed}: {complaints:#?}\n{report}");
    assert!(left.is_empty(), "seed {seed}: {left:#?}");
}

#[test]
fn a_function_loses_nothing_that_it_answered() {
    campaign("probe", variable("NANOFAAS_CAMPAIGN").map_or(SHORT, |calls| calls.try_into().expect("a number")));
}

#[test]
fn a_watchdog_loses_nothing_that_it_answered() {
    let calls = variable("NANOFAAS_CAMPAIGN").map_or(SHORT, |calls| calls.try_into().expect("a number"));
    campaign("WORKER", calls / 4);
}
