//! What a running function shows of itself: its log and its metrics.

use serde_json::Value;

use crate::{Function, eventually};

impl Function {
    /// Waits for the first line of the log, from its begin, that is as asked.
    ///
    /// # Panics
    ///
    /// Where there is none in time.
    pub fn wait_for_log(&self, what: &str, found: impl Fn(&Value) -> bool) -> Value {
        self.log.wait_for(what, found)
    }

    /// The log so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Every line of the log so far that is JSON and as asked.
    pub fn log_lines(&self, found: impl Fn(&Value) -> bool) -> Vec<Value> {
        let lines = self.log().into_iter().filter_map(|line| serde_json::from_str(&line).ok());
        lines.filter(|line| found(line)).collect()
    }

    /// A metric's value now, by its name after `nanofaas_runtime_`; zero where it is not there. With
    /// labels such as `code="TIMEOUT"` only samples that have them count; several are added up.
    ///
    /// # Panics
    ///
    /// Where the metrics cannot be read.
    #[must_use]
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let answer = self.get("/metrics");
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = answer.text();
        let samples = text.lines().filter_map(|line| {
            let rest = line.strip_prefix("nanofaas_runtime_")?.strip_prefix(name)?;
            let (rest, value) = rest.rsplit_once(' ')?;
            let wanted = rest.is_empty() || rest.starts_with('{');
            (wanted && labels.iter().all(|label| rest.contains(label))).then(|| value.parse::<f64>().expect("a number"))
        });
        samples.sum()
    }

    /// Waits until a metric has this value.
    ///
    /// # Panics
    ///
    /// Where it does not in time.
    pub fn wait_for_metric(&self, name: &str, labels: &[&str], value: u32) {
        eventually(&format!("{name} {value}"), || {
            ((self.metric(name, labels) - f64::from(value)).abs() < 0.5).then_some(())
        });
    }
}
