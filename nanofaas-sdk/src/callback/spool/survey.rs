//! What stands in a spool, for somebody who only looks.

use std::collections::BinaryHeap;
use std::io;
use std::path::Path;

use super::entry::{Entry, EntryName, Head, Verdict};
use super::lane::{self, Lane};
use super::store::{DEAD, entries, read};

/// An entry and where it stands.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) name: EntryName,
    pub(crate) state: State,
    /// Or why it is unreadable.
    pub(crate) head: Result<Head, String>,
    pub(crate) verdict: Option<Verdict>,
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A living process delivers it.
    Attended,
    /// The next process will.
    Left,
    Dead,
}

/// Everything in a spool that can be read, oldest first, without touching it; and what cannot be, in
/// words.
pub(crate) fn survey(directory: &Path) -> io::Result<(Vec<Seen>, Vec<String>)> {
    let mut mistakes = Vec::new();
    let dead = directory.join(DEAD);
    let mut all = BinaryHeap::new();
    let mut attended = Vec::new();
    for place in lane::all(directory)?.into_iter().map(|(_, lane)| lane).chain([dead.clone()]) {
        match entries(&place) {
            // Removed or taken over at this moment; or never made.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => mistakes.push(format!("{} cannot be read: {error}", place.display())),
            Ok(found) => all.extend(found),
        }
        if Lane::is_attended(&place) {
            attended.push(place);
        }
    }
    let mut seen = Vec::new();
    for (name, path) in all.into_sorted_vec() {
        let state = match path.parent() {
            Some(place) if place == dead => State::Dead,
            Some(place) if attended.iter().any(|attended| attended == place) => State::Attended,
            _ => State::Left,
        };
        let entry = match read(&path) {
            // Delivered at this moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file.map_err(|error| error.to_string()).and_then(|file| Entry::read(&file)),
        };
        let (head, verdict) = match entry {
            Ok(entry) => (Ok(entry.head), entry.verdict),
            Err(reason) => (Err(reason), None),
        };
        seen.push(Seen { name, state, head, verdict });
    }
    Ok((seen, mistakes))
}
