//! Why a function does not start.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::config::ConfigError;

/// Why a function does not start; the text says what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// Variables of the environment cannot be used.
    Config(ConfigError),
    /// The handler needs a state that was not given.
    MissingState {
        /// The handler.
        handler: String,
        /// The types.
        types: Vec<&'static str>,
    },
    /// The port cannot be listened on.
    Bind {
        /// The variable that chooses the port.
        variable: &'static str,
        /// The port.
        port: u16,
        /// The system's answer.
        error: io::Error,
    },
    /// The directory for callbacks cannot be used.
    Spool {
        /// The directory.
        directory: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// The init function failed.
    Init(String),
    /// The child process did not start, or did not become ready.
    Child {
        /// `SPAWN_ERROR` or `STARTUP_ERROR`.
        code: &'static str,
        /// What happened to which program.
        message: String,
        /// The child's own status, 128 and the signal's number, or 1.
        exit_code: u8,
    },
    /// The system refused threads, signals or the like.
    System(io::Error),
}

impl StartError {
    /// 64 for what has to be changed before a next start, 1 for what may pass.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::MissingState { .. } => 64,
            Self::Spool { error, .. } if !may_pass(error) => 64,
            Self::Bind { .. } | Self::Spool { .. } | Self::Init(_) | Self::System(_) => 1,
            Self::Child { exit_code, .. } => *exit_code,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(formatter),
            Self::MissingState { handler, types } => {
                let wanted: Vec<_> = types.iter().map(|name| format!("State<{name}>")).collect();
                write!(
                    formatter,
                    "the handler `{handler}` needs {}, which was not given: add `.state(..)` to the App, \
                     or return it from an init function: `nanofaas::main!(init = ..)`",
                    wanted.join(" and "),
                )
            }
            Self::Bind { variable, port, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(
                    formatter,
                    "port {port} is in use: choose another one with {variable}, or stop what listens there"
                )
            }
            Self::Bind { port, error, .. } => write!(formatter, "port {port} cannot be listened on: {error}"),
            Self::Spool { directory, error } => {
                write!(
                    formatter,
                    "callbacks cannot be kept in {} (NANOFAAS_CALLBACK_SPOOL_DIR): {error}: {}",
                    directory.display(),
                    advice(error)
                )
            }
            Self::Init(reason) => write!(formatter, "the init function failed: {reason}"),
            Self::Child { code, message, .. } => write!(formatter, "{message} ({code})"),
            Self::System(error) => write!(formatter, "the system refused what a server needs: {error}"),
        }
    }
}

/// Whether a disk that refuses now may do its work at a next start.
fn may_pass(error: &io::Error) -> bool {
    use io::ErrorKind::{
        AlreadyExists, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem,
        Unsupported,
    };
    !matches!(
        error.kind(),
        AlreadyExists
            | InvalidInput
            | IsADirectory
            | NotADirectory
            | NotFound
            | PermissionDenied
            | ReadOnlyFilesystem
            | Unsupported
    )
}

fn advice(error: &io::Error) -> &'static str {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        PermissionDenied => "let this user write there, or choose another directory",
        ReadOnlyFilesystem => "mount a volume that can be written to, or choose another directory",
        StorageFull | QuotaExceeded => {
            "make room for at least one output (NANOFAAS_MAX_OUTPUT_BYTES), or choose another directory"
        }
        _ => "choose a directory on a file system that keeps what is written and has locks",
    }
}

impl std::error::Error for StartError {}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
