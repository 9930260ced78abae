//! Which callback is tried next: the oldest one that may be, with regard to hosts that are away.
//!
//! Each callback has pauses of its own, so that one that is always refused holds up nobody. Each
//! origin (scheme, host and port) has a gate: after some failures in a row one callback at a
//! time tries whether it is back, so that ten thousand do not knock at a closed door.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::entry::EntryName;
use crate::callback::delivery::Delivery;
use crate::callback::retry::pause;

/// Failures in a row after which an origin counts as away.
const AWAY: u32 = 5;

/// A callback that is not delivered.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) execution_id: Arc<str>,
    pub(super) origin: Arc<str>,
    pub(super) attempts: u32,
    /// When it becomes a dead letter.
    pub(super) expires: Instant,
    /// What is posted, while there is memory for it; else it is read.
    pub(super) delivery: Option<Arc<Delivery>>,
}

#[derive(Debug, Default)]
struct Origin {
    ready: BTreeMap<EntryName, Waiting>,
    /// All of its callbacks, wherever they stand.
    total: usize,
    on_the_way: usize,
    /// In a row.
    failures: u32,
    /// An origin that is away is not asked before.
    closed_until: Option<Instant>,
    /// Its row in [`Queue::heads`].
    head: Option<EntryName>,
}

/// What is to be done now.
#[derive(Debug)]
pub(super) enum Next {
    Send(EntryName, Waiting),
    /// Nothing, before this moment or a change.
    Wait(Option<Instant>),
}

/// All callbacks that wait or are on their way.
#[derive(Debug)]
pub(super) struct Queue {
    origins: HashMap<Arc<str>, Origin>,
    /// The oldest callback of each origin that may be tried now.
    heads: BTreeMap<EntryName, Arc<str>>,
    /// In a pause of their own.
    later: BTreeMap<(Instant, EntryName), Waiting>,
    /// When origins that are away may be asked.
    gates: BTreeSet<(Instant, Arc<str>)>,
    on_the_way: usize,
    places: usize,
}

impl Queue {
    /// At most `places` are on their way at once.
    pub(super) fn new(places: usize) -> Self {
        Self {
            origins: HashMap::new(),
            heads: BTreeMap::new(),
            later: BTreeMap::new(),
            gates: BTreeSet::new(),
            on_the_way: 0,
            places,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.origins.values().map(|origin| origin.total).sum()
    }

    pub(super) fn push(&mut self, name: EntryName, waiting: Waiting) {
        let origin = Arc::clone(&waiting.origin);
        let of_origin = self.origins.entry(Arc::clone(&origin)).or_default();
        of_origin.total += 1;
        of_origin.ready.insert(name, waiting);
        self.place(&origin);
    }

    /// The callback to send now. Its end is told to [`ended`](Self::ended) or [`failed`](Self::failed).
    pub(super) fn next(&mut self, now: Instant) -> Next {
        while let Some(first) = self.later.first_entry().filter(|first| first.key().0 <= now) {
            let ((_, name), waiting) = first.remove_entry();
            let origin = Arc::clone(&waiting.origin);
            if let Some(of_origin) = self.origins.get_mut(&origin) {
                of_origin.ready.insert(name, waiting);
            }
            self.place(&origin);
        }
        while self.gates.first().is_some_and(|(opens, _)| *opens <= now) {
            if let Some((opens, origin)) = self.gates.pop_first() {
                // It may have come back and gone again meanwhile.
                if let Some(of_origin) = self.origins.get_mut(&origin).filter(|it| it.closed_until == Some(opens)) {
                    of_origin.closed_until = None;
                }
                self.place(&origin);
            }
        }
        if self.on_the_way < self.places
            && let Some((name, origin)) = self.heads.pop_first()
            && let Some(of_origin) = self.origins.get_mut(&origin)
        {
            of_origin.head = None;
            if let Some(waiting) = of_origin.ready.remove(&name) {
                of_origin.on_the_way += 1;
                self.on_the_way += 1;
                self.place(&origin);
                return Next::Send(name, waiting);
            }
        }
        let pause = self.later.first_key_value().map(|((due, _), _)| *due);
        let gate = self.gates.first().map(|(opens, _)| *opens);
        Next::Wait(pause.into_iter().chain(gate).min())
    }

    /// One that was sent is done with; `answered` tells whether its origin took it.
    pub(super) fn ended(&mut self, origin: &Arc<str>, answered: bool) {
        self.back(origin);
        if let Some(of_origin) = self.origins.get_mut(origin) {
            of_origin.total -= 1;
            if answered {
                of_origin.failures = 0;
                of_origin.closed_until = None;
            }
        }
        self.place(origin);
    }

    /// One that was sent is tried again: after a pause of its own, or, where nobody was there, as
    /// soon as its origin is asked again.
    pub(super) fn failed(&mut self, name: EntryName, waiting: Waiting, now: Instant, own_pause: Option<Duration>) {
        let origin = Arc::clone(&waiting.origin);
        self.back(&origin);
        let Some(of_origin) = self.origins.get_mut(&origin) else { return };
        let least = if own_pause.is_none() { AWAY } else { 1 };
        // Those that were on their way together count once.
        if of_origin.closed_until.is_none() {
            of_origin.failures = of_origin.failures.saturating_add(1).max(least);
            if of_origin.failures >= AWAY {
                let opens = now + pause(of_origin.failures - AWAY + 1, None);
                of_origin.closed_until = Some(opens);
                self.gates.insert((opens, Arc::clone(&origin)));
            }
        }
        match own_pause {
            None => drop(of_origin.ready.insert(name, waiting)),
            Some(pause) => drop(self.later.insert((now + pause, name), waiting)),
        }
        self.place(&origin);
    }

    /// Takes out those whose time is over. Those on their way are left.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(EntryName, Waiting)> {
        let mut expired: Vec<_> = Vec::new();
        let mut keep = |name: EntryName, waiting: &Waiting| {
            let is_over = waiting.expires <= now;
            if is_over {
                expired.push((name, waiting.clone()));
            }
            !is_over
        };
        for origin in self.origins.values_mut() {
            origin.ready.retain(|name, waiting| keep(*name, waiting));
        }
        self.later.retain(|(_, name), waiting| keep(*name, waiting));
        for (_, waiting) in &expired {
            let origin = Arc::clone(&waiting.origin);
            if let Some(of_origin) = self.origins.get_mut(&origin) {
                of_origin.total -= 1;
            }
            self.place(&origin);
        }
        expired
    }

