//! What the compiler says to a mistake, and that it accepts every form a handler may have.
//!
//! `ui/fail` has one likely mistake per file, named after it, and beside it the whole output of the
//! compiler: one error, at the word that is wrong, saying what to write. `ui/pass` has the accepted
//! forms. After a change, `TRYBUILD=overwrite cargo test -p nanofaas-tests --test ui` writes the
//! outputs again; read them before they are committed.

use std::env;
use std::process::Command;

/// The compiler that wrote the outputs: another one words its own part of them differently.
const WRITTEN_WITH: &str = "rustc 1.95.";

#[test]
fn every_mistake_has_its_message_and_every_form_compiles() {
    let compiler = compiler();
    if !compiler.starts_with(WRITTEN_WITH) {
        harness::skip(&format!("the expected messages are those of {WRITTEN_WITH}x, and this is {compiler}"));
        return;
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/fail/*.rs");
    cases.pass("ui/pass/*.rs");
}

fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("rustc can be run");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
