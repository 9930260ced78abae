//! What is counted, and how Prometheus reads it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::invocation::Outcome;
use crate::protocol::Code;

/// Upper bounds of the duration histogram, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0, 30.0];

/// Counters of one function process.
#[derive(Debug)]
pub(crate) struct Metrics {
    succeeded: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    cancelled: AtomicU64,
    refused: [AtomicU64; Code::ALL.len()],
    active: AtomicI64,
    queued: AtomicI64,
    cold_starts: AtomicU64,
    durations: [AtomicU64; BUCKETS.len() + 1],
    duration_micros: AtomicU64,
    callbacks_delivered: AtomicU64,
    callbacks_dropped: AtomicU64,
    callbacks_retried: AtomicU64,
    callbacks_pending: AtomicI64,
    /// Callbacks are kept on a disk.
    has_spool: AtomicBool,
    callbacks_spooled: AtomicI64,
    dead_letters: AtomicU64,
    child_restarts: [AtomicU64; Restart::ALL.len()],
    /// There is a child that is kept between calls.
    has_child: AtomicBool,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            succeeded: AtomicU64::default(),
            failed: AtomicU64::default(),
            timed_out: AtomicU64::default(),
            cancelled: AtomicU64::default(),
            refused: std::array::from_fn(|_| AtomicU64::default()),
            active: AtomicI64::default(),
            queued: AtomicI64::default(),
            child_restarts: std::array::from_fn(|_| AtomicU64::default()),
            has_child: AtomicBool::default(),
            cold_starts: AtomicU64::default(),
            durations: std::array::from_fn(|_| AtomicU64::default()),
            duration_micros: AtomicU64::default(),
            callbacks_delivered: AtomicU64::default(),
            callbacks_dropped: AtomicU64::default(),
            callbacks_retried: AtomicU64::default(),
            callbacks_pending: AtomicI64::default(),
            has_spool: AtomicBool::default(),
            callbacks_spooled: AtomicI64::default(),
            dead_letters: AtomicU64::default(),
        }
    }
}

/// Why a child was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    /// It ended by itself.
    Crash,
    /// It did not answer any more.
    Hang,
    /// It had served as many calls as it should.
    Recycle,
}

