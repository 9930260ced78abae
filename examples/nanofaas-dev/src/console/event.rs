//! Everything that happens, in words.

use std::fmt::{Display, Formatter, Result};
use std::time::Duration;

/// How much of an answer is shown.
const SHOWN: usize = 160;

/// Something that happened to a function.
pub(crate) enum Event<'a> {
    Registered {
        url: &'a str,
    },
    Started {
        command: &'a str,
        port: u16,
        process: u32,
    },
    NotReady {
        reason: &'a str,
    },
    Ready {
        url: &'a str,
    },
    Ended {
        how: &'a str,
        is_missed: bool,
    },
    /// A line that the function's program wrote.
    Line {
        text: &'a str,
    },
    Queued {
        id: &'a str,
    },
    Refused {
        reason: &'a str,
    },
    Dispatched {
        id: &'a str,
        attempt: u32,
    },
    Answered {
        id: &'a str,
        attempt: u32,
        what: &'a str,
        took: Duration,
        verdict: Verdict,
    },
    TimedOut {
        id: &'a str,
        attempt: u32,
        after: Duration,
        verdict: Verdict,
    },
    /// The caller's own time is over.
    CallerTimedOut {
        id: &'a str,
        after: Duration,
    },
    Retried {
        id: &'a str,
        attempt: u32,
        most: u32,
    },
    CalledBack {
        id: &'a str,
        attempt: Option<&'a str>,
        what: &'a str,
        verdict: Verdict,
    },
    Note {
        text: &'a str,
    },
}

/// What an answer or a callback means for its execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It ended the execution.
    Accepted,
    /// It was accepted as a failure, and this attempt is the next one.
    Retry(u32),
    /// Another attempt is the current one.
    Stale { current: u32 },
    /// The execution had ended before.
    Duplicate,
    /// There is no such execution, or no more.
    Unknown,
    /// It is not what a callback should be.
    Unreadable,
}

impl Display for Verdict {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            Self::Accepted | Self::Retry(_) => formatter.write_str("accepted"),
            Self::Stale { current: 0 } => formatter.write_str("stale: it was not dispatched yet"),
            Self::Stale { current } => write!(formatter, "stale: attempt {current} is the current one"),
            Self::Duplicate => formatter.write_str("duplicate: it had ended before"),
            Self::Unknown => formatter.write_str("unknown: there is no such execution, or no more"),
            Self::Unreadable => formatter.write_str("ignored: it cannot be read"),
        }
    }
}

impl Display for Event<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            Self::Registered { url } => write!(formatter, "registered   {url}"),
            Self::Started { command, port, process } => {
                write!(formatter, "started      {} with PORT={port}, process {process}", shown(command))
            }
            Self::NotReady { reason } => write!(formatter, "not ready    {reason}"),
            Self::Ready { url } => write!(formatter, "ready        {url}"),
            Self::Ended { how, is_missed: false } => write!(formatter, "ended        {how}"),
            Self::Ended { how, is_missed: true } => {
                write!(formatter, "ended        {how}; type its name and Enter to start it again")
            }
            Self::Line { text } => write!(formatter, "| {text}"),
            Self::Queued { id } => write!(formatter, "queued       {id}"),
            Self::Refused { reason } => write!(formatter, "refused      {reason}"),
            Self::Dispatched { id, attempt } => write!(formatter, "dispatched   {id} attempt {attempt}"),
            Self::Answered { id, attempt, what, took, verdict } => {
                write!(formatter, "answered     {id} attempt {attempt}: {} in {}", shown(what), milliseconds(*took))?;
                unless_accepted(formatter, *verdict)
            }
            Self::TimedOut { id, attempt, after, verdict } => {
                write!(formatter, "timed out    {id} attempt {attempt}: no answer in {}", milliseconds(*after))?;
                unless_accepted(formatter, *verdict)
            }
            Self::CallerTimedOut { id, after } => {
                write!(formatter, "timed out    {id}: its caller waited {}", milliseconds(*after))
            }
            Self::Retried { id, attempt, most } => write!(formatter, "retried      {id} attempt {attempt} of {most}"),
            Self::CalledBack { id, attempt, what, verdict } => {
                let attempt = attempt.map_or_else(|| "no attempt".to_owned(), |number| format!("attempt {number}"));
                write!(formatter, "called back  {} {}: {}; {verdict}", shown(id), shown(&attempt), shown(what))
            }
            Self::Note { text } => formatter.write_str(text),
        }
    }
}

fn unless_accepted(formatter: &mut Formatter<'_>, verdict: Verdict) -> Result {
    match verdict {
        Verdict::Accepted | Verdict::Retry(_) => Ok(()),
        other => write!(formatter, "; {other}"),
    }
}

/// `4 ms`, `1500 ms`.
fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// One line of a text that others wrote, and not too much of it.
fn shown(text: &str) -> String {
    let mut letters = text.chars();
    let mut short: String =
        letters.by_ref().take(SHOWN).map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if letters.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_however_much_there_is_to_say() {
        let what = "500 \n".repeat(1000);
        let took = Duration::from_millis(4);
        let line = Event::Answered { id: "e-1", attempt: 2, what: &what, took, verdict: Verdict::Retry(3) }.to_string();
        assert!(line.starts_with("answered     e-1 attempt 2: 500  500 "), "{line}");
        assert!(line.ends_with("… in 4 ms") && !line.contains('\n'), "{line}");
    }

    #[test]
    fn what_changed_nothing_says_why() {
        let event = |verdict| Event::CalledBack { id: "e-1", attempt: Some("1"), what: "success", verdict }.to_string();
        assert_eq!(event(Verdict::Accepted), "called back  e-1 attempt 1: success; accepted");
        assert!(event(Verdict::Stale { current: 2 }).ends_with("stale: attempt 2 is the current one"));
        assert!(event(Verdict::Duplicate).ends_with("duplicate: it had ended before"));
    }
}
