//! Serves a function written in any language; see `nanofaas::watchdog`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nanofaas::watchdog::main()
}
