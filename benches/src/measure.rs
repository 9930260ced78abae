//! Numbers from rounds in which contenders take turns.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Several measurements of one thing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Summary {
    pub(crate) fn of(numbers: &[f64]) -> Option<Self> {
        let sorted = sorted(numbers);
        Some(Self { median: percentile(&sorted, 50)?, min: *sorted.first()?, max: *sorted.last()? })
    }
}

/// The smallest number that so many percent of the numbers do not exceed; of an even count, the median is the mean of two.
pub(crate) fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    if percent == 50 {
        return Some(f64::midpoint(sorted[last / 2], sorted[last.div_ceil(2)]));
    }
    Some(sorted[(sorted.len() * percent).div_ceil(100).clamp(1, sorted.len()) - 1])
}

pub(crate) fn sorted(numbers: &[f64]) -> Vec<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Millions of bytes.
#[expect(clippy::cast_precision_loss, reason = "exact up to 9 petabytes")]
pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Lets each of `contenders` have a turn in each round. Who begins changes, so that nobody always follows the same one.
pub(crate) fn take_turns<T>(rounds: usize, contenders: &mut [T], mut turn: impl FnMut(usize, &mut T)) {
    for round in 0..rounds {
        for place in 0..contenders.len() {
            let index = (round + place) % contenders.len();
            turn(index, &mut contenders[index]);
        }
    }
}

/// What was found out, by figure and contender.
#[derive(Debug)]
pub(crate) struct Findings<Figure> {
    found: BTreeMap<(Figure, usize), Finding>,
}

/// Numbers where there are some, and words for what is no number.
#[derive(Debug, Default)]
pub(crate) struct Finding {
    pub(crate) numbers: Vec<f64>,
    pub(crate) words: Vec<String>,
}

impl<Figure: Ord> Findings<Figure> {
    pub(crate) fn new() -> Self {
        Self { found: BTreeMap::new() }
    }

    pub(crate) fn number(&mut self, figure: Figure, contender: usize, number: f64) {
        self.found.entry((figure, contender)).or_default().numbers.push(number);
    }

    pub(crate) fn say(&mut self, figure: Figure, contender: usize, words: impl Into<String>) {
        self.found.entry((figure, contender)).or_default().words.push(words.into());
    }

    pub(crate) fn get(&self, figure: Figure, contender: usize) -> Option<&Finding> {
        self.found.get(&(figure, contender))
    }
}

impl Finding {
    pub(crate) fn summary(&self) -> Option<Summary> {
        Summary::of(&self.numbers)
    }

    /// Each of the words once, with how often it was said where there is more than one.
    fn remarks(&self) -> String {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for words in &self.words {
            match counts.iter_mut().find(|(known, _)| known == words) {
                Some((_, count)) => *count += 1,
                None => counts.push((words, 1)),
            }
        }
        let all = self.words.len().max(self.numbers.len());
        let remark = |(words, count): &(&str, usize)| {
            if *count == all { (*words).to_owned() } else { format!("{words} ({count} of {all})") }
        };
        counts.iter().map(remark).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remarks = self.remarks();
        let Some(Summary { median, min, max }) = self.summary() else {
            return f.write_str(&remarks);
        };
        write!(f, "{}", digits(median))?;
        if self.numbers.len() > 1 {
            write!(f, " ({}–{})", digits(min), digits(max))?;
        }
        if remarks.is_empty() { Ok(()) } else { write!(f, ", {remarks}") }
    }
}

/// Three digits that matter.
pub(crate) fn digits(number: f64) -> String {
    match number.abs() {
        size if size >= 99.95 => format!("{number:.0}"),
        size if size >= 9.995 => format!("{number:.1}"),
        size if size >= 0.9995 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measured_numbers_and_the_median_lies_between() {
        let numbers: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(&numbers, 99), Some(198.0));
        assert_eq!(percentile(&numbers[..1], 99), Some(1.0));
        assert_eq!(Summary::of(&[4.0, 1.0, 2.0, 9.0]), Some(Summary { median: 3.0, min: 1.0, max: 9.0 }));
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn everybody_begins_once_in_as_many_rounds() {
        let mut order = Vec::new();
        take_turns(3, &mut ['a', 'b', 'c'], |_, name| order.push(*name));
        assert_eq!(order.iter().collect::<String>(), "abcbcacab");
    }

    #[test]
    fn a_finding_says_numbers_and_how_often_something_happened() {
        let mut finding = Finding { numbers: vec![1.0, 250.4, 30.0], words: vec![] };
        assert_eq!(finding.to_string(), "30.0 (1.00–250)");
        finding.words = vec!["died".into()];
        assert_eq!(finding.to_string(), "30.0 (1.00–250), died (1 of 3)");
        assert_eq!(Finding { numbers: vec![], words: vec!["kept".into(), "kept".into()] }.to_string(), "kept");
    }
}
