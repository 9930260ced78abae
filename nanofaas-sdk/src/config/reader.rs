//! Reads variables and collects what is wrong with them.

use std::ffi::OsString;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use super::{ConfigError, Variable};
use crate::callback::Policy;
#[cfg(feature = "https")]
use crate::callback::tls;
use crate::protocol::present;
use crate::secret::Secret;

pub(crate) struct Reader<'a> {
    get: &'a dyn Fn(&str) -> Option<OsString>,
    /// Where defaults stand; the first table that has a variable counts.
    tables: &'a [&'a [Variable]],
    mistakes: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(get: &'a dyn Fn(&str) -> Option<OsString>, tables: &'a [&'a [Variable]]) -> Self {
        Self { get, tables, mistakes: Vec::new() }
    }

    /// The configuration, if nothing was wrong.
    pub(crate) fn finish<T>(self, config: T) -> Result<T, ConfigError> {
        if self.mistakes.is_empty() { Ok(config) } else { Err(ConfigError { mistakes: self.mistakes }) }
    }

    /// The value, trimmed; blank is absent.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        match (self.get)(name)?.into_string() {
            Ok(value) => present(&value).map(str::to_owned),
            Err(value) => {
                self.mistake(name, &value.to_string_lossy(), "expected text in UTF-8");
                None
            }
        }
    }

    /// The token in `name`, or in the file that `name` and `_FILE` names. A blank one is a mistake: what should be
    /// protected would be open to everybody. A mistake does not show the value.
    pub(crate) fn secret(&mut self, name: &str) -> Option<Secret> {
        let file = format!("{name}_FILE");
        let read = match ((self.get)(name), (self.get)(&file)) {
            (None, None) => return None,
            (Some(_), Some(_)) => Err(format!("{name} and {file} are both set: unset one of them")),
            (Some(token), None) => {
                Secret::read(token.as_encoded_bytes()).map_err(|reason| format!("{name} {reason}; or unset it"))
            }
            (None, Some(path)) => match path.to_string_lossy().trim() {
                "" => Err(format!("{file} is empty: expected the path of a file that holds the token; or unset it")),
                path => Secret::from_file(Path::new(path))
                    .map_err(|reason| format!("{file} is {path:?}: the file {reason}")),
            },
        };
        read.map_err(|mistake| self.complain(mistake)).ok()
    }

    /// A file with certificates in PEM, which the TLS library reads by itself and ignores where it cannot.
    #[cfg(feature = "https")]
    pub(crate) fn authorities(&mut self, name: &str) {
        let Some(path) = self.text(name) else { return };
        if let Err(reason) = tls::check_authorities(Path::new(&path)) {
            self.mistake(name, &path, &reason);
        }
    }

    /// A variable that another one makes necessary.
    pub(crate) fn required(&mut self, name: &str, reason: &str) {
        if self.text(name).is_none() {
            self.mistakes.push(format!("{name} is not set: {reason}"));
        }
    }

    pub(crate) fn number<T>(&mut self, name: &str, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let (low, high) = (*range.start(), *range.end());
        let expected = format!("expected a whole number from {low} to {high}");
        self.parse(name, &expected, |value| value.parse().ok().filter(|number| range.contains(number))).unwrap_or(low)
    }

    pub(crate) fn milliseconds(&mut self, name: &str, least: u64) -> Duration {
        // A year: far beyond any use, and far from what clocks cannot add.
        let most = 366 * 24 * 3600 * 1000;
        let expected = format!("expected a whole number of milliseconds from {least} to {most}");
        let parsed = self.parse(name, &expected, |value| value.parse().ok().filter(|ms| (least..=most).contains(ms)));
        Duration::from_millis(parsed.unwrap_or(least))
    }

    /// `true` or `false`, also as 1 or 0; `None` after a mistake.
    #[cfg(feature = "watchdog")]
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        let parse = |value: &str| match value.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        self.parse(name, "expected true or false", parse)
    }

    pub(crate) fn callback_policy(&mut self, name: &str) -> Policy {
        let Some(list) = self.text(name) else { return Policy::default() };
        Policy::parse(&list).unwrap_or_else(|entry| {
            let expected = format!(
                "`{entry}` is not a host: expected a list such as `control-plane, *.svc.cluster.local, 10.0.0.7:8080`"
            );
            self.mistake(name, &list, &expected);
            Policy::default()
        })
    }

    pub(crate) fn callback_url(&mut self, name: &str, policy: &Policy) -> Option<String> {
        let url = self.text(name)?;
        match policy.check(&url) {
            Ok(_) => Some(url),
            Err(reason) => {
                self.mistake(name, &url, &reason);
                None
            }
        }
    }

    /// A variable that other builds know: better no start than a promise that is not kept.
    #[cfg(all(feature = "kernel", not(feature = "jupyter")))]
    pub(crate) fn not_yet(&mut self, name: &str, reason: &str) {
        if let Some(value) = self.text(name) {
            self.mistake(name, &value, &format!("{reason}; unset it"));
        }
    }

    fn default_of(&self, name: &str) -> &'a str {
        let mut rows = self.tables.iter().flat_map(|table| table.iter());
        rows.find(|variable| variable.name == name).map_or("", |variable| variable.default)
    }

    /// Something that is wrong in itself, not in one value.
    pub(crate) fn complain(&mut self, mistake: String) {
        self.mistakes.push(mistake);
    }

    /// The parsed value or the default; `None` after a mistake.
    pub(crate) fn parse<T>(&mut self, name: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = self.text(name);
        let parsed = parse(value.as_deref().unwrap_or_else(|| self.default_of(name)));
        if parsed.is_none() {
            self.mistake(name, value.as_deref().unwrap_or_default(), expected);
        }
        parsed
    }

    pub(crate) fn mistake(&mut self, name: &str, value: &str, expected: &str) {
        self.mistakes.push(format!("{name} is {value:?}: {expected}"));
    }
}
