//! Who may run: a bounded number at once, and no run twice at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::context::{Cancel, Why};
use crate::invocation::RunId;
use crate::metrics::Metrics;
use crate::protocol::{Code, Failure};

/// The slots of the function and the runs that hold them.
pub(super) struct Admission {
    slots: Arc<Semaphore>,
    capacity: usize,
    active: Arc<Active>,
    metrics: Arc<Metrics>,
}

type Active = Mutex<HashMap<RunId, Arc<Cancel>>>;

fn lock(active: &Active) -> MutexGuard<'_, HashMap<RunId, Arc<Cancel>>> {
    active.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Admission {
    pub(super) fn new(capacity: usize, metrics: Arc<Metrics>) -> Self {
        Self { slots: Arc::new(Semaphore::new(capacity)), capacity, active: Arc::default(), metrics }
    }

    /// Takes a slot for this run and enters it in the list, so that it can be cancelled.
    pub(super) fn admit(&self, id: RunId, cancel: Arc<Cancel>) -> Result<Hold, Failure> {
        let mut active = lock(&self.active);
        if active.contains_key(&id) {
            let message = format!("execution {} is running here with the same dispatch attempt", id.execution_id);
            return Err(Failure::new(Code::ExecutionActive, message));
        }
        let slot = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| {
            let message = format!("all {} slots of the function are taken", self.capacity);
            Failure::new(Code::HandlerSaturated, message)
        })?;
        active.insert(id.clone(), cancel);
        self.metrics.handler_started();
        Ok(Hold { id, active: Arc::clone(&self.active), metrics: Arc::clone(&self.metrics), _slot: slot })
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

/// A slot and an entry in the list of runs; both are given back when this is dropped.
pub(crate) struct Hold {
    id: RunId,
    active: Arc<Active>,
    metrics: Arc<Metrics>,
    _slot: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Hold").field(&self.id).finish()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        lock(&self.active).remove(&self.id);
        self.metrics.handler_ended();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time_and_no_more_than_the_slots() {
        let admission = Admission::new(2, Arc::default());
        let admit = |execution_id: &str, attempt: Option<&str>| {
            let id = RunId { execution_id: execution_id.into(), dispatch_attempt: attempt.map(Into::into) };
            admission.admit(id, Arc::default())
        };
        let first = admit("e", Some("1")).unwrap();
        assert_eq!(admit("e", Some("1")).unwrap_err().code, "EXECUTION_ACTIVE");
        let second = admit("e", Some("2")).unwrap();
        assert_eq!(admit("f", None).unwrap_err().code, "RUNTIME_HANDLER_SATURATED");
        drop(first);
        drop(admit("e", Some("1")).unwrap());
        assert_eq!(admission.stop(), 1);
        drop(second);
    }
}
