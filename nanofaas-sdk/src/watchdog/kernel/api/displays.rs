//! What the nodes of flows have shown last.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// Bytes that are remembered of all nodes together; the oldest go first.
const MOST: usize = 64 * 1024 * 1024;

#[derive(Default)]
pub(super) struct Displays(Mutex<VecDeque<Shown>>);

struct Shown {
    flow: i64,
    node: Value,
    displays: Vec<Value>,
    length: usize,
}

impl Displays {
    fn all(&self) -> MutexGuard<'_, VecDeque<Shown>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces what a node has shown.
    pub(super) fn put(&self, flow: i64, node: &Value, displays: Vec<Value>) {
        let mut all = self.all();
        all.retain(|shown| shown.flow != flow || shown.node != *node);
        if displays.is_empty() {
            return;
        }
        let length = displays.iter().map(|display| display["data"].as_str().map_or(0, str::len)).sum();
        all.push_back(Shown { flow, node: node.clone(), displays, length });
        let mut sum: usize = all.iter().map(|shown| shown.length).sum();
        while sum > MOST {
            let Some(oldest) = all.pop_front() else { break };
            sum -= oldest.length;
        }
    }

    pub(super) fn get(&self, flow: i64, node: &Value) -> Vec<Value> {
        let all = self.all();
        let shown = all.iter().find(|shown| shown.flow == flow && shown.node == *node);
        shown.map(|shown| shown.displays.clone()).unwrap_or_default()
    }

    /// Forgets those of a flow, or all.
    pub(super) fn clear(&self, flow: Option<i64>) {
        self.all().retain(|shown| flow.is_some_and(|flow| shown.flow != flow));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_oldest_go_when_there_is_too_much() {
        let displays = Displays::default();
        let half = || vec![json!({"data": "x".repeat(MOST / 2)})];
        for node in 0..3 {
            displays.put(1, &json!(node), half());
        }
        let left: Vec<_> = (0..3).map(|node| displays.get(1, &json!(node)).len()).collect();
        assert_eq!(left, [0, 1, 1]);
    }

    #[test]
    fn a_flow_is_forgotten_alone() {
        let displays = Displays::default();
        displays.put(1, &json!("a"), vec![json!(1)]);
        displays.put(2, &json!("a"), vec![json!(2)]);
        displays.clear(Some(1));
        assert_eq!((displays.get(1, &json!("a")).len(), displays.get(2, &json!("a")).len()), (0, 1));
    }
}
