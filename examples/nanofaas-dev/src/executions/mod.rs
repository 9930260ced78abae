//! Executions: those that run or wait, and the last ones that have ended.

mod clock;
mod execution;
mod id;
mod outcome;
mod record;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use execution::Execution;
pub(crate) use outcome::{Callback, Failure, Outcome, Output};
pub(crate) use record::Status;

use crate::functions::Function;

/// How many executions are remembered after their end.
const REMEMBERED: usize = 1000;
/// How many bytes of outputs and errors are remembered.
const REMEMBERED_BYTES: usize = 64 * 1024 * 1024;

#[derive(Default)]
pub(crate) struct Executions(Mutex<Book>);

#[derive(Default)]
struct Book {
    by_id: HashMap<String, Arc<Execution>>,
    /// Ids by the function's name and the caller's idempotency key.
    by_key: HashMap<(String, String), String>,
    /// The ended ones, the oldest first.
    ended: VecDeque<(Arc<Execution>, usize)>,
    bytes: usize,
}

/// An execution for a call.
pub(crate) enum Opened {
    New(Arc<Execution>),
    /// The one of an earlier call with the same idempotency key.
    Known(Arc<Execution>),
    /// There is no room.
    QueueFull,
}

impl Executions {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds or makes the execution of a call.
    pub(crate) fn open(&self, function: &Arc<Function>, idempotency_key: Option<&str>) -> Opened {
        let mut book = self.lock();
        let key = idempotency_key.map(|key| (function.name().to_owned(), key.to_owned()));
        let known = key.as_ref().and_then(|key| book.by_key.get(key)).and_then(|id| book.by_id.get(id));
        if let Some(known) = known {
            return Opened::Known(Arc::clone(known));
        }
        let Ok(place) = Arc::clone(&function.places).try_acquire_owned() else { return Opened::QueueFull };
        let execution = Arc::new(Execution::new(id::new(), Arc::clone(function), key.clone(), place));
        if let Some(key) = key {
            book.by_key.insert(key, execution.id.clone());
        }
        book.by_id.insert(execution.id.clone(), Arc::clone(&execution));
        Opened::New(execution)
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Execution>> {
        self.lock().by_id.get(id).cloned()
    }

    /// Remembers an execution that has ended, and forgets the oldest for it.
    pub(crate) fn retire(&self, execution: &Arc<Execution>) {
        let size = execution.size();
        let mut book = self.lock();
        book.bytes += size;
        book.ended.push_back((Arc::clone(execution), size));
        while book.ended.len() > REMEMBERED || (book.bytes > REMEMBERED_BYTES && book.ended.len() > 1) {
            let Some((oldest, size)) = book.ended.pop_front() else { return };
            book.bytes -= size;
            book.by_id.remove(&oldest.id);
            if let Some(key) = &oldest.idempotency_key {
                book.by_key.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::FunctionSpec;

    fn function() -> Arc<Function> {
        let mut spec = FunctionSpec::at("f".into(), "http://localhost:1/invoke".into());
        (spec.concurrency, spec.queue_size) = (1, 1);
        Arc::new(Function::remote(spec))
    }

    fn open(executions: &Executions, function: &Arc<Function>, key: Option<&str>) -> Arc<Execution> {
        match executions.open(function, key) {
            Opened::New(execution) => execution,
            Opened::Known(_) | Opened::QueueFull => panic!("not a new execution"),
        }
    }

    #[test]
    fn the_last_thousand_are_remembered() {
        let (executions, function) = (Executions::default(), function());
        let ids: Vec<_> = (0..=REMEMBERED)
            .map(|number| {
                let execution = open(&executions, &function, Some(&number.to_string()));
                assert!(execution.give_up(1));
                executions.retire(&execution);
                execution.id.clone()
            })
            .collect();
        assert!(executions.get(&ids[0]).is_none());
        assert!(executions.get(&ids[1]).is_some());
        assert!(matches!(executions.open(&function, Some("1")), Opened::Known(known) if known.id == ids[1]));
        assert!(matches!(executions.open(&function, Some("0")), Opened::New(_)));
    }

    #[test]
    fn there_is_room_again_once_an_execution_has_ended() {
        let (executions, function) = (Executions::default(), function());
        let first = open(&executions, &function, None);
        let _second = open(&executions, &function, None);
        assert!(matches!(executions.open(&function, None), Opened::QueueFull));
        assert!(first.give_up(1));
        let _third = open(&executions, &function, None);
    }
}
