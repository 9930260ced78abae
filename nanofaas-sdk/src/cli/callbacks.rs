//! `callbacks`: what stands in the spool, and another try at it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use reqwest::Url;

use super::print::{complain, print};
use super::{USAGE, fail, refuse};
use crate::callback::Post;
use crate::callback::spool::{EntryName, Head, Seen, State, Store, Verdict, survey};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::start_error::StartError;

/// Characters of a column of the table.
const WIDEST: usize = 64;

/// What to do with a spool.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Callbacks {
    List,
    /// Of these executions, or of all where there is none.
    Replay(Vec<String>),
}

impl Callbacks {
    /// Reads the words after `callbacks`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        match words {
            [] | ["list"] => Ok(Self::List),
            ["replay", ids @ ..] => Ok(Self::Replay(ids.iter().map(|id| (*id).to_owned()).collect())),
            ["list", more, ..] => Err(format!("callbacks list does not take `{more}` as well")),
            [other, ..] => {
                Err(format!("callbacks has no command `{other}`: expected list, or replay [EXECUTION_ID ..]"))
            }
        }
    }

    /// Does it; the exit code.
    pub(crate) async fn run(&self, config: &Config) -> ExitCode {
        let Some(directory) = config.callback_spool_dir.clone() else {
            return fail(USAGE, "no callbacks are spooled here: NANOFAAS_CALLBACK_SPOOL_DIR is not set");
        };
        match self {
            Self::List => match survey(&directory) {
                Ok((seen, mistakes)) => {
                    let printed = print(&table(&seen));
                    for mistake in &mistakes {
                        complain(mistake);
                    }
                    ExitCode::from(if mistakes.is_empty() { printed } else { 1 })
                }
                Err(error) => fail(1, &format!("{} cannot be read: {error}", directory.display())),
            },
            Self::Replay(ids) => match replay(config, &directory, ids).await {
                Ok(all) => ExitCode::from(u8::from(!all)),
                Err(error) => refuse(&StartError::Spool { directory, error }),
            },
        }
    }
}

/// One callback that is tried again.
struct Candidate {
    name: EntryName,
    execution_id: String,
    was_dead: bool,
}

/// Whether all that was asked for is delivered.
async fn replay(config: &Config, directory: &Path, ids: &[String]) -> std::io::Result<bool> {
    let is_asked = |head: &Head| ids.is_empty() || ids.contains(&head.execution_id);
    let mut all = true;
    let mut known = BTreeSet::new();
    let (seen, mistakes) = survey(directory)?;
    for mistake in mistakes {
        all = false;
        complain(&mistake);
    }
    for seen in seen {
        match &seen.head {
            Ok(head) => {
                known.insert(head.execution_id.clone());
                if seen.state == State::Attended && is_asked(head) {
                    print(&format!("left  {}  a running process delivers it\n", plain(&head.execution_id)));
                }
            }
            Err(reason) if ids.is_empty() => {
                all = false;
                print(&format!("not delivered  {}  it is unreadable: {reason}\n", seen.name));
            }
            Err(_) => {}
        }
    }
    for id in ids.iter().filter(|id| !known.contains(*id)) {
        all = false;
        complain(&format!("no callback of the execution {} is spooled", plain(id)));
    }
    let store = Store::open(directory, None)?;
    let post = Post::new(config, Arc::<Metrics>::default());
    for candidate in candidates(&store, &is_asked)? {
        all &= try_again(&store, &post, &candidate).await;
    }
    store.close();
    Ok(all)
}

/// What is asked for and in nobody's hands: what waits, then what is dead.
fn candidates(store: &Store, is_asked: &dyn Fn(&Head) -> bool) -> std::io::Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for (name, head) in store.take_over()? {
        if let Some(head) = head.ok().filter(|head| is_asked(head)) {
            candidates.push(Candidate { name, execution_id: head.execution_id, was_dead: false });
        }
    }
    for (name, head) in store.revive(is_asked)? {
        candidates.push(Candidate { name, execution_id: head.execution_id, was_dead: true });
    }
    Ok(candidates)
}

