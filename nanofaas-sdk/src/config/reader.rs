//! Reads variables and collects what is wrong with them.

use std::ffi::OsString;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::variables::default_of;
use super::{Config, ConfigError};
use crate::callback::Policy;
use crate::protocol::present;

pub(super) struct Reader<G> {
    get: G,
    mistakes: Vec<String>,
}

impl<G: Fn(&str) -> Option<OsString>> Reader<G> {
    pub(super) fn new(get: G) -> Self {
        Self { get, mistakes: Vec::new() }
    }

    pub(super) fn finish(self, config: Config) -> Result<Config, ConfigError> {
        if self.mistakes.is_empty() { Ok(config) } else { Err(ConfigError { mistakes: self.mistakes }) }
    }

    /// The value, trimmed; blank is absent.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match (self.get)(name)?.into_string() {
            Ok(value) => present(&value).map(str::to_owned),
            Err(value) => {
                self.mistake(name, &value.to_string_lossy(), "expected text in UTF-8");
                None
            }
        }
    }

    /// A variable that another one makes necessary.
    pub(super) fn required(&mut self, name: &str, reason: &str) {
        if self.text(name).is_none() {
            self.mistakes.push(format!("{name} is not set: {reason}"));
        }
    }

    pub(super) fn number<T>(&mut self, name: &str, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let (low, high) = (*range.start(), *range.end());
        let expected = format!("expected a whole number from {low} to {high}");
        self.parse(name, &expected, |value| value.parse().ok().filter(|number| range.contains(number))).unwrap_or(low)
    }

    pub(super) fn milliseconds(&mut self, name: &str, least: u64) -> Duration {
        // A year: far beyond any use, and far from what clocks cannot add.
        let most = 366 * 24 * 3600 * 1000;
        let expected = format!("expected a whole number of milliseconds from {least} to {most}");
        let parsed = self.parse(name, &expected, |value| value.parse().ok().filter(|ms| (least..=most).contains(ms)));
        Duration::from_millis(parsed.unwrap_or(least))
    }

    pub(super) fn callback_policy(&mut self, name: &str) -> Policy {
        let Some(list) = self.text(name) else { return Policy::default() };
        Policy::parse(&list).unwrap_or_else(|entry| {
            let expected = format!(
                "`{entry}` is not a host: expected a list such as `control-plane, *.svc.cluster.local, 10.0.0.7:8080`"
            );
            self.mistake(name, &list, &expected);
            Policy::default()
        })
    }

    pub(super) fn callback_url(&mut self, name: &str, policy: &Policy) -> Option<String> {
        let url = self.text(name)?;
        match policy.check(&url) {
            Ok(_) => Some(url),
            Err(reason) => {
                self.mistake(name, &url, &reason);
                None
            }
        }
    }

    /// A variable that other versions know: better no start than a promise that is not kept.
    pub(super) fn not_yet(&mut self, name: &str, reason: &str) {
        if let Some(value) = self.text(name) {
            self.mistake(name, &value, &format!("{reason}; unset it"));
        }
    }

    /// The parsed value or the default; `None` after a mistake.
    fn parse<T>(&mut self, name: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = self.text(name);
        let parsed = parse(value.as_deref().unwrap_or_else(|| default_of(name)));
        if parsed.is_none() {
            self.mistake(name, value.as_deref().unwrap_or_default(), expected);
        }
        parsed
    }

    fn mistake(&mut self, name: &str, value: &str, expected: &str) {
        self.mistakes.push(format!("{name} is {value:?}: {expected}"));
    }
}
