#![doc = include_str!("lib.md")]

mod app;
mod callback;
mod cli;
mod collect;
mod config;
mod context;
mod env;
mod event_loop;
mod executor;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod handler;
mod invocation;
mod metrics;
mod one_shot;
mod panic;
mod protocol;
mod runtime;
mod schema;
mod secret;
mod server;
mod service;
mod shutdown;
mod start_error;
mod telemetry;
pub mod testing;
mod threads;
#[cfg(feature = "watchdog")]
pub mod watchdog;
mod work;

pub use app::App;
pub use config::{Config, ConfigError, VARIABLES, Variable};
pub use context::{Context, Details};
pub use env::env;
pub use handler::{
    Error, FromCall, FromContext, FunctionError, Handler, Init, IntoOutput, IntoResult, Request, Requirements,
    Response, Result, State,
};
pub use nanofaas_macros::{FunctionError, handler};
pub use secret::Secret;
pub use serde_json::{Map, Value, json};
pub use start_error::StartError;

#[doc(hidden)]
pub mod __private;
mod main_macro;

/// The examples of the documentation are compiled, and run where they can be.
#[cfg(doctest)]
mod documentation {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/handlers.md")]
    struct Handlers;
}
