//! `KERNEL_PACKAGES`: what pip installs before the first interpreter starts.

use std::sync::Arc;

use super::interpreter::{NotStarted, told};
use super::settings::Settings;
use crate::protocol::Code;
use crate::watchdog::process::{Launch, LineLog, Stdin, Tail, exit_code, spawn};

/// Installs the packages; pip's own words are in the log.
pub(super) async fn install(settings: &Settings) -> Result<(), NotStarted> {
    if settings.packages.is_empty() {
        return Ok(());
    }
    let packages = settings.packages.join(" ");
    tracing::info!(target: "nanofaas", packages, "installing (KERNEL_PACKAGES)");
    let options = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--"];
    let words = options.into_iter().chain(settings.packages.iter().map(String::as_str));
    let launch = Launch {
        command: Arc::new(settings.interpreter.clone().with_arguments(words)),
        environment: Vec::new(),
        stdin: Stdin::Empty,
        grace: settings.grace,
        keeps: Box::new(()),
    };
    let failed = |code, message, exit_code| NotStarted { code, message, exit_code };
    let mut pip = spawn(launch).await.map_err(|error| failed(Code::Spawn, error.message().to_owned(), 1))?;
    let tail = Tail::default();
    let (stdout, stderr) = (pip.stdout.take(), pip.stderr.take());
    let follow = |name, tail, stream| async move {
        if let Some(stream) = stream {
            LineLog::new(name, tail, || None).follow(stream).await;
        }
    };
    tokio::join!(follow("stdout", None, stdout), follow("stderr", Some(tail.clone()), stderr), pip.exited());
    let status = pip.finish().await;
    if matches!(&status, Ok(status) if status.success()) {
        return Ok(());
    }
    let code = status.as_ref().map_or(1, |status| exit_code(*status));
    let what = format!("pip could not install {packages} (KERNEL_PACKAGES): it {}", told(status));
    Err(failed(Code::Startup, tail.after(&what), code))
}
