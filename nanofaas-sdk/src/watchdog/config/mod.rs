//! The environment of a watchdog: read once, checked as a whole.

mod http;
#[cfg(feature = "kernel")]
mod kernel;
mod per_call;
mod worker;

use std::ffi::OsString;
use std::time::Duration;

use super::child::{self, Child};
use super::command_line::CommandLine;
use super::process::SECRETS;
use super::variables::TABLES;
use super::warm::Rules;
use crate::config::{Config, ConfigError, Reader};
use crate::protocol::check_json;

/// What the environment asks for.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) child: Child,
    pub(super) config: Config,
    /// Variables with tokens that children inherit all the same.
    pub(super) passed: Vec<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Http,
    Stdio,
    File,
    Warm,
    Worker,
    #[cfg(feature = "kernel")]
    Kernel,
}

/// The modes by name.
const MODES: &[(&str, Mode)] = &[
    ("HTTP", Mode::Http),
    ("STDIO", Mode::Stdio),
    ("FILE", Mode::File),
    ("WARM", Mode::Warm),
    ("WORKER", Mode::Worker),
    #[cfg(feature = "kernel")]
    ("KERNEL", Mode::Kernel),
];

impl Mode {
    /// Whether it serves calls where nothing is said of that and no call is in the environment.
    fn is_kept(self) -> bool {
        #[cfg(feature = "kernel")]
        if self == Self::Kernel {
            return true;
        }
        self == Self::Worker
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            ready_timeout: Duration::from_secs(10),
            grace: Duration::from_secs(1),
            crash_limit: 5,
            max_invocations: 0,
            probe_interval: Duration::from_secs(5),
        }
    }
}

impl Settings {
    /// Reads the environment; `command` stands in the place of `WATCHDOG_CMD`.
    pub(super) fn read(
        get: &dyn Fn(&str) -> Option<OsString>,
        command: Option<CommandLine>,
    ) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(get, TABLES);
        let mode = mode(&mut reader);
        // Who wrote something there did not mean one call.
        let is_asked = reader.flag("WARM").unwrap_or(true);
        let is_once = ["EXECUTION_ID", "CALLBACK_URL"].iter().all(|name| reader.text(name).is_some());
        let is_kept = mode.is_kept() && reader.text("WARM").is_none() && !is_once;
        let is_warm = is_asked || mode == Mode::Warm || is_kept;
        let mut config = Config::read_from(&mut reader, "WARM_PORT");
        let passed = passed(&mut reader);
        #[cfg(feature = "kernel")]
        if mode == Mode::Kernel {
            return Self::kernel(reader, command, config, passed, is_warm);
        }
        let launched = (mode == Mode::Worker).then(|| worker::launched(&mut reader, command.clone()));
        let command = match &launched {
            Some(launched) => launched.as_ref().map(|launched| CommandLine::clone(&launched.command)),
            None => command.or_else(|| command_of(&mut reader)),
        };
        let grace = reader.milliseconds("WATCHDOG_KILL_GRACE_MS", 0);
        if mode != Mode::Stdio && reader.number("WATCHDOG_PRESPAWN", 0..=1_024) > 0 {
            reader.complain("WATCHDOG_PRESPAWN is for EXECUTION_MODE=STDIO: unset one of them".to_owned());
        }
        if mode != Mode::Stdio && reader.flag("WATCHDOG_EARLY_REPLY") == Some(true) {
            reader.complain("WATCHDOG_EARLY_REPLY is for EXECUTION_MODE=STDIO: unset one of them".to_owned());
        }
        let mode = match mode {
            Mode::Http | Mode::Warm => http::read(&mut reader, is_warm.then_some(config.port), grace),
            Mode::Worker => {
                let count = worker::count(&mut reader, &mut config);
                let rules = rules(&mut reader, grace);
                launched.flatten().map(|launched| child::Mode::Worker { launched, count, rules })
            }
            Mode::Stdio => Some(child::Mode::PerCall(per_call::stdio(&mut reader))),
            Mode::File => Some(per_call::file(&mut reader, config.max_concurrent_handlers)),
            #[cfg(feature = "kernel")]
            Mode::Kernel => unreachable!("it was read above"),
        };
        calls(&mut reader, &mut config, is_warm);
        reader.finish(())?;
        match (command, mode) {
            (Some(command), Some(mode)) => Ok(Self { child: Child::of(command, mode, grace), config, passed }),
            _ => unreachable!("what is missing is a mistake"),
        }
    }
}

/// How calls come: one after the other, or the one of the environment.
fn calls(reader: &mut Reader<'_>, config: &mut Config, is_warm: bool) {
    config.max_queued_invocations = reader.number("WATCHDOG_QUEUE", 0..=1_000_000);
    let idle = reader.milliseconds("WARM_IDLE_TIMEOUT_MS", 0);
    if is_warm {
        config.idle_timeout = (!idle.is_zero()).then_some(idle);
        // What a control plane sets for a one-shot does not make a server one.
        config.invocation_payload = None;
    } else {
        one_shot(reader, config);
    }
}

