//! The environment of a function process: read once, checked as a whole.

mod reader;
mod variables;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::callback::Policy;
use crate::secret::Secret;
pub(crate) use reader::Reader;
#[cfg(feature = "watchdog")]
pub(crate) use variables::variable;
pub use variables::{VARIABLES, Variable};

/// Everything that can be set from outside, checked.
///
/// [`Config::from_env`] reads it from the environment; [`Config::default`] has the defaults. The
/// variables, their units and defaults are in [`VARIABLES`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// `PORT`: where the server listens; 0 takes a free port.
    pub port: u16,
    /// `FUNCTION_NAME`: how metrics call the function; the handler's name where it is not set.
    pub function_name: Option<String>,
    /// `FUNCTION_HANDLER`: which handler to serve where there are several.
    pub handler: Option<String>,
    /// `TIMEOUT_MS`: when a running invocation is answered with `TIMEOUT`.
    pub timeout: Duration,
    /// `EXECUTION_ID`: used where a request has no `X-Execution-Id`.
    pub execution_id: Option<String>,
    /// `TRACE_ID`: used where a request has no `X-Trace-Id`.
    pub trace_id: Option<String>,
    /// `CALLBACK_URL`: used where a request has no `X-Callback-Url`.
    pub callback_url: Option<String>,
    /// `INVOCATION_PAYLOAD`: run this one request and exit.
    pub invocation_payload: Option<String>,
    /// `NANOFAAS_MAX_CONCURRENT_HANDLERS`: invocations at once, before 429.
    pub max_concurrent_handlers: usize,
    /// `NANOFAAS_MAX_INPUT_BYTES`: bytes of a request body.
    pub max_input_bytes: usize,
    /// `NANOFAAS_MAX_OUTPUT_BYTES`: bytes of an output as JSON.
    pub max_output_bytes: usize,
    /// `NANOFAAS_MAX_PENDING_CALLBACKS`: callbacks that are not delivered yet, before 429.
    pub max_pending_callbacks: usize,
    /// `NANOFAAS_MAX_CONNECTIONS`: open connections, before those that are idle longest give way.
    pub max_connections: usize,
    /// `NANOFAAS_BODY_READ_TIMEOUT`: time for the request's headers, and again for its body.
    pub body_read_timeout: Duration,
    /// `NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT`: time for one attempt to deliver a callback.
    pub callback_attempt_timeout: Duration,
    /// `NANOFAAS_CALLBACK_MAX_ATTEMPTS`: attempts before a callback is given up.
    pub callback_max_attempts: u32,
    /// `NANOFAAS_CALLBACK_SPOOL_DIR`: where callbacks are kept until they are delivered; in memory
    /// alone where it is not set.
    pub callback_spool_dir: Option<PathBuf>,
    /// `NANOFAAS_CALLBACK_SPOOL_TTL`: when an undelivered callback of the spool is a dead letter.
    pub callback_spool_ttl: Duration,
    /// `NANOFAAS_INVOKE_TOKEN`: what every request but those for health, readiness and metrics has to carry.
    pub invoke_token: Option<Secret>,
    /// `NANOFAAS_CALLBACK_TOKEN`: what callbacks carry; it needs [`allow_callbacks_to`](Self::allow_callbacks_to).
    pub callback_token: Option<Secret>,
    /// `NANOFAAS_SHUTDOWN_TIMEOUT`: time for running work and callbacks after SIGTERM.
    pub shutdown_timeout: Duration,
    /// `NANOFAAS_WORKER_THREADS`: threads of the event loop, beside the one in reserve.
    pub worker_threads: usize,
    pub(crate) callback_policy: Policy,
    /// The variable that `port` is from.
    pub(crate) port_variable: &'static str,
    /// `WATCHDOG_QUEUE`: invocations that may wait for a slot; a function's own wait for none.
    pub(crate) max_queued_invocations: usize,
    /// `WARM_IDLE_TIMEOUT_MS`: how long without an invocation before the process ends.
    pub(crate) idle_timeout: Option<Duration>,
}

