//! Variables of the watchdog that children do not inherit.

use std::sync::OnceLock;

/// A child would report the end a second time, or take itself for a one-shot.
const ALWAYS: [&str; 2] = ["CALLBACK_URL", "INVOCATION_PAYLOAD"];

/// What callers and the control plane know the watchdog by. Code that runs in a child is often somebody else's.
pub(crate) const SECRETS: [&str; 4] =
    ["NANOFAAS_INVOKE_TOKEN", "NANOFAAS_INVOKE_TOKEN_FILE", "NANOFAAS_CALLBACK_TOKEN", "NANOFAAS_CALLBACK_TOKEN_FILE"];

/// One for the process, as its environment is.
static PASSED: OnceLock<Vec<&'static str>> = OnceLock::new();

/// Lets children inherit these of [`SECRETS`]; the first call counts.
pub(crate) fn pass(names: Vec<&'static str>) {
    let _ = PASSED.set(names);
}

/// What is taken from the environment of every child.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let is_passed = |name: &&str| PASSED.get().is_some_and(|passed| passed.contains(name));
    ALWAYS.into_iter().chain(SECRETS.into_iter().filter(move |name| !is_passed(name)))
}
