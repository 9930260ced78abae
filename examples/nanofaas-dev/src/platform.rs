//! What all parts share.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, redirect};

use crate::console::Console;
use crate::executions::Executions;
use crate::functions::{Function, Functions};
use crate::process;

/// The control plane.
pub(crate) struct Platform {
    pub(crate) console: Console,
    /// Where it listens itself.
    pub(crate) port: u16,
    pub(crate) functions: Functions,
    pub(crate) executions: Executions,
    /// Calls functions.
    pub(crate) client: Client,
}

impl Platform {
    pub(crate) fn new(console: Console, port: u16) -> reqwest::Result<Self> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .pool_idle_timeout(Duration::from_secs(10))
            .user_agent(concat!("nanofaas-dev/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let (functions, executions) = (Functions::default(), Executions::default());
        Ok(Self { console, port, functions, executions, client })
    }

    /// Starts a function's program, if it has one and it does not run.
    pub(crate) fn start(&self, function: &Arc<Function>) -> Result<(), String> {
        let Some(program) = &function.program else { return Ok(()) };
        let Some(process) = program.start(&self.console)? else { return Ok(()) };
        let (function, client, console) = (Arc::clone(function), self.client.clone(), self.console.clone());
        tokio::spawn(async move {
            if let Some(program) = &function.program {
                process::watch(program, &process, &client, &console).await;
            }
        });
        Ok(())
    }
}
