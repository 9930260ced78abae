//! A function process from start to end: init, serve, drain.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::app::{App, OnShutdown};
use crate::config::{Config, ConfigError};
use crate::context::States;
use crate::handler::StateMaker;
use crate::metrics::Metrics;
use crate::runtime::{Drained, Runtime};
use crate::server::{self, Server};
use crate::start_error::StartError;

/// How long open connections may take at least to finish once everything else has ended.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// An app whose configuration and state have been checked.
pub(crate) struct Service {
    pub(crate) server: Server,
    states: States,
    init: Option<StateMaker>,
    on_shutdown: Option<OnShutdown>,
}

impl Service {
    pub(crate) fn assemble(app: App) -> Result<Self, StartError> {
        let App { work, states, init, on_shutdown, config } = app;
        let config = match config {
            Some(config) => config,
            None => Config::from_env()?,
        };
        config.check().map_err(ConfigError::of)?;
        let provided = init.as_ref().map(|init| init.provides);
        let name = work.name();
        let missing = work.missing_states(|id| provided == Some(id) || states.contains(id));
        if !missing.is_empty() {
            return Err(StartError::MissingState { handler: name, types: missing });
        }
        let (executor, platform) = work.into_executor();
        let runtime = Runtime::new(executor, &config, Arc::<Metrics>::default());
        let name = config.function_name.clone().unwrap_or(name);
        let server = Server { runtime: Arc::new(runtime), config: Arc::new(config), function: name.into(), platform };
        Ok(Self { server, states, init, on_shutdown })
    }

    pub(crate) fn runtime(&self) -> &Arc<Runtime> {
        &self.server.runtime
    }

    pub(crate) fn config(&self) -> &Arc<Config> {
        &self.server.config
    }

    /// Opens the spool of callbacks, where one is configured.
    pub(crate) async fn open(&mut self) -> Result<(), StartError> {
        self.runtime().open(self.config(), None).await.map(drop)
    }

    /// Runs the init function, then lets invocations in.
    pub(crate) async fn initialise(&mut self) -> Result<(), StartError> {
        initialise(self.runtime().clone(), self.states.clone(), self.init.take()).await
    }

    /// Runs the app's own end, and ends what the executor kept.
    pub(crate) async fn end(&mut self) {
        if let Some(end) = self.on_shutdown.take()
            && tokio::time::timeout(self.config().shutdown_timeout, end()).await.is_err()
        {
            tracing::error!(target: "nanofaas", "on_shutdown took longer than NANOFAAS_SHUTDOWN_TIMEOUT and was cut off");
        }
        self.runtime().close().await;
    }

    /// For a server of somebody else's: init runs beside it.
    pub(crate) fn into_router(self) -> axum::Router {
        let router = self.server.router();
        let runtime = self.server.runtime;
        let config = self.server.config;
        if self.init.is_none() && !runtime.has_child() && config.callback_spool_dir.is_none() {
            runtime.ready(self.states);
        } else {
            tokio::spawn(async move {
                let opened = runtime.open(&config, None).await;
                let started = match opened {
                    Ok(_) => initialise(runtime, self.states, self.init).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = started {
                    tracing::error!(target: "nanofaas", %error, "the function never becomes ready");
                }
            });
        }
        router
    }
}

async fn initialise(runtime: Arc<Runtime>, mut states: States, init: Option<StateMaker>) -> Result<(), StartError> {
    if let Some(init) = init {
        let handle = tokio::runtime::Handle::current();
        // On a thread of its own: health checks are answered while it works, even if it blocks.
        let provided = tokio::task::spawn_blocking(move || {
            let run = AssertUnwindSafe(|| handle.block_on((init.run)()));
            std::panic::catch_unwind(run).map_err(|_| "it panicked".to_owned())?.map_err(|error| format!("{error:?}"))
        });
        let provide = provided.await.unwrap_or_else(|error| Err(error.to_string())).map_err(StartError::Init)?;
        provide(&mut states);
    }
    runtime.prepare().await?;
    runtime.ready(states);
    Ok(())
}

/// How a service ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    drained: Drained,
    /// The exit code with which the process asked to end by itself.
    by_itself: Option<u8>,
}

impl Ended {
    pub(crate) fn exit_code(self) -> u8 {
        let unclean = u8::from(!self.drained.is_clean());
        // A clean end of its own is none if something was lost over it.
        self.by_itself.map_or(unclean, |code| code.max(unclean))
    }
}

/// Serves until `shutdown` ends or the service ends by itself, then drains.
pub(crate) async fn serve(
    mut service: Service,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<Ended, StartError> {
    let config = Arc::clone(service.config());
    let runtime = Arc::clone(service.runtime());
    let (stop, stopped) = oneshot::channel::<()>();
    let address = listener.local_addr().map_err(StartError::System)?;
    let limits = server::Limits::of(&config, runtime.has_child());
    let accepting = tokio::spawn(server::serve(listener, service.server.router(), limits, async {
        // A dropped sender ends it as well.
        let _ = stopped.await;
    }));
    let mut shutdown = std::pin::pin!(shutdown);
    let started = tokio::select! {
        initialised = service.initialise() => initialised.map(|()| true),
        () = shutdown.as_mut() => Ok(false),
    };
    if started.is_err() {
        accepting.abort();
        runtime.close().await;
    }
    let mut by_itself = None;
    if started? {
        let init = runtime.lifecycle.init_duration().unwrap_or_default();
        let init_ms = u64::try_from(init.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(target: "nanofaas", function = %service.server.function, %address, init_ms, "ready");
        by_itself = tokio::select! {
            () = shutdown => None,
            code = runtime.ended() => Some(code),
        };
    }
    tracing::info!(target: "nanofaas", "stopping: no new work, what runs is brought to its end");
    let end = Instant::now() + config.shutdown_timeout;
    let drained = runtime.drain(config.shutdown_timeout).await;
    drop(stop);
    // Requests that are still being sent get their answer, if they are done in time.
    let _ = tokio::time::timeout_at(end.max(Instant::now() + LAST_ANSWERS), accepting).await;
    service.end().await;
    tracing::info!(target: "nanofaas", "stopped");
    Ok(Ended { drained, by_itself })
}
