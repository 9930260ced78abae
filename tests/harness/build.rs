//! Finds the examples' binaries.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The directory of the workspace.
///
/// # Panics
///
/// Never: the tests are a member of it.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the workspace")
}

/// The binary of an example, a child or the watchdog, built with the profile of this test.
///
/// # Panics
///
/// Where it cannot be built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    // Once, also where it fails: it would again.
    static DIRECTORY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        // The test itself is {target}/{profile}/deps/{test}.
        let test = std::env::current_exe().expect("the test's own path");
        let directory = test.ancestors().nth(2).expect("a profile's directory").to_owned();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(workspace()).args(["build", "--quiet", "--workspace", "--bins", "--target-dir"]);
        cargo.arg(directory.parent().expect("a target directory"));
        if directory.ends_with("release") {
            cargo.arg("--release");
        }
        cargo.status().expect("cargo").success().then_some(directory)
    });
    directory.as_ref().expect("binaries that build").join(name)
}
