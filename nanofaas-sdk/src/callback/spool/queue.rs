//! Which callback is tried next: the oldest one that may be, with regard to hosts that are away.
//!
//! Each callback has pauses of its own, and stands behind those that were refused less often, so that
//! one that is always refused holds up nobody. Each origin (scheme, host and port) has a gate: after
//! some failures in a row one callback at a time tries whether it is back, so that ten thousand do not
//! knock at a closed door.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
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
    pub(super) name: EntryName,
    pub(super) execution_id: Arc<str>,
    pub(super) origin: Arc<str>,
    pub(super) attempts: u32,
    /// Attempts in which somebody was there, and did not take it.
    pub(super) refusals: u32,
    /// When it becomes a dead letter.
    pub(super) expires: Instant,
    /// What is posted, while there is memory for it; else it is read.
    pub(super) delivery: Option<Arc<Delivery>>,
}

/// Something with a place in an order, the first one on top of a heap.
#[derive(Debug)]
struct By<K, T>(Reverse<K>, T);

impl<K: Ord, T> Ord for By<K, T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K: Ord, T> PartialOrd for By<K, T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord, T> PartialEq for By<K, T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K: Ord, T> Eq for By<K, T> {}

/// The order of callbacks to one origin: refusals, then age.
type Place = (u32, EntryName);

impl Waiting {
    fn place(&self) -> Place {
        (self.refusals, self.name)
    }
}

#[derive(Debug, Default)]
struct Origin {
    ready: BinaryHeap<By<Place, Waiting>>,
    /// All of its callbacks, wherever they stand.
    total: usize,
    on_the_way: usize,
    /// In a row.
    failures: u32,
    /// An origin that is away is not asked before.
    closed_until: Option<Instant>,
    /// Somebody was there the last time.
    answers: bool,
    /// Its valid row in [`Queue::heads`].
    head: Option<Place>,
}

/// What is to be done now.
#[derive(Debug)]
pub(super) enum Next {
    Send(Waiting),
    /// Nothing, before this moment or a change.
    Wait(Option<Instant>),
}

/// All callbacks that wait or are on their way.
#[derive(Debug)]
pub(super) struct Queue {
    origins: HashMap<Arc<str>, Origin>,
    /// The first callback of each origin that may be tried now; rows that an origin no longer points to do
    /// not count.
    heads: BinaryHeap<By<Place, Arc<str>>>,
    /// In a pause of their own.
    later: BinaryHeap<By<Instant, Waiting>>,
    /// When origins that are away may be asked.
    gates: BinaryHeap<By<Instant, Arc<str>>>,
    on_the_way: usize,
    places: usize,
}

