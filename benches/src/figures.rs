//! Figures with their targets: the table that shows them, and which targets are missed.

use std::fmt;

use crate::measure::{Finding, Findings, digits};
use crate::table::Table;

/// What ours has to reach.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtMost(f64),
    Below(f64),
    /// A number in every round, and no remark.
    Works,
    Says(&'static str),
    None,
}

/// What is measured, what it is called, its unit, and what ours has to reach. MB are millions of bytes.
pub(crate) type Figure<Row> = (Row, &'static str, &'static str, Target);

/// A column for each contender, a row for each figure that somebody has.
pub(crate) struct Sheet<'a, Row> {
    pub(crate) title: String,
    /// What it is about, in front of a target that is missed.
    pub(crate) name: String,
    pub(crate) contenders: Vec<String>,
    /// Whom the targets are for; `None` where it was not measured.
    pub(crate) ours: Option<usize>,
    /// What the last column but one is called, and whom it compares with ours.
    pub(crate) against: (&'static str, Option<usize>),
    pub(crate) figures: &'a [Figure<Row>],
}

impl<Row: Ord + Copy> Sheet<'_, Row> {
    pub(crate) fn table(&self, findings: &Findings<Row>) -> Table {
        let mut head = vec![String::from("median (min–max)")];
        head.extend(self.contenders.iter().cloned());
        head.extend([self.against.0.into(), "target of ours".into()]);
        let mut table = Table::new(&self.title, head);
        for figure @ (row, _, _, target) in self.figures {
            let finding = |index: usize| findings.get(*row, index);
            if (0..self.contenders.len()).all(|index| finding(index).is_none()) {
                continue;
            }
            let mut cells = vec![label(figure)];
            cells.extend((0..self.contenders.len()).map(|index| finding(index).map_or("–".into(), Finding::to_string)));
            let median = |place: Option<usize>| finding(place?)?.summary().map(|summary| summary.median);
            let ratio = median(self.against.1).zip(median(self.ours));
            let ratio = ratio.map(|(peer, ours)| format!("{}×", digits(peer / ours)));
            cells.extend([ratio.unwrap_or_default(), target.to_string()]);
            table.row(cells);
        }
        table
    }

    /// The targets that ours does not reach, in words.
    pub(crate) fn misses(&self, findings: &Findings<Row>) -> Vec<String> {
        let Some(ours) = self.ours else {
            return vec![format!("{}: all, since ours was not measured", self.name)];
        };
        let missed = self.figures.iter().filter(|(row, _, _, target)| !target.is_met(findings.get(*row, ours)));
        let words = |figure: &Figure<Row>| {
            let (row, _, _, target) = figure;
            let found = findings.get(*row, ours).map_or("not measured".into(), Finding::to_string);
            format!("{}: {}: {found}; the target is {target}", self.name, label(figure))
        };
        missed.map(words).collect()
    }
}

fn label<Row>((_, label, unit, _): &Figure<Row>) -> String {
    if unit.is_empty() { (*label).into() } else { format!("{label} [{unit}]") }
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

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

    #[test]
    fn targets_are_for_ours_and_rows_for_what_somebody_has() {
        let mut findings = Findings::new();
        findings.number(1, 0, 8.0);
        findings.number(1, 1, 2.0);
        let figures = [(1, "a call", "ms", Target::AtMost(1.0)), (2, "memory", "MB", Target::None)];
        let sheet = Sheet {
            title: "Calls".into(),
            name: "calls".into(),
            contenders: vec!["peer".into(), "ours".into()],
            ours: Some(1),
            against: ("peer ÷ ours", Some(0)),
            figures: &figures,
        };
        assert_eq!(sheet.misses(&findings), ["calls: a call [ms]: 2.00; the target is ≤ 1"]);
        let table = sheet.table(&findings).to_string();
        assert!(table.contains("4.00×") && !table.contains("memory"), "{table}");
    }
}
