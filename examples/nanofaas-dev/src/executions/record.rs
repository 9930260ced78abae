//! The state of an execution, and the rules of its changes.

use serde::Serialize;

use super::clock;
use super::outcome::{Failure, Outcome, Output};
use crate::console::Verdict;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Queued,
    Running,
    Success,
    Error,
    Timeout,
}

impl Status {
    /// Whether it never changes again.
    pub(crate) fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What `GET /v1/executions/{id}` shows, and the attempt behind it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    #[serde(flatten)]
    pub(crate) summary: Summary,
    pub(crate) cold_start: bool,
    pub(crate) init_duration_ms: Option<u64>,
    started_at: Option<String>,
    finished_at: Option<String>,
    /// The current attempt; 0 before the first one.
    #[serde(skip)]
    pub(crate) attempt: u32,
    /// How many attempts there are in total.
    #[serde(skip)]
    pub(crate) most: u32,
}

/// What `:invoke` answers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    execution_id: String,
    pub(crate) status: Status,
    #[serde(flatten)]
    output: Output,
    error: Option<Failure>,
}

impl Record {
    pub(super) fn queued(execution_id: &str, most: u32) -> Self {
        let summary = Summary {
            execution_id: execution_id.to_owned(),
            status: Status::Queued,
            output: Output::default(),
            error: None,
        };
        Self {
            summary,
            cold_start: false,
            init_duration_ms: None,
            started_at: None,
            finished_at: None,
            attempt: 0,
            most,
        }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.summary.status.is_terminal()
    }

    /// Begins with the first attempt, unless it is too late.
    pub(super) fn start(&mut self) -> bool {
        if self.summary.status != Status::Queued {
            return false;
        }
        self.summary.status = Status::Running;
        self.attempt = 1;
        self.started_at = Some(clock::now());
        true
    }

    /// Applies the end of an attempt; `None` is the current one, whichever that is.
    ///
    /// The first of answer and callback counts, and what has ended never changes. A failure begins the next attempt
    /// at once.
    pub(super) fn settle(&mut self, attempt: Option<u32>, outcome: Outcome) -> Verdict {
        if self.is_terminal() {
            return Verdict::Duplicate;
        }
        if self.attempt == 0 || attempt.is_some_and(|attempt| attempt != self.attempt) {
            return Verdict::Stale { current: self.attempt };
        }
        let (status, error) = match outcome {
            Outcome::Success(output) => {
                self.summary.output = output;
                self.end(Status::Success, None);
                return Verdict::Accepted;
            }
            Outcome::Failure(failure) => (Status::Error, failure),
            Outcome::TimedOut(after) => (Status::Timeout, timed_out(after)),
        };
        if self.attempt < self.most {
            self.attempt += 1;
            return Verdict::Retry(self.attempt);
        }
        self.end(status, Some(error));
        Verdict::Accepted
    }

    /// Ends it because its caller's time is over; whether it had not ended before.
    pub(super) fn give_up(&mut self, after: u128) -> bool {
        let runs = !self.is_terminal();
        if runs {
            self.end(Status::Timeout, Some(timed_out(after)));
        }
        runs
    }

    fn end(&mut self, status: Status, error: Option<Failure>) {
        self.summary.status = status;
        self.summary.error = error;
        self.finished_at = Some(clock::now());
    }

    /// What it takes to remember it, in bytes.
    pub(super) fn size(&self) -> usize {
        self.summary.output.size() + self.summary.error.as_ref().map_or(0, |error| error.message.len())
    }
}

fn timed_out(after: u128) -> Failure {
    Failure::new("TIMEOUT", format!("no answer within {after}ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(most: u32) -> Record {
        let mut record = Record::queued("e-1", most);
        assert!(record.start());
        record
    }

    fn success() -> Outcome {
        Outcome::Success(Output::default())
    }

    fn failure() -> Outcome {
        Outcome::Failure(Failure::new("CODE", "why"))
    }

    #[test]
    fn the_first_of_answer_and_callback_counts() {
        let mut record = running(3);
        assert_eq!(record.settle(Some(1), success()), Verdict::Accepted);
        let before = serde_json::to_value(&record).unwrap();
        assert_eq!(record.settle(Some(1), failure()), Verdict::Duplicate);
        assert_eq!(record.settle(None, success()), Verdict::Duplicate);
        assert!(!record.give_up(1));
        assert_eq!(serde_json::to_value(&record).unwrap(), before);
    }

    #[test]
    fn a_failure_begins_the_next_attempt_until_there_is_none() {
        let mut record = running(2);
        assert_eq!(record.settle(Some(1), failure()), Verdict::Retry(2));
        assert_eq!(record.settle(Some(1), failure()), Verdict::Stale { current: 2 });
        assert_eq!(record.settle(Some(2), Outcome::TimedOut(5)), Verdict::Accepted);
        assert_eq!(record.summary.status, Status::Timeout);
    }

    #[test]
    fn a_callback_without_an_attempt_is_charged_to_the_current_one() {
        let mut record = running(3);
        assert_eq!(record.settle(Some(1), failure()), Verdict::Retry(2));
        assert_eq!(record.settle(None, failure()), Verdict::Retry(3));
        assert_eq!(record.settle(Some(2), success()), Verdict::Stale { current: 3 });
    }

    #[test]
    fn nothing_ends_what_was_not_dispatched_but_its_caller() {
        let mut record = Record::queued("e-1", 3);
        assert_eq!(record.settle(None, success()), Verdict::Stale { current: 0 });
        assert!(record.give_up(5));
        assert!(!record.start());
    }

    #[test]
    fn the_output_stays_as_the_function_wrote_it() {
        let mut record = running(1);
        let raw = serde_json::value::RawValue::from_string("1.50e400".into()).unwrap();
        let output = Output { value: Some(raw), ..Output::default() };
        record.settle(None, Outcome::Success(output));
        assert!(serde_json::to_string(&record).unwrap().contains(r#""output":1.50e400,"error":null"#));
    }
}
