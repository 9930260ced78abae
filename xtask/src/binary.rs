//! Fully static binaries.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Builds a package's binary of the same name for this machine, with everything in it.
pub(crate) fn build_static(package: &str) -> Result<PathBuf, String> {
    let host = host()?;
    // With --target, flags do not reach procedural macros, which cannot be static.
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--package", package, "--target", &host]);
    if package == "nanofaas-sdk" || package == "nanofaas-watchdog" {
        return Err("the watchdog is built with `--features watchdog`: give its binary with --binary".to_owned());
    }
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static");
    let status = cargo.status().map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !status.success() {
        return Err(format!("{package} does not build"));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let binary = target.join(host).join("release").join(package);
    if binary.exists() { Ok(binary) } else { Err(format!("{package} has no binary of its name")) }
}

/// The triple of this machine.
fn host() -> Result<String, String> {
    let rustc = Command::new("rustc").arg("-vV").stderr(Stdio::inherit()).output();
    let rustc = rustc.map_err(|error| format!("rustc cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&rustc.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not say what machine this is".to_owned())
}