impl Restart {
    const ALL: [Self; 3] = [Self::Crash, Self::Hang, Self::Recycle];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Hang => "hang",
            Self::Recycle => "recycle",
        }
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Metrics {
    pub(crate) fn handler_started(&self) {
        self.active.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn handler_ended(&self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn queued(&self, change: i64) {
        self.queued.fetch_add(change, Ordering::Relaxed);
    }

    pub(crate) fn cold_start(&self) {
        add(&self.cold_starts);
    }

    pub(crate) fn invocation_ended(&self, outcome: &Outcome, duration: Duration) {
        add(match outcome {
            Ok(_) => &self.succeeded,
            Err(failure) if failure.code == Code::Timeout.as_str() => &self.timed_out,
            Err(failure) if failure.code == Code::Cancelled.as_str() => &self.cancelled,
            Err(_) => &self.failed,
        });
        let seconds = duration.as_secs_f64();
        let bucket = BUCKETS.iter().position(|bound| seconds <= *bound).unwrap_or(BUCKETS.len());
        add(&self.durations[bucket]);
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.duration_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// A request that was turned away before the function.
    pub(crate) fn refused(&self, code: &str) {
        if let Some(row) = Code::ALL.iter().position(|known| known.as_str() == code) {
            add(&self.refused[row]);
        }
    }

    pub(crate) fn callback_pending(&self, change: i64) {
        self.callbacks_pending.fetch_add(change, Ordering::Relaxed);
    }

    pub(crate) fn callback_delivered(&self) {
        add(&self.callbacks_delivered);
    }

    pub(crate) fn callback_dropped(&self) {
        add(&self.callbacks_dropped);
    }

    pub(crate) fn callback_retried(&self) {
        add(&self.callbacks_retried);
    }

    /// There is a spool: what stands in it is shown from now on.
    pub(crate) fn has_spool(&self) {
        self.has_spool.store(true, Ordering::Relaxed);
    }

    pub(crate) fn spooled(&self, change: i64) {
        self.callbacks_spooled.fetch_add(change, Ordering::Relaxed);
        self.callback_pending(change);
    }

    pub(crate) fn dead_letter(&self) {
        add(&self.dead_letters);
    }

    /// Children are kept between calls: their restarts are shown from now on.
    #[cfg(feature = "watchdog")]
    pub(crate) fn keeps_child(&self) {
        self.has_child.store(true, Ordering::Relaxed);
    }

    #[cfg(feature = "watchdog")]
    pub(crate) fn child_restarted(&self, why: Restart) {
        add(&self.child_restarts[why as usize]);
    }

    /// The Prometheus text format, version 0.0.4.
    pub(crate) fn render(&self, function: &str) -> String {
        let mut text = Text { out: String::with_capacity(4096), label: format!("function=\"{}\"", escape(function)) };
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed).to_string();

        text.family("invocations_total", "counter", "Invocations that were admitted, by how they ended.");
        for (outcome, counter) in [
            ("success", &self.succeeded),
            ("error", &self.failed),
            ("timeout", &self.timed_out),
            ("cancelled", &self.cancelled),
        ] {
            text.sample("invocations_total", &[("outcome", outcome)], &get(counter));
        }
        text.family("refusals_total", "counter", "Requests that were turned away before the function, by code.");
        for (code, counter) in Code::ALL.iter().zip(&self.refused) {
            if counter.load(Ordering::Relaxed) > 0 {
                text.sample("refusals_total", &[("code", code.as_str())], &get(counter));
            }
        }
        text.family("handler_duration_seconds", "histogram", "Time from admission to the end of an invocation.");
        let mut total = 0;
        for (row, counter) in self.durations.iter().enumerate() {
            total += counter.load(Ordering::Relaxed);
            let bound = BUCKETS.get(row).map_or("+Inf".to_owned(), f64::to_string);
            text.sample("handler_duration_seconds_bucket", &[("le", &bound)], &total.to_string());
        }
        #[expect(clippy::cast_precision_loss, reason = "a sum of microseconds fits for centuries")]
        let sum = self.duration_micros.load(Ordering::Relaxed) as f64 / 1e6;
        text.sample("handler_duration_seconds_sum", &[], &sum.to_string());
        text.sample("handler_duration_seconds_count", &[], &total.to_string());

        let active = self.active.load(Ordering::Relaxed).max(0).to_string();
        let queued = self.queued.load(Ordering::Relaxed).max(0).to_string();
        let pending = self.callbacks_pending.load(Ordering::Relaxed).max(0).to_string();
        for (name, kind, help, value) in [
            ("active_handlers", "gauge", "Invocations that hold a slot of the function.", active),
            ("queued_invocations", "gauge", "Invocations that wait for a slot.", queued),
            ("cold_starts_total", "counter", "First invocations of a process.", get(&self.cold_starts)),
            (
                "callback_deliveries_total",
                "counter",
                "Callbacks the control plane took.",
                get(&self.callbacks_delivered),
            ),
            ("callback_retries_total", "counter", "Attempts after the first.", get(&self.callbacks_retried)),
            ("callback_drops_total", "counter", "Callbacks given up.", get(&self.callbacks_dropped)),
            ("pending_callbacks", "gauge", "Callbacks on their way.", pending),
        ] {
            text.family(name, kind, help);
            text.sample(name, &[], &value);
        }
        if self.has_spool.load(Ordering::Relaxed) {
            let spooled = self.callbacks_spooled.load(Ordering::Relaxed).max(0).to_string();
            text.family("spooled_callbacks", "gauge", "Callbacks on disk that are not delivered yet.");
            text.sample("spooled_callbacks", &[], &spooled);
            text.family("callback_dead_letters_total", "counter", "Callbacks that are kept, but no longer tried.");
            text.sample("callback_dead_letters_total", &[], &get(&self.dead_letters));
        }
        if self.has_child.load(Ordering::Relaxed) {
            text.family("child_restarts_total", "counter", "Children that were replaced, by why.");
            for (why, counter) in Restart::ALL.iter().zip(&self.child_restarts) {
                text.sample("child_restarts_total", &[("reason", why.as_str())], &get(counter));
            }
        }
        text.out
    }
}

struct Text {
    out: String,
    label: String,
}

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.out, "# HELP nanofaas_runtime_{name} {help}\n# TYPE nanofaas_runtime_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        let _ = write!(self.out, "nanofaas_runtime_{name}{{{}", self.label);
        for (label, text) in labels {
            let _ = write!(self.out, ",{label}=\"{text}\"");
        }
        let _ = writeln!(self.out, "}} {value}");
    }
}

fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Failure;

    #[test]
    fn what_was_counted_is_rendered() {
        let metrics = Metrics::default();
        metrics.handler_started();
        metrics.refused("RUNTIME_HANDLER_SATURATED");
        metrics.invocation_ended(&Err(Failure::new(Code::Timeout, "late")), Duration::from_millis(30));
        metrics.callback_dropped();
        let text = metrics.render("a\"b");
        for line in [
            "nanofaas_runtime_invocations_total{function=\"a\\\"b\",outcome=\"timeout\"} 1",
            "nanofaas_runtime_refusals_total{function=\"a\\\"b\",code=\"RUNTIME_HANDLER_SATURATED\"} 1",
            "nanofaas_runtime_handler_duration_seconds_bucket{function=\"a\\\"b\",le=\"0.025\"} 0",
            "nanofaas_runtime_handler_duration_seconds_bucket{function=\"a\\\"b\",le=\"0.05\"} 1",
            "nanofaas_runtime_handler_duration_seconds_sum{function=\"a\\\"b\"} 0.03",
            "nanofaas_runtime_active_handlers{function=\"a\\\"b\"} 1",
            "nanofaas_runtime_callback_drops_total{function=\"a\\\"b\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