/// Posts one callback and tells the user how it went.
async fn try_again(store: &Store, post: &Post, candidate: &Candidate) -> bool {
    let execution_id = plain(&candidate.execution_id);
    let mut attempts = 0;
    let result = match store.deliverable(candidate.name, post) {
        Ok(delivery) => {
            let result = post.deliver(&delivery).await;
            attempts = delivery.attempts();
            result
        }
        Err(reason) => Err(reason),
    };
    match result {
        Ok(()) => {
            let line = match store.remove(candidate.name) {
                Ok(()) => format!("delivered  {execution_id}\n"),
                Err(error) => format!("delivered  {execution_id}  but it cannot be removed: {error}\n"),
            };
            print(&line);
            true
        }
        Err(reason) => {
            print(&format!("not delivered  {execution_id}  {}\n", plain(&reason)));
            if candidate.was_dead
                && let Err(error) = store.bury(candidate.name, Some(&Verdict::new(reason, attempts)))
            {
                complain(&format!(
                    "the dead letter of {execution_id} cannot be put back: {error}; it waits for delivery"
                ));
            }
            false
        }
    }
}

/// The entries as a table.
fn table(seen: &[Seen]) -> String {
    if seen.is_empty() {
        return "no callbacks are spooled\n".to_owned();
    }
    let mut rows = vec![["STATE", "CREATED", "EXECUTION_ID", "ADDRESS", "REASON"].map(str::to_owned)];
    for seen in seen {
        let created = date(seen.name.created);
        let reason = seen.verdict.as_ref().map(|verdict| plain(&verdict.reason)).unwrap_or_default();
        rows.push(match &seen.head {
            Ok(head) => {
                let state = if seen.state == State::Dead { "dead" } else { "waiting" };
                [state.to_owned(), created, plain(&head.execution_id), address(&head.url), reason]
            }
            Err(reason) => {
                ["unreadable".to_owned(), created, "-".to_owned(), "-".to_owned(), format!("{}: {reason}", seen.name)]
            }
        });
    }
    // One that is longer than the widest column stands out, and does not push all others away.
    let lengths = |column: usize| rows.iter().map(move |row| row[column].chars().count());
    let width = |column: usize| lengths(column).filter(|length| *length <= WIDEST).max().unwrap_or_default();
    let widths: [usize; 4] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, width) in widths.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(line, "{:width$}  ", row[column]);
        }
        line.push_str(&row[4]);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Without control characters: what a caller chose is shown on somebody's terminal.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// A URL without what may be secret in it.
fn address(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return "-".to_owned() };
    // These fail for URLs without a host alone.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
}

/// `2026-11-21T20:15:04Z` (RFC 3339) from milliseconds since 1970.
fn date(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let (day, time) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March: the leap day is the last one.
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time / 3600, time / 60 % 60, time % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_795_205_704, "2026-11-20T20:15:04Z"),
            (4_102_444_800, "2100-01-01T00:00:00Z"),
        ] {
            assert_eq!(date(seconds * 1000), text);
        }
    }

    #[test]
    fn secrets_of_a_url_and_control_characters_are_not_shown() {
        assert_eq!(address("http://user:pass@cp:8080/x/e:complete?token=1"), "http://cp:8080/x/e:complete");
        assert_eq!(plain("a\u{1b}[31mé\n"), "a\\u{1b}[31mé\\n");
    }

    #[test]
    fn a_wrong_word_says_what_is_right() {
        assert_eq!(Callbacks::parse(&["replay", "a", "b"]), Ok(Callbacks::Replay(vec!["a".into(), "b".into()])));
        assert!(Callbacks::parse(&["drop"]).unwrap_err().contains("expected list, or replay"));
    }
}
