//! The plain API: a handler and what it needs, and three ways to serve it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::config::Config;
use crate::context::States;
use crate::event_loop::StallGuard;
use crate::handler::{Function, Handler, Init, StateMaker, find};
use crate::service::Service;
use crate::start_error::StartError;
#[cfg(feature = "watchdog")]
use crate::watchdog::Child;
use crate::work::Work;
use crate::{cli, service};

/// A function and what it needs, ready to be served.
///
/// ```no_run
/// use std::process::ExitCode;
/// use nanofaas::{App, Result};
///
/// async fn handle(name: String) -> Result<String> {
///     Ok(name.to_uppercase())
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> ExitCode {
///     App::new(handle).run().await
/// }
/// ```
///
/// [`run`](Self::run) is a whole program with its command line and signals, [`serve`](Self::serve)
/// leaves the listener and the end to the caller, [`router`](Self::router) goes into an axum server
/// that exists already.
pub struct App {
    pub(crate) work: Work,
    pub(crate) states: States,
    pub(crate) init: Option<StateMaker>,
    pub(crate) on_shutdown: Option<OnShutdown>,
    pub(crate) config: Option<Config>,
}

pub(crate) type OnShutdown = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

impl App {
    /// Serves `handler`: a `fn` or an `async fn` from an input to a `Result`.
    pub fn new<M, H: Handler<M>>(handler: H) -> Self {
        let path = std::any::type_name::<H>();
        let function = match find(path) {
            // The annotated function knows its own name and the schemas of its types.
            Some(registration) => Function::registered(registration),
            None => Function::new(plain_name(path), handler.into_body(), H::requirements),
        };
        Self::of(function)
    }

    /// Serves a child process in the place of a Rust function.
    ///
    /// ```no_run
    /// # use std::process::ExitCode;
    /// use nanofaas::App;
    /// use nanofaas::watchdog::Child;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<ExitCode, nanofaas::ConfigError> {
    /// let child = Child::stdio("python3 handler.py")?;
    /// # Ok(
    /// App::child(child).run().await
    /// # )
    /// # }
    /// ```
    #[cfg(feature = "watchdog")]
    #[must_use]
    pub fn child(child: Child) -> Self {
        Self { work: Work::Child(child), states: States::default(), init: None, on_shutdown: None, config: None }
    }

    pub(crate) fn of(function: Function) -> Self {
        Self { work: Work::Function(function), states: States::default(), init: None, on_shutdown: None, config: None }
    }

    /// Gives a value that handlers take as [`State<T>`](crate::State). A second value of the same
    /// type replaces the first.
    #[must_use]
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// Makes the state when the process starts and before `/health` answers 200: cold work never
    /// falls on the first caller. An error ends the process with exit code 1.
    #[must_use]
    pub fn init<M>(mut self, init: impl Init<M>) -> Self {
        self.init = Some(init.into_maker());
        self
    }

    /// Runs after the last invocation and its callback, before the process ends, for at most
    /// `NANOFAAS_SHUTDOWN_TIMEOUT`.
    #[must_use]
    pub fn on_shutdown<F, R>(mut self, end: F) -> Self
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.on_shutdown = Some(Box::new(move || Box::pin(end())));
        self
    }

    /// Takes this configuration instead of the environment's.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = Some(config);
        self
    }

    pub(crate) fn guarded_by(mut self, guard: Arc<StallGuard>) -> Self {
        self.work = self.work.guarded_by(guard);
        self
    }

    /// Runs the program: reads the command line and the environment, logs, serves until SIGTERM or
    /// SIGINT, and drains.
    ///
    /// The exit code is 0 after a clean end, 1 where binding or init failed or work was cut off at
    /// the end, 64 where handlers, state or configuration are wrong, and 128 and the signal's
    /// number after a second signal. Where a handler does not end, the process ends in here.
    pub async fn run(self) -> ExitCode {
        cli::run(self).await
    }

    /// Serves connections of `listener` until `shutdown` ends, then drains within
    /// `NANOFAAS_SHUTDOWN_TIMEOUT`.
    ///
    /// # Errors
    ///
    /// Where the configuration or the state is wrong, or init fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), StartError> {
        let mut service = Service::assemble(self)?;
        service.open().await?;
        service::serve(service, listener, shutdown).await.map(drop)
    }

    /// The routes `/invoke`, `/health`, `/ready` and `/metrics`, for an axum server that exists
    /// already; nest them where you like.
    ///
    /// That server owns the connections, their time-outs and the end of the process: an invocation
    /// that runs when it exits is lost. A synchronous handler keeps clear of its event loop, an
    /// `async` one that never yields does not.
    ///
    /// # Panics
    ///
    /// Where the configuration or the state is wrong; the message lists every mistake. Also outside
    /// of a tokio runtime when there is an [`init`](Self::init) or a spool of callbacks.
    pub fn router(self) -> axum::Router {
        match Service::assemble(self) {
            Ok(service) => service.into_router(),
            Err(error) => panic!("{error}"),
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("App").field("function", &self.work.name()).finish_non_exhaustive()
    }
}

/// `handle` for `shop::orders::handle`.
fn plain_name(path: &str) -> &str {
    path.rsplit("::").find(|part| !part.starts_with('{')).unwrap_or(path)
}
