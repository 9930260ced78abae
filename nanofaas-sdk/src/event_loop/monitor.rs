//! Looks for polls that do not end, and commands the reserve.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Handle;

use super::StallGuard;

/// How often the monitor looks while handlers are polled; a poll is too long after two looks.
const TICK: Duration = Duration::from_millis(2);
/// Looks without a poll before the monitor goes to sleep.
const QUIET: u32 = 16;
/// Looks within which the working threads must show that they live once the reserve is held back.
const PROOF: u32 = 8;

/// The thread that watches a [`StallGuard`].
pub(super) struct Monitor {
    reserve: Arc<Reserve>,
    thread: JoinHandle<()>,
}

impl Monitor {
    pub(super) fn start(guard: Arc<StallGuard>, handle: Handle) -> io::Result<Self> {
        let reserve = Arc::new(Reserve::default());
        let watching = Watching { guard, handle, reserve: Arc::clone(&reserve), quiet: 0, unproven: None };
        let thread = thread::Builder::new().name("nanofaas-monitor".to_owned()).spawn(move || watching.run())?;
        Ok(Self { reserve, thread })
    }

    /// Ends the thread and lets the reserve go.
    pub(super) fn stop(self) {
        self.reserve.set(Duty::Over);
        self.thread.thread().unpark();
    }
}

struct Watching {
    guard: Arc<StallGuard>,
    handle: Handle,
    reserve: Arc<Reserve>,
    quiet: u32,
    /// The reserve is held back, but no other thread has shown yet that it serves; with the looks so far.
    unproven: Option<(Arc<AtomicBool>, u32)>,
}

impl Watching {
    fn run(mut self) {
        self.guard.set_monitor(thread::current());
        while self.reserve.duty() != Duty::Over {
            thread::sleep(TICK);
            self.guard.next_tick();
            let settled = self.command_reserve();
            self.quiet = if self.guard.is_busy() { 0 } else { self.quiet + 1 };
            if settled && self.quiet > QUIET && self.guard.may_sleep() {
                while self.guard.is_asleep() && self.reserve.duty() != Duty::Over {
                    thread::park();
                }
                self.quiet = 0;
            }
        }
    }

    /// Holds the reserve back while all is well and lets it work while a poll stalls; true when
    /// there is nothing left to do.
    fn command_reserve(&mut self) -> bool {
        match (self.reserve.duty(), self.guard.is_stalled()) {
            (Duty::Held | Duty::Called, true) => {
                self.unproven = None;
                self.reserve.set(Duty::Working);
                false
            }
            (Duty::Working, false) => {
                self.reserve.set(Duty::Called);
                self.handle.spawn(Arc::clone(&self.reserve).serve());
                self.unproven = Some((Arc::default(), 0));
                false
            }
            (Duty::Held, false) => self.prove(),
            _ => false,
        }
    }

    /// Holding a thread back is only safe while another one waits for events: a task from outside
    /// wakes one that sleeps, and its end is the proof.
    fn prove(&mut self) -> bool {
        let Some((alive, looks)) = &mut self.unproven else { return true };
        if alive.load(Ordering::Acquire) {
            self.unproven = None;
            return true;
        }
        if *looks == 0 {
            let alive = Arc::clone(alive);
            self.handle.spawn(async move { alive.store(true, Ordering::Release) });
        }
        *looks += 1;
        if *looks > PROOF {
            self.unproven = None;
            self.reserve.set(Duty::Working);
        }
        false
    }
}

/// The thread in reserve: a worker of the event loop that sits in [`serve`](Self::serve).
#[derive(Default)]
struct Reserve {
    duty: Mutex<Duty>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Duty {
    /// All threads work.
    #[default]
    Working,
    /// One thread is asked to step back.
    Called,
    /// One thread waits.
    Held,
    /// The event loop ends.
    Over,
}

impl Reserve {
    fn lock(&self) -> MutexGuard<'_, Duty> {
        self.duty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn duty(&self) -> Duty {
        *self.lock()
    }

    fn set(&self, duty: Duty) {
        let mut now = self.lock();
        if *now != Duty::Over {
            *now = duty;
            self.changed.notify_all();
        }
    }

    /// Keeps the thread that runs this task until it is needed.
    async fn serve(self: Arc<Self>) {
        // Lets what this thread has taken on run first: a task in its fast slot could not be
        // taken over by another thread.
        tokio::task::yield_now().await;
        let mut duty = self.lock();
        if *duty == Duty::Called {
            *duty = Duty::Held;
            while *duty == Duty::Held {
                duty = self.changed.wait(duty).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}
