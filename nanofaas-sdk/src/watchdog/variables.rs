//! The variables of the watchdog, as one table. The documentation's table is compared with it.

use crate::config::{Variable, variable};

/// Every variable that only the watchdog reads, or reads with a default of its own. Beside them it
/// reads those of [`VARIABLES`](crate::VARIABLES) except `PORT`, `FUNCTION_HANDLER` and
/// `NANOFAAS_WORKER_THREADS`.
pub const VARIABLES: &[Variable] = &[
    variable("WATCHDOG_CMD", "", "command", "the program and its arguments, split as a shell does; there is no shell"),
    variable(
        "EXECUTION_MODE",
        "HTTP",
        "",
        "how the program takes calls: `HTTP`, `STDIO`, `FILE`, `WARM`, which is `HTTP` kept warm, `WORKER` or `KERNEL`",
    ),
    variable("WARM", "false", "", "`true`: serve calls until told to stop; else run the one call of the environment"),
    variable("WARM_PORT", "8080", "port", "where the watchdog listens; 0 takes a free port"),
    variable(
        "WARM_IDLE_TIMEOUT_MS",
        "300000",
        "ms",
        "how long without a call before the watchdog ends with 0; 0 is never",
    ),
    variable(
        "WARM_MAX_INVOCATIONS",
        "0",
        "calls",
        "how many an HTTP child takes before it is replaced; 0 is any number",
    ),
    variable(
        "RUNTIME_URL",
        "http://127.0.0.1:8081/invoke",
        "URL",
        "where an HTTP child takes calls; one-shot: port 8080; port 0 takes a free one",
    ),
    variable(
        "HEALTH_URL",
        "",
        "URL",
        "where an HTTP child says that it is ready; `/health` beside `RUNTIME_URL` where it is not set",
    ),
    variable("READY_TIMEOUT_MS", "10000", "ms", "from the start of an HTTP child to its first 2xx at `HEALTH_URL`"),
    variable(
        "WATCHDOG_PRESPAWN",
        "0",
        "processes",
        "STDIO: how many children are started ahead and wait for their one call",
    ),
    variable(
        "WATCHDOG_PRESPAWN_ENV",
        "strict",
        "",
        "STDIO: `none` says that the program does without the ids of its call in the environment, which a waiting child cannot have",
    ),
    variable(
        "WATCHDOG_PRESPAWN_MAX_IDLE_MS",
        "300000",
        "ms",
        "STDIO: how long a child waits before another one takes its place; 0 is for ever",
    ),
    variable(
        "WATCHDOG_EARLY_REPLY",
        "false",
        "",
        "STDIO: whether the first complete JSON value is the answer, while the child still ends",
    ),
    variable(
        "INPUT_FILE",
        "",
        "path",
        "where a FILE child finds the request; in a private directory where it is not set",
    ),
    variable(
        "OUTPUT_FILE",
        "",
        "path",
        "where a FILE child leaves its answer; in a private directory where it is not set",
    ),
    variable(
        "HANDLER_MODULE",
        "",
        "file",
        "WORKER without `WATCHDOG_CMD`: the handler, such as `handler`, `handler.py`, `handler.mjs` or `package.handler`",
    ),
    variable("HANDLER_FUNCTION", "handle", "name", "WORKER: the function in it"),
    variable("HANDLER_INTERPRETER", "", "command", "WORKER: what runs it; `python3` or `node` where it is not set"),
    variable("WATCHDOG_WORKERS", "", "processes", "WORKER: how many; as many as calls may run at once"),
    variable("OW_WAIT_FOR_ACK", "false", "", "WORKER: whether the program's first line on fd 3 says that it is ready"),
    variable("NANOFAAS_MAX_CONCURRENT_HANDLERS", "1", "calls", "how many run at once"),
    variable("WATCHDOG_QUEUE", "64", "calls", "how many wait for their turn, before 429"),
    variable(
        "WATCHDOG_KILL_GRACE_MS",
        "1000",
        "ms",
        "between SIGTERM and SIGKILL; also how long a child that may hang has to answer",
    ),
    variable(
        "WATCHDOG_PASS_ENV",
        "",
        "list",
        "which of the variables with tokens, that children do not get, they do get: `NANOFAAS_CALLBACK_TOKEN_FILE`",
    ),
    variable(
        "WATCHDOG_CRASH_LIMIT",
        "5",
        "ends",
        "how often in a row an HTTP child may end by itself before the watchdog ends with its status; 0 is any number",
    ),
    variable(
        "WATCHDOG_HEALTH_INTERVAL_MS",
        "5000",
        "ms",
        "how often an idle HTTP child is asked for its health; 0 is never",
    ),
];

/// The variables of `EXECUTION_MODE=KERNEL`, beside [`VARIABLES`].
#[cfg(feature = "kernel")]
pub const KERNEL_VARIABLES: &[Variable] = &[
    variable(
        "KERNEL_API",
        "executor",
        "",
        "whose requests are answered beside `/invoke`: `executor` (port 8432), `flowfile` (port 9999) or `none`",
    ),
    variable(
        "KERNEL_SPEC",
        "",
        "name",
        "the kernelspec of an installed Jupyter kernel, in the place of the embedded Python (feature `jupyter`)",
    ),
    variable("EXECUTION_TIMEOUT", "", "s", "how long code may run; 3 with `executor`, else without limit, as 0 is"),
    variable(
        "WORKSPACE_FOLDER",
        "/code",
        "path",
        "`executor`: its `*.py` run before the first call and after each restart",
    ),
    variable("KERNEL_SESSIONS", "1", "sessions", "`executor`: how many there are, from 0 on"),
    variable(
        "KERNEL_MAX_SESSIONS",
        "20",
        "sessions",
        "flows and named sessions that are kept; the one unused for longest goes",
    ),
    variable(
        "KERNEL_SESSION_IDLE_TIMEOUT_MS",
        "0",
        "ms",
        "how long without a call before a session and its state end; 0 is never",
    ),
    variable(
        "KERNEL_SPARE",
        "",
        "processes",
        "interpreters that are started ahead; 0 with `executor`, else one for the first session, and one more once there are two",
    ),
    variable("KERNEL_QUEUE", "64", "calls", "how many wait for their turn in one session, before 429"),
    variable(
        "KERNEL_OUTPUT_LIMIT_BYTES",
        "10485760",
        "bytes",
        "of stdout, stderr and what is shown, each, per call; the rest is discarded and said so",
    ),
    variable("KERNEL_MEMORY_LIMIT_BYTES", "0", "bytes", "address space of a session's process; 0 is any"),
    variable("KERNEL_PACKAGES", "", "list", "what pip installs before the first interpreter starts"),
];

/// Where the watchdog's defaults stand; the first table that has a variable counts.
pub(crate) const TABLES: &[&[Variable]] = &[
    VARIABLES,
    #[cfg(feature = "kernel")]
    KERNEL_VARIABLES,
    crate::VARIABLES,
];
