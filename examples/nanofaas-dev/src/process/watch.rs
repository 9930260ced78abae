//! Looks when a program is ready, and when it ends.

use std::time::Duration;

use reqwest::Client;
use tokio::time::{Instant, sleep, timeout};

use super::{Condition, Process, Program};
use crate::console::{Console, Event};

/// How often a program that starts is asked for its health.
const PERIOD: Duration = Duration::from_millis(100);
/// How long one such answer may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// After which time it is first said what is waited for; then after twice that, and so on.
const REMINDER: Duration = Duration::from_secs(10);

/// Follows a process of this program from its start to its end.
pub(crate) async fn watch(program: &Program, process: &Process, client: &Client, console: &Console) {
    let how = tokio::select! {
        how = process.ended() => how,
        () = healthy(program, client, console) => {
            program.condition.send_replace(Condition::Ready);
            console.show(program.name(), &Event::Ready { url: &program.endpoint() });
            process.ended().await
        }
    };
    let is_missed = program.has_ended(&how);
    console.show(program.name(), &Event::Ended { how: &how, is_missed });
    process.note();
}

/// Waits for a 2xx of `/health`, which is what a control plane asks.
async fn healthy(program: &Program, client: &Client, console: &Console) {
    let url = format!("http://127.0.0.1:{}/health", program.port);
    let (start, mut reminder) = (Instant::now(), REMINDER);
    loop {
        let reason = match timeout(PATIENCE, client.get(&url).send()).await {
            Ok(Ok(answer)) if answer.status().is_success() => return,
            Ok(Ok(answer)) => format!("GET {url} is answered with {}", answer.status().as_u16()),
            Ok(Err(_)) => format!("nothing listens on its PORT {}", program.port),
            Err(_) => format!("GET {url} is not answered"),
        };
        if start.elapsed() >= reminder {
            console.show(program.name(), &Event::NotReady { reason: &reason });
            reminder *= 2;
        }
        sleep(PERIOD).await;
    }
}
