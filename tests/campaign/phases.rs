//! What the control plane is like and what happens to the process, one trouble after the other.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use harness::{FlakyPlane, Mood};

use crate::calls::Calls;
use crate::random::Random;
use crate::victim::Victim;

/// How many call at once.
const CALLERS: usize = 8;

#[derive(Clone, Debug)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    calls: usize,
    plane: Plane,
    event: Event,
    events: usize,
}

#[derive(Clone, Debug)]
enum Plane {
    Is(Mood),
    Refuses,
    /// Another one every few milliseconds.
    Flaps,
}

/// What happens in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Kill,
    Stop,
    FullDisk,
}

/// As long as there are this many calls to make.
pub(crate) fn all(calls: usize, can_fill: bool) -> Vec<Phase> {
    let phase = |name, plane, event, share, events: usize| {
        let calls = calls * share / 100;
        // In a long campaign as often as in a short one.
        let events = if event == Event::FullDisk { events } else { events.max(calls / 80) };
        Phase { name, calls, plane, event, events }
    };
    let mut all = vec![
        phase("well", Plane::Is(Mood::Well), Event::Kill, 12, 2),
        phase("refuses", Plane::Refuses, Event::Kill, 10, 2),
        phase("hangs", Plane::Is(Mood::Hang), Event::Kill, 8, 2),
        phase("resets", Plane::Is(Mood::Reset), Event::Kill, 8, 2),
        phase("500", Plane::Is(Mood::Status(500)), Event::Kill, 8, 2),
        phase("429", Plane::Is(Mood::RetryAfter(429, 1)), Event::Kill, 8, 2),
        phase("slow", Plane::Is(Mood::Slow(Duration::from_millis(40))), Event::Kill, 8, 2),
        phase("flaps", Plane::Flaps, Event::Kill, 14, 3),
        phase("is stopped", Plane::Flaps, Event::Stop, 8, 2),
    ];
    if can_fill {
        all.push(phase("full disk", Plane::Is(Mood::Well), Event::FullDisk, 8, 3));
        all.push(phase("full and away", Plane::Refuses, Event::FullDisk, 8, 2));
    }
    all.push(phase("well again", Plane::Is(Mood::Well), Event::Kill, 8, 1));
    all
}

/// Makes the calls of a phase, while things happen at moments that nobody expects. How many did.
pub(crate) fn run(phase: &Phase, plane: &FlakyPlane, victim: &Victim, calls: &Calls, random: &Random) -> usize {
    let (tickets, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut moments: Vec<_> =
        (0..phase.events).map(|_| usize::try_from(random.below(phase.calls as u64)).unwrap_or(0)).collect();
    moments.sort_unstable();
    std::thread::scope(|scope| {
        match &phase.plane {
            Plane::Is(mood) => {
                plane.set(mood.clone());
                plane.open();
            }
            Plane::Refuses => plane.close(),
            Plane::Flaps => {
                scope.spawn(|| flap(plane, random, &over));
            }
        }
        let callers: Vec<_> =
            (0..CALLERS).map(|_| scope.spawn(|| calls.make(phase.name, phase.calls, &tickets, victim))).collect();
        for moment in moments {
            while tickets.load(Ordering::SeqCst) < moment {
                std::thread::sleep(Duration::from_micros(200));
            }
            std::thread::sleep(Duration::from_micros(random.below(20_000)));
            match phase.event {
                Event::Kill => victim.kill(),
                Event::Stop => victim.stop(),
                Event::FullDisk => {
                    victim.fill();
                    let until = (tickets.load(Ordering::SeqCst) + phase.calls / 6).min(phase.calls);
                    while tickets.load(Ordering::SeqCst) < until {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    victim.free();
                }
            }
        }
        for caller in callers {
            caller.join().expect("a caller");
        }
        over.store(true, Ordering::SeqCst);
    });
    phase.events
}

/// Changes what the control plane is like until the phase is over.
fn flap(plane: &FlakyPlane, random: &Random, over: &AtomicBool) {
    while !over.load(Ordering::SeqCst) {
        let mood = match random.below(7) {
            0 => None,
            1 => Some(Mood::Hang),
            2 => Some(Mood::Reset),
            3 => Some(Mood::Status(503)),
            4 => Some(Mood::RetryAfter(429, 0)),
            5 => Some(Mood::Slow(Duration::from_millis(30))),
            _ => Some(Mood::Well),
        };
        match mood {
            Some(mood) => {
                plane.set(mood);
                plane.open();
            }
            None => plane.close(),
        }
        std::thread::sleep(Duration::from_millis(10 + random.below(60)));
    }
}
