//! One execution, shared by those who wait for it and those who end it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::watch::{Receiver, Sender, channel};

use super::Status;
use super::outcome::Outcome;
use super::record::Record;
use crate::console::Verdict;
use crate::functions::Function;

pub(crate) struct Execution {
    pub(crate) id: String,
    pub(crate) function: Arc<Function>,
    pub(super) idempotency_key: Option<(String, String)>,
    /// Every change of the state is one step under this channel's lock, and wakes who waits for it.
    record: Sender<Record>,
    /// Its places among those that run or wait, given back by its end, before anybody learns of that.
    permits: Mutex<Vec<OwnedSemaphorePermit>>,
}

impl Execution {
    pub(super) fn new(
        id: String,
        function: Arc<Function>,
        idempotency_key: Option<(String, String)>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let (record, _) = channel(Record::queued(&id, function.spec.max_retries));
        Self { id, function, idempotency_key, record, permits: Mutex::new(vec![place]) }
    }

    /// Its state now.
    pub(crate) fn record(&self) -> Record {
        self.record.borrow().clone()
    }

    pub(crate) fn subscribe(&self) -> Receiver<Record> {
        self.record.subscribe()
    }

    /// Begins with the first attempt, unless it has ended before.
    pub(crate) fn start(&self, slot: OwnedSemaphorePermit) {
        self.change(|record| {
            let starts = record.start();
            if starts {
                self.permits.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
            }
            starts
        });
    }

    /// Applies the end of an attempt; `None` is the current one.
    pub(crate) fn settle(&self, attempt: Option<u32>, outcome: Outcome) -> Verdict {
        let mut verdict = Verdict::Duplicate;
        self.change(|record| {
            verdict = record.settle(attempt, outcome);
            matches!(verdict, Verdict::Accepted | Verdict::Retry(_))
        });
        verdict
    }

    /// Ends it because its caller's time, in ms, is over; whether it had not ended before.
    pub(crate) fn give_up(&self, after: u128) -> bool {
        self.change(|record| record.give_up(after))
    }

    /// Notes what a function says of its start.
    pub(crate) fn note_cold_start(&self, init_duration_ms: Option<u64>) {
        self.change(|record| {
            record.cold_start = true;
            record.init_duration_ms = init_duration_ms;
            true
        });
    }

    fn change(&self, change: impl FnOnce(&mut Record) -> bool) -> bool {
        self.record.send_if_modified(|record| {
            let is_changed = change(record);
            if record.is_terminal() {
                self.permits.lock().unwrap_or_else(PoisonError::into_inner).clear();
            }
            is_changed
        })
    }

    /// Waits for its end.
    pub(crate) async fn ended(&self) {
        // The sender is our own: it is not gone.
        let _ = self.subscribe().wait_for(Record::is_terminal).await;
    }

    /// Waits until it has ended as timed out; for ever where it ends otherwise.
    pub(crate) async fn given_up(&self) {
        let _ = self.subscribe().wait_for(|record| record.summary.status == Status::Timeout).await;
    }

    pub(super) fn size(&self) -> usize {
        self.record.borrow().size()
    }
}
