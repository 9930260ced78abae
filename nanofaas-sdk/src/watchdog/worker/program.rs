//! A worker as a program that is kept.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use tokio::sync::Mutex;

use super::connection::Connection;
use super::launcher::Launched;
use crate::executor::BoxFuture;
use crate::watchdog::command_line::CommandLine;
use crate::watchdog::process::Stdin;
use crate::watchdog::warm::Program;

/// Bytes of a first line.
const LONGEST_ACK: usize = 64 * 1024;

/// One worker, whichever process it is at the moment.
pub(super) struct Worker {
    launched: Launched,
    /// There while no call uses it.
    connection: Arc<Mutex<Option<Connection>>>,
    has_acknowledged: AtomicBool,
}

impl Worker {
    pub(super) fn new(launched: Launched) -> Self {
        Self { launched, connection: Arc::default(), has_acknowledged: AtomicBool::new(false) }
    }

    /// Takes the connection for a call; `None` where another call has lost it.
    pub(super) async fn connection(&self) -> Option<Connection> {
        self.connection.lock().await.take()
    }

    pub(super) async fn put_back(&self, connection: Connection) {
        *self.connection.lock().await = Some(connection);
    }
}

#[derive(Deserialize)]
struct Ack {
    ok: bool,
}

impl Program for Worker {
    fn command(&self) -> &Arc<CommandLine> {
        &self.launched.command
    }

    fn environment(&self) -> Vec<(&'static str, Option<OsString>)> {
        self.launched.environment()
    }

    fn connect(&self) -> io::Result<Stdin> {
        let (connection, stdin) = Connection::new()?;
        self.has_acknowledged.store(!self.launched.acknowledges, Ordering::Relaxed);
        match self.connection.try_lock() {
            Ok(mut place) => *place = Some(connection),
            Err(_) => return Err(io::ErrorKind::ResourceBusy.into()),
        }
        Ok(stdin)
    }

    fn outlives_calls(&self) -> bool {
        false
    }

    fn is_replaced_at_once(&self) -> bool {
        true
    }

    fn check_free(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Waits for the first line, where there is to be one.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            if self.has_acknowledged.load(Ordering::Relaxed) {
                return Ok(());
            }
            let mut place = self.connection.lock().await;
            let Some(connection) = place.as_mut() else { return Err("its connection is gone".to_owned()) };
            let Ok(line) = connection.line(LONGEST_ACK).await else {
                // Its end is told by the process.
                return std::future::pending().await;
            };
            match serde_json::from_slice(&line) {
                Ok(Ack { ok: true }) => {
                    self.has_acknowledged.store(true, Ordering::Relaxed);
                    Ok(())
                }
                _ => Err(format!("it said {}", String::from_utf8_lossy(&line))),
            }
        })
    }

    fn question(&self) -> String {
        "waiting for {\"ok\":true} on fd 3 (OW_WAIT_FOR_ACK)".to_owned()
    }
}