/// The defaults.
impl Default for Config {
    fn default() -> Self {
        // An empty environment has no mistakes: a unit test says so.
        Self::read(&|_| None).unwrap_or_else(|mistakes| unreachable!("{mistakes}"))
    }
}

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    ///
    /// Every variable that cannot be used, all at once.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(&|name| std::env::var_os(name))
    }

    /// Takes this list of hosts as `NANOFAAS_CALLBACK_ALLOW`: no other one is called back.
    ///
    /// # Errors
    ///
    /// Where an entry is not a host.
    pub fn allow_callbacks_to(&mut self, hosts: &str) -> Result<(), ConfigError> {
        let wrong = |entry| ConfigError::of(format!("`{entry}` in the list of hosts for callbacks is not a host"));
        self.callback_policy = Policy::parse(hosts).map_err(wrong)?;
        Ok(())
    }

    /// What is wrong with values that are each right.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.callback_token.is_some() && !self.callback_policy.is_narrow() {
            return Err(
                "NANOFAAS_CALLBACK_TOKEN is only sent to hosts of a list, and there is none: name those of the \
                        control plane in NANOFAAS_CALLBACK_ALLOW"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Where this machine's server listens. Nothing else is read: a health check does without tokens.
    pub(crate) fn port_from_env() -> Result<u16, ConfigError> {
        let get = |name: &str| std::env::var_os(name);
        let mut reader = Reader::new(&get, &[VARIABLES]);
        let port = reader.number("PORT", 0..=u16::MAX);
        reader.finish(port)
    }

    /// Reads variables from anywhere; a blank value is the same as none.
    pub(crate) fn read(get: &dyn Fn(&str) -> Option<std::ffi::OsString>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(get, &[VARIABLES]);
        let config = Self::read_from(&mut reader, "PORT");
        if config.invocation_payload.is_some() {
            for name in ["EXECUTION_ID", "CALLBACK_URL"] {
                reader.required(name, "with INVOCATION_PAYLOAD it is needed");
            }
        }
        reader.finish(config)
    }

    /// Reads what all executors have in common; `port` is the variable with the server's port.
    pub(crate) fn read_from(reader: &mut Reader<'_>, port: &'static str) -> Self {
        let callback_policy = reader.callback_policy("NANOFAAS_CALLBACK_ALLOW");
        #[cfg(feature = "https")]
        reader.authorities("SSL_CERT_FILE");
        let config = Self {
            port: reader.number(port, 0..=u16::MAX),
            function_name: reader.text("FUNCTION_NAME"),
            handler: reader.text("FUNCTION_HANDLER"),
            timeout: reader.milliseconds("TIMEOUT_MS", 1),
            execution_id: reader.text("EXECUTION_ID"),
            trace_id: reader.text("TRACE_ID"),
            callback_url: reader.callback_url("CALLBACK_URL", &callback_policy),
            invocation_payload: reader.text("INVOCATION_PAYLOAD"),
            max_concurrent_handlers: reader.number("NANOFAAS_MAX_CONCURRENT_HANDLERS", 1..=65_536),
            max_input_bytes: reader.number("NANOFAAS_MAX_INPUT_BYTES", 1..=1 << 30),
            max_output_bytes: reader.number("NANOFAAS_MAX_OUTPUT_BYTES", 1..=1 << 30),
            max_pending_callbacks: reader.number("NANOFAAS_MAX_PENDING_CALLBACKS", 1..=1_000_000),
            max_connections: reader.number("NANOFAAS_MAX_CONNECTIONS", 1..=1_000_000),
            body_read_timeout: reader.milliseconds("NANOFAAS_BODY_READ_TIMEOUT", 1),
            callback_attempt_timeout: reader.milliseconds("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", 1),
            callback_max_attempts: reader.number("NANOFAAS_CALLBACK_MAX_ATTEMPTS", 1..=1_000),
            callback_spool_dir: reader.text("NANOFAAS_CALLBACK_SPOOL_DIR").map(PathBuf::from),
            callback_spool_ttl: reader.milliseconds("NANOFAAS_CALLBACK_SPOOL_TTL", 1),
            invoke_token: reader.secret("NANOFAAS_INVOKE_TOKEN"),
            callback_token: reader.secret("NANOFAAS_CALLBACK_TOKEN"),
            shutdown_timeout: reader.milliseconds("NANOFAAS_SHUTDOWN_TIMEOUT", 0),
            worker_threads: reader.number("NANOFAAS_WORKER_THREADS", 1..=1_024),
            callback_policy,
            port_variable: port,
            max_queued_invocations: 0,
            idle_timeout: None,
        };
        if let Err(mistake) = config.check() {
            reader.complain(mistake);
        }
        config
    }
}

