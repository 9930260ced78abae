//! The table of variables; `docs/configuration.md` shows the same one.

/// One environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its default; empty where it has none.
    pub default: &'static str,
    /// The unit of its value; empty where it has none.
    pub unit: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// One row of a table.
pub(crate) const fn variable(
    name: &'static str,
    default: &'static str,
    unit: &'static str,
    meaning: &'static str,
) -> Variable {
    Variable { name, default, unit, meaning }
}

/// Every variable that a function process reads.
pub const VARIABLES: &[Variable] = &[
    variable("PORT", "8080", "port", "where the server listens; 0 takes a free port"),
    variable(
        "FUNCTION_NAME",
        "",
        "",
        "how metrics call the function; else the handler's name, or the program's of a watchdog",
    ),
    variable("FUNCTION_HANDLER", "", "", "which handler to serve in a binary that has several"),
    variable("TIMEOUT_MS", "30000", "ms", "when a running invocation is answered with `TIMEOUT`"),
    variable("EXECUTION_ID", "", "", "used where a request has no `X-Execution-Id`"),
    variable("TRACE_ID", "", "", "used where a request has no `X-Trace-Id`"),
    variable("CALLBACK_URL", "", "URL", "used where a request has no `X-Callback-Url`"),
    variable("INVOCATION_PAYLOAD", "", "JSON", "one-shot: run this request body once, call back and exit"),
    variable("NANOFAAS_MAX_CONCURRENT_HANDLERS", "32", "invocations", "how many run at once, before 429"),
    variable("NANOFAAS_MAX_INPUT_BYTES", "1048576", "bytes", "how large a request body may be, before 413"),
    variable("NANOFAAS_MAX_OUTPUT_BYTES", "1048576", "bytes", "how large an output may be as JSON"),
    variable("NANOFAAS_MAX_PENDING_CALLBACKS", "128", "callbacks", "how many may be undelivered at once, before 429"),
    variable(
        "NANOFAAS_MAX_CONNECTIONS",
        "10000",
        "connections",
        "how many may be open, before those that are idle longest give way",
    ),
    variable("NANOFAAS_BODY_READ_TIMEOUT", "5000", "ms", "time for a request's headers, and again for its body"),
    variable("NANOFAAS_CALLBACK_ATTEMPT_TIMEOUT", "10000", "ms", "time for one attempt to deliver a callback"),
    variable(
        "NANOFAAS_CALLBACK_MAX_ATTEMPTS",
        "3",
        "attempts",
        "attempts before a callback is given up; without a limit where there is a spool",
    ),
    variable(
        "NANOFAAS_CALLBACK_SPOOL_DIR",
        "",
        "directory",
        "callbacks are on disk before their answer leaves, and survive the process",
    ),
    variable(
        "NANOFAAS_CALLBACK_SPOOL_TTL",
        "86400000",
        "ms",
        "when an undelivered callback of the spool is a dead letter",
    ),
    variable(
        "NANOFAAS_CALLBACK_ALLOW",
        "",
        "hosts",
        "the only hosts that are called back: `cp, *.svc.local, 10.0.0.7:8080`",
    ),
    variable(
        "NANOFAAS_INVOKE_TOKEN",
        "",
        "token",
        "what a request has to carry as `Authorization: Bearer <token>`; without it everybody may call",
    ),
    variable("NANOFAAS_INVOKE_TOKEN_FILE", "", "path", "a file that holds this token instead, read once at the start"),
    variable(
        "NANOFAAS_CALLBACK_TOKEN",
        "",
        "token",
        "what callbacks carry, to the hosts of `NANOFAAS_CALLBACK_ALLOW`, without which it is refused",
    ),
    variable(
        "NANOFAAS_CALLBACK_TOKEN_FILE",
        "",
        "path",
        "a file that holds this token instead, read once at the start",
    ),
    variable(
        "SSL_CERT_FILE",
        "",
        "path",
        "feature `https`: a PEM file with the authorities to trust in the place of the system's",
    ),
    variable("NANOFAAS_SHUTDOWN_TIMEOUT", "5000", "ms", "time for running work and callbacks after SIGTERM or SIGINT"),
    variable("NANOFAAS_WORKER_THREADS", "1", "threads", "threads of the event loop, beside the one in reserve"),
    variable("RUST_LOG", "info", "", "what is logged, such as `warn` or `info,my_crate=debug`"),
];