    fn back(&mut self, origin: &Arc<str>) {
        self.on_the_way -= 1;
        if let Some(of_origin) = self.origins.get_mut(origin) {
            of_origin.on_the_way -= 1;
        }
    }

    /// Brings an origin's row in `heads` up to date.
    fn place(&mut self, origin: &Arc<str>) {
        let Some(of_origin) = self.origins.get_mut(origin) else { return };
        let is_open = if of_origin.failures < AWAY {
            // One that hangs leaves places to others.
            of_origin.on_the_way < (self.places - self.places / 8).max(1)
        } else {
            of_origin.on_the_way == 0 && of_origin.closed_until.is_none()
        };
        let head = of_origin.ready.first_key_value().map(|(name, _)| *name).filter(|_| is_open);
        if let Some(old) = std::mem::replace(&mut of_origin.head, head) {
            self.heads.remove(&old);
        }
        if let Some(new) = head {
            self.heads.insert(new, Arc::clone(origin));
        }
        if of_origin.total == 0 {
            self.origins.remove(origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn name(created: u64) -> EntryName {
        EntryName { created, sequence: 0, lane: 1 }
    }

    fn waiting(origin: &str) -> Waiting {
        let expires = Instant::now() + LONG;
        Waiting { execution_id: "e".into(), origin: origin.into(), attempts: 0, expires, delivery: None }
    }

    fn sent(queue: &mut Queue, now: Instant) -> Option<(u64, Waiting)> {
        match queue.next(now) {
            Next::Send(name, waiting) => Some((name.created, waiting)),
            Next::Wait(_) => None,
        }
    }

    #[test]
    fn the_oldest_goes_first_whatever_its_origin() {
        let (mut queue, now) = (Queue::new(8), Instant::now());
        for (created, origin) in [(3, "a"), (1, "b"), (2, "a"), (4, "b")] {
            queue.push(name(created), waiting(origin));
        }
        let order: Vec<_> = std::iter::from_fn(|| sent(&mut queue, now)).map(|(created, _)| created).collect();
        assert_eq!(order, [1, 2, 3, 4]);
        for origin in ["a", "a", "b", "b"] {
            queue.ended(&origin.into(), true);
        }
        assert_eq!(queue.len(), 0);
        assert!(queue.origins.is_empty() && queue.heads.is_empty());
    }

    #[test]
    fn no_more_than_the_places_are_on_their_way_and_one_origin_leaves_some() {
        let (mut queue, now) = (Queue::new(8), Instant::now());
        for created in 0..20 {
            queue.push(name(created), waiting("slow"));
        }
        queue.push(name(99), waiting("quick"));
        let order: Vec<_> = std::iter::from_fn(|| sent(&mut queue, now)).map(|(created, _)| created).collect();
        assert_eq!(order, [0, 1, 2, 3, 4, 5, 6, 99]);
        queue.ended(&"quick".into(), true);
        assert!(sent(&mut queue, now).is_none());
        queue.ended(&"slow".into(), true);
        assert_eq!(sent(&mut queue, now).unwrap().0, 7);
    }

    #[test]
    fn one_that_is_always_refused_holds_up_nobody() {
        let (mut queue, now) = (Queue::new(1), Instant::now());
        queue.push(name(1), waiting("cp"));
        queue.push(name(2), waiting("cp"));
        let (_, poison) = sent(&mut queue, now).unwrap();
        queue.failed(name(1), poison, now, Some(LONG));
        assert_eq!(sent(&mut queue, now).unwrap().0, 2);
        queue.ended(&"cp".into(), true);
        assert!(sent(&mut queue, now).is_none());
        assert_eq!(sent(&mut queue, now + LONG).unwrap().0, 1);
    }

    #[test]
    fn an_origin_that_is_away_is_asked_by_one_at_a_time_and_all_follow_when_it_is_back() {
        let (mut queue, mut now) = (Queue::new(16), Instant::now());
        for created in 0..12 {
            queue.push(name(created), waiting("cp"));
        }
        queue.push(name(50), waiting("other"));
        let first: Vec<_> = std::iter::from_fn(|| sent(&mut queue, now)).collect();
        assert_eq!(first.len(), 13);
        for (created, waiting) in first.into_iter().take(12) {
            queue.failed(name(created), waiting, now, Some(Duration::from_millis(1)));
        }
        for _ in 0..3 {
            let Next::Wait(Some(_)) = queue.next(now) else { panic!("the gate is closed") };
            now += Duration::from_secs(60);
            let (created, probe) = sent(&mut queue, now).expect("one asks");
            assert!(sent(&mut queue, now).is_none(), "only one asks");
            queue.failed(name(created), probe, now, Some(Duration::from_millis(1)));
        }
        now += Duration::from_secs(60);
        sent(&mut queue, now).expect("one asks");
        queue.ended(&"cp".into(), true);
        assert_eq!(std::iter::from_fn(|| sent(&mut queue, now)).count(), 11);
    }

    #[test]
    fn where_nobody_is_there_the_oldest_asks_and_goes_first() {
        let (mut queue, mut now) = (Queue::new(16), Instant::now());
        for created in 0..9 {
            queue.push(name(created), waiting("cp"));
        }
        let first: Vec<_> = std::iter::from_fn(|| sent(&mut queue, now)).collect();
        for (created, waiting) in first {
            queue.failed(name(created), waiting, now, None);
        }
        assert!(sent(&mut queue, now).is_none());
        now += Duration::from_secs(60);
        assert_eq!(sent(&mut queue, now).unwrap().0, 0);
        assert!(sent(&mut queue, now).is_none());
        queue.ended(&"cp".into(), true);
        let order: Vec<_> = std::iter::from_fn(|| sent(&mut queue, now)).map(|(created, _)| created).collect();
        assert_eq!(order, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn what_is_over_is_taken_out_wherever_it_stands() {
        let (mut queue, now) = (Queue::new(2), Instant::now());
        for created in 0..3 {
            queue.push(name(created), waiting("cp"));
        }
        let (_, paused) = sent(&mut queue, now).unwrap();
        queue.failed(name(0), paused, now, Some(LONG / 2));
        let (_, _on_its_way) = sent(&mut queue, now).unwrap();
        assert_eq!(queue.expire(now).len(), 0);
        let mut expired: Vec<_> = queue.expire(now + 2 * LONG).into_iter().map(|(name, _)| name.created).collect();
        expired.sort_unstable();
        assert_eq!((expired, queue.len()), (vec![0, 2], 1));
        queue.ended(&"cp".into(), false);
        assert!(queue.origins.is_empty());
    }
}
