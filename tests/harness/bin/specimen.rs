//! Handlers and an init that the examples have no use for: `FUNCTION_HANDLER` chooses one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nanofaas::{Error, Result, State, json};

/// What init hands over.
#[derive(Clone, Debug)]
pub struct Started(String);

/// How often a gate is looked at.
const LOOK: Duration = Duration::from_millis(2);

fn entered(gate: &Path) -> Result<()> {
    std::fs::write(gate.with_extension("entered"), "")?;
    Ok(())
}

/// Returns once a file of this name exists, and says with a file `.entered` that it runs.
#[nanofaas::handler]
async fn gate(path: PathBuf) -> Result {
    entered(&path)?;
    while !path.exists() {
        tokio::time::sleep(LOOK).await;
    }
    Ok(json!("through"))
}

/// The same on a thread that it blocks.
#[nanofaas::handler]
#[expect(clippy::needless_pass_by_value, reason = "a handler owns its input")]
fn gate_blocking(path: PathBuf) -> Result {
    entered(&path)?;
    while !path.exists() {
        std::thread::sleep(LOOK);
    }
    Ok(json!("through"))
}

/// The same without ever yielding.
#[nanofaas::handler]
async fn gate_spinning(path: PathBuf) -> Result {
    entered(&path)?;
    while !path.exists() {
        std::hint::spin_loop();
    }
    Ok(json!("through"))
}

/// Returns nothing.
#[nanofaas::handler]
async fn nothing() -> Result<()> {
    Ok(())
}

/// Returns what JSON cannot hold.
#[nanofaas::handler]
async fn unwritable() -> Result<BTreeMap<(u8, u8), u8>> {
    Ok(BTreeMap::from([((1, 2), 3)]))
}

/// Answers with what init made.
#[nanofaas::handler]
async fn started(State(started): State<Started>) -> Result<String> {
    Ok(started.0)
}

/// Panics on a thread of its own.
#[nanofaas::handler]
fn panic_blocking() -> Result {
    panic!("on purpose")
}

/// `INIT_GATE` holds it up until a file of this name exists; the file's text decides what happens.
async fn init() -> Result<Started> {
    let Ok(gate) = std::env::var("INIT_GATE") else { return Ok(Started("at once".to_owned())) };
    let gate = PathBuf::from(gate);
    entered(&gate)?;
    while !gate.exists() {
        tokio::time::sleep(LOOK).await;
    }
    match std::fs::read_to_string(&gate)?.as_str() {
        "fail" => Err(Error::msg("no database")),
        "panic" => panic!("init on purpose"),
        _ => Ok(Started("through the gate".to_owned())),
    }
}

nanofaas::main!(init = init);
