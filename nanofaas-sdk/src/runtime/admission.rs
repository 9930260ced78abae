//! Who may run: a bounded number at once, a bounded number waiting, and no run twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::context::{Cancel, Why};
use crate::invocation::RunId;
use crate::metrics::Metrics;
use crate::protocol::{Code, Failure};

/// The slots of the function, the queue before them, and the runs in both.
pub(super) struct Admission {
    slots: Arc<Semaphore>,
    capacity: usize,
    queue: Arc<Semaphore>,
    queue_length: usize,
    active: Arc<Active>,
    metrics: Arc<Metrics>,
}

type Active = Mutex<HashMap<RunId, Arc<Cancel>>>;

fn lock(active: &Active) -> MutexGuard<'_, HashMap<RunId, Arc<Cancel>>> {
    active.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Admission {
    pub(super) fn new(capacity: usize, queue_length: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(capacity)),
            capacity,
            queue: Arc::new(Semaphore::new(queue_length)),
            queue_length,
            active: Arc::default(),
            metrics,
        }
    }

    /// Enters the run in the list, so that it is not run twice and can be cancelled.
    pub(super) fn enter(&self, id: RunId, cancel: Arc<Cancel>) -> Result<Entry, Failure> {
        let mut active = lock(&self.active);
        if active.contains_key(&id) {
            let message = format!("execution {} is running here with the same dispatch attempt", id.execution_id);
            return Err(Failure::new(Code::ExecutionActive, message));
        }
        active.insert(id.clone(), cancel);
        Ok(Entry { id, active: Arc::clone(&self.active) })
    }

    /// A slot for the run if one is free, else a place in the queue, else a refusal.
    pub(super) fn admit(&self, entry: Entry) -> Result<Admitted, Failure> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(Admitted::Now(self.hold(entry, slot)));
        }
        let place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| {
            let waiting = match self.queue_length {
                0 => String::new(),
                length => format!(" and {length} calls are waiting already"),
            };
            let message = format!("all {} slots of the function are taken{waiting}", self.capacity);
            Failure::new(Code::HandlerSaturated, message)
        })?;
        self.metrics.queued(1);
        Ok(Admitted::Later(Waiting { entry, _place: Place { metrics: Arc::clone(&self.metrics), _place: place } }))
    }

    /// Waits for a slot, first come first served. Dropped early, the place in the queue is free.
    pub(super) async fn slot(&self, waiting: Waiting) -> Hold {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        // The semaphore is never closed.
        let slot = slot.unwrap_or_else(|_| unreachable!("the slots are open"));
        self.hold(waiting.entry, slot)
    }

    fn hold(&self, entry: Entry, slot: OwnedSemaphorePermit) -> Hold {
        self.metrics.handler_started();
        Hold { entry, metrics: Arc::clone(&self.metrics), _slot: slot }
    }

    /// Waits until no run is left.
    pub(super) async fn idle(&self) {
        let all = u32::try_from(self.capacity).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _ = self.slots.acquire_many(all).await;
    }

    pub(super) fn is_busy(&self) -> bool {
        !lock(&self.active).is_empty()
    }

    /// Tells all runs to end now; how many there are.
    pub(super) fn stop(&self) -> usize {
        let active = lock(&self.active);
        for cancel in active.values() {
            cancel.request(Why::Stopping);
        }
        active.len()
    }
}

/// When an invocation may run.
pub(super) enum Admitted {
    Now(Hold),
    Later(Waiting),
}

/// A place in the queue.
pub(super) struct Waiting {
    entry: Entry,
    _place: Place,
}

struct Place {
    metrics: Arc<Metrics>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.queued(-1);
    }
}

/// An entry in the list of runs, given back when this is dropped.
pub(super) struct Entry {
    id: RunId,
    active: Arc<Active>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&self.active).remove(&self.id);
    }
}

/// A slot and an entry in the list of runs; both are given back when this is dropped.
pub(crate) struct Hold {
    entry: Entry,
    metrics: Arc<Metrics>,
    _slot: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Hold").field(&self.entry.id).finish()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.metrics.handler_ended();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(admission: &Admission, execution_id: &str, attempt: Option<&str>) -> Result<Entry, Failure> {
        let id = RunId { execution_id: execution_id.into(), dispatch_attempt: attempt.map(Into::into) };
        admission.enter(id, Arc::default())
    }

    fn admit(admission: &Admission, execution_id: &str, attempt: Option<&str>) -> Result<Hold, Failure> {
        match admission.admit(enter(admission, execution_id, attempt)?)? {
            Admitted::Now(hold) => Ok(hold),
            Admitted::Later(_) => panic!("there is no queue"),
        }
    }

    #[test]
    fn one_run_at_a_time_and_no_more_than_the_slots() {
        let admission = Admission::new(2, 0, Arc::default());
        let first = admit(&admission, "e", Some("1")).unwrap();
        assert_eq!(admit(&admission, "e", Some("1")).unwrap_err().code, "EXECUTION_ACTIVE");
        let second = admit(&admission, "e", Some("2")).unwrap();
        assert_eq!(admit(&admission, "f", None).unwrap_err().code, "RUNTIME_HANDLER_SATURATED");
        drop(first);
        drop(admit(&admission, "e", Some("1")).unwrap());
        assert_eq!(admission.stop(), 1);
        drop(second);
    }

    #[tokio::test]
    async fn those_who_wait_are_bounded_and_not_run_twice() {
        let admission = Admission::new(1, 1, Arc::default());
        let running = admit(&admission, "a", None).unwrap();
        let Ok(Admitted::Later(waiting)) = admission.admit(enter(&admission, "b", None).unwrap()) else {
            panic!("a place in the queue")
        };
        assert_eq!(enter(&admission, "b", None).err().unwrap().code, "EXECUTION_ACTIVE");
        let refused = admission.admit(enter(&admission, "c", None).unwrap()).err().unwrap();
        assert_eq!(refused.code, "RUNTIME_HANDLER_SATURATED");
        drop(running);
        drop(admission.slot(waiting).await);
        assert!(!admission.is_busy());
    }
}
