//! Compares what was answered with what was called back.

use std::collections::BTreeMap;
use std::fmt;

use harness::Delivery;

use crate::calls::{Call, Outcome};

/// A table with a row for each phase, and all that is not as it has to be.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    complaints: Vec<String>,
}

#[derive(Debug, Default)]
struct Row {
    phase: &'static str,
    calls: usize,
    succeeded: usize,
    failed: usize,
    refused: BTreeMap<String, usize>,
    no_answer: usize,
    events: usize,
    attempts: usize,
    callbacks: usize,
    repeats: usize,
    lost: usize,
}

impl Report {
    pub(crate) fn add(&mut self, phase: &'static str, events: usize) {
        self.rows.push(Row { phase, events, ..Row::default() });
    }

    /// Judges every call by its callbacks, and every callback by its call.
    pub(crate) fn finish(&mut self, calls: &[Call], deliveries: &[Delivery]) {
        let mut by_id: BTreeMap<&str, Vec<&Delivery>> = BTreeMap::new();
        for delivery in deliveries {
            by_id.entry(delivery.id()).or_default().push(delivery);
        }
        for call in calls {
            let told = by_id.remove(call.id.as_str()).unwrap_or_default();
            let row = self.rows.iter_mut().find(|row| row.phase == call.phase).expect("a phase");
            row.count(call, &told);
            self.complaints.extend(judge(call, &told));
        }
        let of_nobody = by_id.keys().map(|id| format!("{id}: a callback of a call that nobody made"));
        self.complaints.extend(of_nobody);
    }

    pub(crate) fn complaints(&self) -> &[String] {
        &self.complaints
    }
}

impl Row {
    fn count(&mut self, call: &Call, told: &[&Delivery]) {
        let accepted = told.iter().filter(|delivery| delivery.is_accepted()).count();
        self.calls += 1;
        self.attempts += told.len();
        self.callbacks += accepted.min(1);
        self.repeats += accepted.saturating_sub(1);
        let mut ran = true;
        match &call.outcome {
            Outcome::Succeeded(_) => self.succeeded += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Refused(code) => *self.refused.entry(code.clone()).or_default() += 1,
            Outcome::NoAnswer => self.no_answer += 1,
        }
        if let Outcome::Refused(_) | Outcome::NoAnswer = &call.outcome {
            ran = false;
        }
        self.lost += usize::from(ran && accepted == 0);
    }
}

/// What is wrong with the callbacks of this call.
fn judge(call: &Call, told: &[&Delivery]) -> Vec<String> {
    let id = &call.id;
    let mut wrong = Vec::new();
    let accepted = told.iter().any(|delivery| delivery.is_accepted());
    match &call.outcome {
        Outcome::Succeeded(output) if *output != call.expected["output"] => {
            wrong.push(format!("{id}: the answer is not its own: {output}"));
        }
        Outcome::Succeeded(_) | Outcome::Failed(_) if !accepted => {
            wrong.push(format!("{id}: answered and lost: {:?}", call.outcome));
        }
        Outcome::Refused(code) if !told.is_empty() => wrong.push(format!("{id}: refused with {code} and called back")),
        _ => {}
    }
    for delivery in told {
        if delivery.json() != call.expected {
            wrong.push(format!("{id}: the callback is not its own: {}", String::from_utf8_lossy(&delivery.body)));
        }
        if delivery.header("x-trace-id") != Some(&format!("t-{id}")) {
            wrong.push(format!("{id}: the headers are not its own: {:?}", delivery.headers));
        }
        if !delivery.repeats(told[0]) {
            wrong.push(format!("{id}: a repeat is another one: {delivery:?} {:?}", told[0]));
        }
    }
    wrong
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{:<14}{:>7}{:>7}{:>8}{:>11}{:>8}{:>10}{:>11}{:>9}{:>6}  refused",
            "phase", "calls", "200", "failed", "no answer", "events", "attempts", "callbacks", "repeats", "lost"
        )?;
        for row in &self.rows {
            let refused: Vec<_> = row.refused.iter().map(|(code, count)| format!("{count} {code}")).collect();
            writeln!(
                out,
                "{:<14}{:>7}{:>7}{:>8}{:>11}{:>8}{:>10}{:>11}{:>9}{:>6}  {}",
                row.phase,
                row.calls,
                row.succeeded,
                row.failed,
                row.no_answer,
                row.events,
                row.attempts,
                row.callbacks,
                row.repeats,
                row.lost,
                refused.join(", ")
            )?;
        }
        Ok(())
    }
}