/// Everything that is wrong with the environment, one line each: the variable, its value, and what
/// is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    mistakes: Vec<String>,
}

impl ConfigError {
    pub(crate) fn of(mistake: String) -> Self {
        Self { mistakes: vec![mistake] }
    }

    pub(crate) fn and(mut self, mistake: String) -> Self {
        self.mistakes.push(mistake);
        self
    }

    /// The mistakes, one line each.
    #[must_use]
    pub fn mistakes(&self) -> &[String] {
        &self.mistakes
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.mistakes.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn an_empty_environment_gives_the_documented_defaults() {
        let config = Config::default();
        assert_eq!((config.port, config.max_concurrent_handlers, config.max_pending_callbacks), (8080, 32, 128));
        assert_eq!((config.max_input_bytes, config.max_output_bytes), (1 << 20, 1 << 20));
        assert_eq!(config.timeout, Duration::from_secs(30));
        assert_eq!(config.shutdown_timeout, Duration::from_secs(5));
    }

    #[test]
    fn values_are_trimmed_and_blank_is_absent() {
        let config = read(&[("PORT", " 9000 "), ("EXECUTION_ID", "  "), ("TRACE_ID", " t ")]).unwrap();
        assert_eq!((config.port, config.execution_id, config.trace_id.as_deref()), (9000, None, Some("t")));
    }

    #[test]
    fn every_mistake_is_listed_with_its_name_its_value_and_what_is_expected() {
        let error = read(&[
            ("PORT", "80a"),
            ("TIMEOUT_MS", "0"),
            ("NANOFAAS_MAX_INPUT_BYTES", "1MiB"),
            ("CALLBACK_URL", "ftp://cp"),
            ("NANOFAAS_CALLBACK_ALLOW", "http://cp"),
            ("NANOFAAS_CALLBACK_SPOOL_TTL", "1 day"),
        ])
        .unwrap_err();
        let text = error.to_string();
        assert_eq!(error.mistakes().len(), 6, "{text}");
        for part in [
            "PORT is \"80a\": expected a whole number from 0 to 65535",
            "TIMEOUT_MS is \"0\": expected a whole number of milliseconds from 1 to 31622400000",
            "NANOFAAS_MAX_INPUT_BYTES is \"1MiB\": expected a whole number from 1 to 1073741824",
            "CALLBACK_URL is \"ftp://cp\": its scheme is `ftp`",
            "NANOFAAS_CALLBACK_ALLOW is \"http://cp\"",
            "NANOFAAS_CALLBACK_SPOOL_TTL is \"1 day\": expected a whole number of milliseconds",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn a_one_shot_needs_an_execution_and_a_callback() {
        let error = read(&[("INVOCATION_PAYLOAD", "{}"), ("PORT", "x")]).unwrap_err().to_string();
        for part in ["EXECUTION_ID is not set", "CALLBACK_URL is not set", "PORT is"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