/// Which variables with tokens children inherit all the same.
fn passed(reader: &mut Reader<'_>) -> Vec<&'static str> {
    let find = |entry: &str| SECRETS.into_iter().find(|name| *name == entry);
    let read = |list: &str| {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(find).collect()
    };
    let expected = format!("expected a list of {}: all others are inherited or set anyway", SECRETS.join(", "));
    reader.parse("WATCHDOG_PASS_ENV", &expected, read).unwrap_or_default()
}

/// Where a watchdog of this environment listens.
pub(super) fn port(reader: &mut Reader<'_>) -> u16 {
    #[cfg(feature = "kernel")]
    if mode(reader) == Mode::Kernel {
        let api = super::kernel::Api::read(reader);
        return super::kernel::port(reader, api).0;
    }
    reader.number("WARM_PORT", 0..=u16::MAX)
}

/// What holds for every kept child. One that speaks through pipes is never asked for its health.
fn rules(reader: &mut Reader<'_>, grace: Duration) -> Rules {
    Rules {
        ready_timeout: reader.milliseconds("READY_TIMEOUT_MS", 1),
        grace,
        crash_limit: reader.number("WATCHDOG_CRASH_LIMIT", 0..=1_000_000),
        max_invocations: reader.number("WARM_MAX_INVOCATIONS", 0..=u64::MAX),
        probe_interval: Duration::ZERO,
    }
}

fn mode(reader: &mut Reader<'_>) -> Mode {
    let find = |text: &str| MODES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, mode)| *mode);
    let asked = reader.text("EXECUTION_MODE").unwrap_or_default();
    let names: Vec<_> = MODES.iter().map(|(name, _)| *name).collect();
    let (last, others) = names.split_last().unwrap_or_else(|| unreachable!("there are modes"));
    let expected = format!("expected {} or {last}", others.join(", "));
    let expected = match asked.to_ascii_uppercase().as_str() {
        "KERNEL" => format!("this build does not have it (feature `kernel`): {expected}"),
        _ => expected,
    };
    reader.parse("EXECUTION_MODE", &expected, find).unwrap_or(Mode::Http)
}

fn command_of(reader: &mut Reader<'_>) -> Option<CommandLine> {
    let Some(text) = reader.text("WATCHDOG_CMD") else {
        reader.complain("WATCHDOG_CMD is not set: name the program to run, such as `python3 handler.py`".to_owned());
        return None;
    };
    match CommandLine::parse(&text) {
        Ok(command) => Some(command),
        Err(reason) => {
            reader.mistake("WATCHDOG_CMD", &text, &reason);
            None
        }
    }
}

/// What one call needs that comes from the environment alone.
fn one_shot(reader: &mut Reader<'_>, config: &mut Config) {
    let missing: Vec<_> =
        ["EXECUTION_ID", "CALLBACK_URL"].into_iter().filter(|name| reader.text(name).is_none()).collect();
    if !missing.is_empty() {
        let missing = missing.join(" and ");
        reader.complain(format!(
            "{missing} not set: set WARM=true to serve calls, or EXECUTION_ID and CALLBACK_URL to run one and end"
        ));
    }
    let payload = config.invocation_payload.get_or_insert_with(|| "null".to_owned());
    if let Err(error) = check_json(payload.as_bytes()) {
        reader.complain(format!("INVOCATION_PAYLOAD is not JSON: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        Settings::read(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()), None)
    }

    #[test]
    fn a_warm_watchdog_has_the_documented_defaults() {
        let settings = read(&[("WARM", "true"), ("WATCHDOG_CMD", "child"), ("PORT", "not read")]).unwrap();
        let config = settings.config;
        assert_eq!((config.port, config.max_concurrent_handlers, config.max_queued_invocations), (8080, 1, 64));
        assert_eq!(config.idle_timeout, Some(Duration::from_secs(300)));
        assert_eq!(config.invocation_payload, None);
    }

    #[test]
    fn the_defaults_of_the_table_are_those_of_the_code() {
        let settings = read(&[("EXECUTION_MODE", "warm"), ("WATCHDOG_CMD", "child")]).unwrap();
        let expected = Child::http("child", "http://127.0.0.1:8081/invoke").unwrap();
        assert_eq!(format!("{:?}", settings.child), format!("{expected:?}"));
    }

    #[test]
    fn a_one_shot_has_null_as_its_payload() {
        let once = [("WATCHDOG_CMD", "child"), ("EXECUTION_ID", "e"), ("CALLBACK_URL", "http://cp")];
        assert_eq!(read(&once).unwrap().config.invocation_payload.as_deref(), Some("null"));
    }

    #[test]
    fn every_mistake_is_listed() {
        for (variables, parts) in [
            (
                &[("EXECUTION_MODE", "grpc")][..],
                &[
                    "EXECUTION_MODE is \"grpc\": expected HTTP",
                    "WATCHDOG_CMD is not set",
                    "EXECUTION_ID and CALLBACK_URL not set: set WARM=true",
                ][..],
            ),
            (
                &[("WATCHDOG_CMD", "'a"), ("EXECUTION_ID", "e"), ("INVOCATION_PAYLOAD", "{")],
                &["a quote is not closed", "CALLBACK_URL not set: set WARM=true", "INVOCATION_PAYLOAD is not JSON"],
            ),
            (&[("WATCHDOG_CMD", "a"), ("WARM", "yes!")], &["WARM is \"yes!\": expected true or false"]),
            (
                &[("WATCHDOG_CMD", "a"), ("WARM", "true"), ("RUNTIME_URL", "http://localhost:8080/x")],
                &["itself listens on port 8080"],
            ),
            (&[("WATCHDOG_CMD", "a"), ("WARM", "1"), ("HEALTH_URL", "x")], &["HEALTH_URL is \"x\""]),
            (
                &[
                    ("WATCHDOG_CMD", "a"),
                    ("WARM", "1"),
                    ("EXECUTION_MODE", "FILE"),
                    ("INPUT_FILE", "/x"),
                    ("NANOFAAS_MAX_CONCURRENT_HANDLERS", "2"),
                ],
                &["shared by all calls"],
            ),
        ] {
            let text = read(variables).unwrap_err().to_string();
            assert_eq!(text.lines().count(), parts.len(), "{text}");
            for part in parts {
                assert!(text.contains(part), "{part} is not in\n{text}");
            }
        }
    }
}
