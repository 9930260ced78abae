//! Fully static binaries.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Everything in one file.
const STATIC: &str = "-C target-feature=+crt-static";
/// The addresses to be set at the start in a tenth of their room: glibc reads this since 2.36.
const PACKED: &str = "-C link-arg=-Wl,-z,pack-relative-relocs";

/// Builds a package's binary of the same name for this machine, with everything in it.
pub(crate) fn build_static(package: &str) -> Result<PathBuf, String> {
    let host = host()?;
    let binary = build(package, &host, &format!("{STATIC} {PACKED}"))?;
    let starts = Command::new(&binary).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if starts.is_ok_and(|status| status.success()) {
        return Ok(binary);
    }
    eprintln!("the packed binary does not start with this machine's C library: building it once more, larger");
    build(package, &host, STATIC)
}

fn build(package: &str, host: &str, flags: &str) -> Result<PathBuf, String> {
    // With --target, flags do not reach procedural macros, which cannot be static.
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--package", package, "--target", host]).env("RUSTFLAGS", flags);
    let status = cargo.status().map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !status.success() {
        return Err(format!("{package} does not build"));
    }
    let binary = target_directory().join(host).join("release").join(package);
    if binary.exists() {
        return Ok(binary);
    }
    Err(format!("{package} has no binary of its name: build it, and name it with --binary"))
}

/// Where cargo builds.
pub(crate) fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from)
}

/// The triple of this machine.
fn host() -> Result<String, String> {
    let rustc = Command::new("rustc").arg("-vV").stderr(Stdio::inherit()).output();
    let rustc = rustc.map_err(|error| format!("rustc cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&rustc.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not say what machine this is".to_owned())
}
