//! The same functions with mutations of the kept seeds: a fixed number, the same in every run.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// How many inputs each function gets beside the seeds.
const CASES: u32 = 4000;

/// An input, shown as a regression test wants it.
#[derive(Clone)]
struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "b\"{}\"", self.0.escape_ascii())
    }
}

/// Shows a seed that does not hold.
struct Named<'a>(&'a [u8]);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed is b\"{}\"", self.0.escape_ascii());
        }
    }
}

/// A change of some bytes.
#[derive(Clone, Debug)]
enum Mutation {
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Replace(Index, u8),
    Repeat(Index, usize),
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let at = |index: &Index| index.index(bytes.len() + 1);
        match self {
            Self::Insert(index, part) => {
                let at = at(index);
                bytes.splice(at..at, part.iter().copied());
            }
            Self::Remove(index, length) => {
                let at = at(index);
                bytes.drain(at..bytes.len().min(at + length));
            }
            Self::Replace(index, byte) => {
                let at = at(index);
                if let Some(place) = bytes.get_mut(at) {
                    *place = *byte;
                }
            }
            Self::Repeat(index, length) => {
                let at = at(index);
                bytes.extend_from_within(at..bytes.len().min(at + length));
            }
        }
    }
}

/// Checks the seeds of this target and mutations of them.
fn holds(target: &str, check: fn(&[u8])) {
    let (seeds, words) = (seeds(target), words(target));
    for seed in &seeds {
        let _named = Named(seed);
        check(seed);
    }
    let part = prop_oneof![select([words, seeds.clone()].concat()), prop::collection::vec(any::<u8>(), 1..4)];
    let mutation = prop_oneof![
        4 => (any::<Index>(), part).prop_map(|(at, part)| Mutation::Insert(at, part)),
        2 => (any::<Index>(), 1..9_usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        1 => (any::<Index>(), 1..99_usize).prop_map(|(at, length)| Mutation::Repeat(at, length)),
    ];
    let input = (select(seeds), prop::collection::vec(mutation, 1..6)).prop_map(|(mut bytes, mutations)| {
        for mutation in mutations {
            mutation.apply(&mut bytes);
        }
        Input(bytes)
    });
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&input, |input| {
        check(&input.0);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("fuzzing::{target} does not hold: {failure}");
    }
}

fn kept(folder: &str, name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(folder).join(name)
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = kept("seeds", target);
    let mut files: Vec<_> = fs::read_dir(folder).expect("seeds").map(|file| file.expect("a seed").path()).collect();
    // The same order on every machine.
    files.sort();
    files.iter().map(|file| fs::read(file).expect("a seed")).collect()
}

/// The words of a dictionary, which stand in quotes, one on a line.
fn words(target: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(kept("dictionaries", target)).expect("a dictionary");
    let quoted = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    quoted.map(unescape).collect()
}

/// `\xNN`, `\"` and `\\`, as libFuzzer reads them: all but the first are JSON's as well.
fn unescape(word: &str) -> Vec<u8> {
    let text: String = serde_json::from_str(&format!("\"{}\"", word.replace("\\x", "\\u00"))).expect("a word");
    text.chars().map(|byte| u8::try_from(byte).expect("a byte")).collect()
}

#[test]
fn request_bodies_say_what_serde_json_says() {
    holds("request_body", super::request_body);
}

#[test]
fn headers_leave_as_they_came() {
    holds("headers", super::headers);
}

#[test]
fn callbacks_go_to_the_host_that_was_checked() {
    holds("callback_url", super::callback_url);
}

#[test]
#[cfg(feature = "watchdog")]
fn command_lines_are_split_as_a_shell_does_it() {
    holds("command_line", super::command_line);
}

#[test]
#[cfg(feature = "watchdog")]
fn children_set_no_headers_but_those_allowed() {
    holds("child_output", super::child_output);
}

#[test]
#[cfg(feature = "watchdog")]
fn lines_of_workers_are_the_same_in_any_pieces() {
    holds("worker_line", super::worker_line);
}

#[test]
#[cfg(feature = "kernel")]
fn frames_of_interpreters_are_the_same_in_any_pieces() {
    holds("kernel_frames", super::kernel_frames);
}
