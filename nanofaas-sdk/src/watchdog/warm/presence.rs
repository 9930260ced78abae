//! What several kept children mean for the process: it is there as long as one of them is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::executor::Stage;

/// The part of one child in the readiness of the process.
pub(crate) struct Presence {
    pub(super) stage: Stage,
    all: Arc<Mutex<Counted>>,
    is_down: AtomicBool,
}

struct Counted {
    total: usize,
    down: usize,
}

impl Presence {
    /// The parts of `total` children.
    pub(crate) fn of_each(stage: &Stage, total: usize) -> Vec<Self> {
        let all = Arc::new(Mutex::new(Counted { total, down: 0 }));
        let part = || Self { stage: stage.clone(), all: Arc::clone(&all), is_down: AtomicBool::new(false) };
        (0..total).map(|_| part()).collect()
    }

    /// The child serves no longer.
    pub(super) fn lost(&self) {
        if self.is_down.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.down += 1;
        if all.down == all.total {
            self.stage.lifecycle.interrupted();
        }
    }

    /// A new one serves in its place, after a start that took `init`.
    pub(super) fn replaced(&self, init: Duration) {
        self.is_back();
        self.stage.lifecycle.ready(init);
    }

    /// The same one serves again.
    pub(super) fn resumed(&self) {
        if self.is_back() {
            self.stage.lifecycle.resumed();
        }
    }

    fn is_back(&self) -> bool {
        let was_down = self.is_down.swap(false, Ordering::Relaxed);
        if was_down {
            self.all.lock().unwrap_or_else(PoisonError::into_inner).down -= 1;
        }
        was_down
    }
}