impl Queue {
    /// At most `places` are on their way at once.
    pub(super) fn new(places: usize) -> Self {
        Self {
            origins: HashMap::new(),
            heads: BinaryHeap::new(),
            later: BinaryHeap::new(),
            gates: BinaryHeap::new(),
            on_the_way: 0,
            places,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.origins.values().map(|origin| origin.total).sum()
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        self.origins.entry(Arc::clone(&waiting.origin)).or_default().total += 1;
        self.make_ready(waiting);
    }

    /// The callback to send now. Its end is told to [`ended`](Self::ended) or [`failed`](Self::failed).
    pub(super) fn next(&mut self, now: Instant) -> Next {
        while self.later.peek().is_some_and(|By(Reverse(due), _)| *due <= now) {
            if let Some(By(_, waiting)) = self.later.pop() {
                self.make_ready(waiting);
            }
        }
        while self.gates.peek().is_some_and(|By(Reverse(opens), _)| *opens <= now) {
            if let Some(By(Reverse(opens), origin)) = self.gates.pop() {
                // It may have come back and gone again meanwhile.
                if let Some(of_origin) = self.origins.get_mut(&origin).filter(|it| it.closed_until == Some(opens)) {
                    of_origin.closed_until = None;
                }
                self.place(&origin);
            }
        }
        while self.on_the_way < self.places
            && let Some(By(Reverse(place), origin)) = self.heads.pop()
        {
            let Some(of_origin) = self.origins.get_mut(&origin).filter(|it| it.head == Some(place)) else { continue };
            of_origin.head = None;
            if let Some(By(_, waiting)) = of_origin.ready.pop() {
                of_origin.on_the_way += 1;
                self.on_the_way += 1;
                self.place(&origin);
                return Next::Send(waiting);
            }
        }
        let pause = self.later.peek().map(|By(Reverse(due), _)| *due);
        let gate = self.gates.peek().map(|By(Reverse(opens), _)| *opens);
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
    pub(super) fn failed(&mut self, mut waiting: Waiting, now: Instant, own_pause: Option<Duration>) {
        let origin = Arc::clone(&waiting.origin);
        self.back(&origin);
        let Some(of_origin) = self.origins.get_mut(&origin) else { return };
        let least = if own_pause.is_none() { AWAY } else { 1 };
        of_origin.answers = own_pause.is_some();
        // Those that were on their way together count once, and one that is refused again says nothing new of its origin.
        let is_news = of_origin.failures >= AWAY || least == AWAY || waiting.refusals == 0;
        if of_origin.closed_until.is_none() && is_news {
            of_origin.failures = of_origin.failures.saturating_add(1).max(least);
            if of_origin.failures >= AWAY {
                let opens = now + pause(of_origin.failures - AWAY + 1, None);
                of_origin.closed_until = Some(opens);
                self.gates.push(By(Reverse(opens), Arc::clone(&origin)));
            }
        }
        match own_pause {
            None => self.make_ready(waiting),
            Some(pause) => {
                waiting.refusals = waiting.refusals.saturating_add(1);
                self.later.push(By(Reverse(now + pause), waiting));
                self.place(&origin);
            }
        }
    }

    /// Takes out those whose time is over. Those on their way are left.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Waiting> {
        let mut expired = Vec::new();
        let mut keep = |waiting: &Waiting| {
            let is_over = waiting.expires <= now;
            if is_over {
                expired.push(waiting.clone());
            }
            !is_over
        };
        for origin in self.origins.values_mut() {
            origin.ready.retain(|By(_, waiting)| keep(waiting));
        }
        self.later.retain(|By(_, waiting)| keep(waiting));
        for waiting in &expired {
            if let Some(of_origin) = self.origins.get_mut(&waiting.origin) {
                of_origin.total -= 1;
            }
            self.place(&waiting.origin);
        }
        expired
    }

    fn back(&mut self, origin: &Arc<str>) {
        self.on_the_way -= 1;
        if let Some(of_origin) = self.origins.get_mut(origin) {
            of_origin.on_the_way -= 1;
        }
    }

    fn make_ready(&mut self, waiting: Waiting) {
        let origin = Arc::clone(&waiting.origin);
        if let Some(of_origin) = self.origins.get_mut(&origin) {
            of_origin.ready.push(By(Reverse(waiting.place()), waiting));
        }
        self.place(&origin);
    }

    /// Brings an origin's row in `heads` up to date.
    fn place(&mut self, origin: &Arc<str>) {
        let Some(of_origin) = self.origins.get_mut(origin) else { return };
        if of_origin.total == 0 {
            self.origins.remove(origin);
            return;
        }
        let is_open = if of_origin.failures < AWAY {
            // One that hangs leaves places to others.
            of_origin.on_the_way < (self.places - self.places / 8).max(1)
        } else {
            // Where somebody is there, what was never refused need not wait.
            let is_first = |By(_, first): &By<Place, Waiting>| of_origin.answers && first.refusals == 0;
            of_origin.on_the_way == 0
                && (of_origin.closed_until.is_none() || of_origin.ready.peek().is_some_and(is_first))
        };
        let head = of_origin.ready.peek().map(|By(Reverse(place), _)| *place).filter(|_| is_open);
        if of_origin.head != head {
            of_origin.head = head;
            self.heads.extend(head.map(|head| By(Reverse(head), Arc::clone(origin))));
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

    fn waiting(created: u64, origin: &str) -> Waiting {
        let (name, expires) = (name(created), Instant::now() + LONG);
        Waiting {
            name,
            execution_id: "e".into(),
            origin: origin.into(),
            attempts: 0,
            refusals: 0,
            expires,
            delivery: None,
        }
    }

    fn sent(queue: &mut Queue, now: Instant) -> Option<(u64, Waiting)> {
        match queue.next(now) {
            Next::Send(waiting) => Some((waiting.name.created, waiting)),
            Next::Wait(_) => None,
        }
    }

    #[test]
    fn the_oldest_goes_first_whatever_its_origin() {
        let (mut queue, now) = (Queue::new(8), Instant::now());
        for (created, origin) in [(3, "a"), (1, "b"), (2, "a"), (4, "b")] {
            queue.push(waiting(created, origin));
        }
        let order: Vec<_> = std::iter::from_fn(|| sent(&mut queue, now)).map(|(created, _)| created).collect();
        assert_eq!(order, [1, 2, 3, 4]);
        for origin in ["a", "a", "b", "b"] {
            queue.ended(&origin.into(), true);
        }
        assert_eq!(queue.len(), 0);
        assert!(queue.origins.is_empty());
    }

    #[test]
    fn no_more_than_the_places_are_on_their_way_and_one_origin_leaves_some() {
        let (mut queue, now) = (Queue::new(8), Instant::now());
        for created in 0..20 {
            queue.push(waiting(created, "slow"));
        }
        queue.push(waiting(99, "quick"));
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
        queue.push(waiting(1, "cp"));
        queue.push(waiting(2, "cp"));
        let (_, poison) = sent(&mut queue, now).unwrap();
        queue.failed(poison, now, Some(LONG));
        assert_eq!(sent(&mut queue, now).unwrap().0, 2);
        queue.ended(&"cp".into(), true);
        assert!(sent(&mut queue, now).is_none());
        assert_eq!(sent(&mut queue, now + LONG).unwrap().0, 1);
    }

    #[test]
    fn many_that_are_always_refused_hold_up_nobody() {
        let (mut queue, mut now) = (Queue::new(1), Instant::now());
        for created in 0..9 {
            queue.push(waiting(created, "cp"));
        }
        for _ in 0..30 {
            while let Some((_, poison)) = sent(&mut queue, now) {
                queue.failed(poison, now, Some(Duration::from_secs(1)));
            }
            now += Duration::from_secs(60);
        }
        queue.push(waiting(99, "cp"));
        assert_eq!(sent(&mut queue, now).unwrap().0, 99);
    }

    #[test]
    fn an_origin_that_is_away_is_asked_by_one_at_a_time_and_all_follow_when_it_is_back() {
        let (mut queue, mut now) = (Queue::new(16), Instant::now());
        for created in 0..12 {
            queue.push(waiting(created, "cp"));
        }
        queue.push(waiting(50, "other"));
        let first: Vec<_> = std::iter::from_fn(|| sent(&mut queue, now)).collect();
        assert_eq!(first.len(), 13);
        for (_, waiting) in first.into_iter().take(12) {
            queue.failed(waiting, now, Some(Duration::from_millis(1)));
        }
        for _ in 0..3 {
            let Next::Wait(Some(_)) = queue.next(now) else { panic!("the gate is closed") };
            now += Duration::from_secs(60);
            let (_, probe) = sent(&mut queue, now).expect("one asks");
            assert!(sent(&mut queue, now).is_none(), "only one asks");
            queue.failed(probe, now, Some(Duration::from_millis(1)));
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
            queue.push(waiting(created, "cp"));
        }
        let first: Vec<_> = std::iter::from_fn(|| sent(&mut queue, now)).collect();
        for (_, waiting) in first {
            queue.failed(waiting, now, None);
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
            queue.push(waiting(created, "cp"));
        }
        let (_, paused) = sent(&mut queue, now).unwrap();
        queue.failed(paused, now, Some(LONG / 2));
        let (_, _on_its_way) = sent(&mut queue, now).unwrap();
        assert_eq!(queue.expire(now).len(), 0);
        let mut expired: Vec<_> =
            queue.expire(now + 2 * LONG).into_iter().map(|waiting| waiting.name.created).collect();
        expired.sort_unstable();
        assert_eq!((expired, queue.len()), (vec![0, 2], 1));
        queue.ended(&"cp".into(), false);
        assert!(queue.origins.is_empty());
    }
}
