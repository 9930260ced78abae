//! From the start to the end: bind, start functions, serve, end functions.

use std::future::IntoFuture;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::arguments::{Arguments, NamedFunction, Source};
use crate::console::{Console, Event};
use crate::functions::{Function, FunctionSpec};
use crate::platform::Platform;
use crate::process::Program;
use crate::signals::Signals;
use crate::{api, keyboard};

/// Serves until a signal comes, and then ends what was started.
pub(crate) async fn run(arguments: Arguments, console: Console) -> Result<(), String> {
    let mut signals = Signals::listen().map_err(|error| format!("signals cannot be listened to: {error}"))?;
    let (listener, port) = bind(arguments.host, arguments.port).await?;
    let platform = Arc::new(Platform::new(console, port).map_err(|error| format!("no HTTP client: {error}"))?);
    platform.console.note(&format!("a control plane for development on http://127.0.0.1:{port}"));
    tokio::spawn(axum::serve(listener, api::router(Arc::clone(&platform))).into_future());
    let mut lines = keyboard::lines();
    let mut result = Ok(());
    for function in arguments.functions {
        result = add(&platform, function);
        if result.is_err() {
            break;
        }
    }
    while result.is_ok() {
        tokio::select! {
            () = signals.next() => break,
            Some(line) = lines.recv() => keyboard::obey(&platform, line.trim()),
        }
    }
    end(&platform, &mut signals).await;
    result
}

async fn bind(host: IpAddr, port: u16) -> Result<(TcpListener, u16), String> {
    let listener = TcpListener::bind((host, port)).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => format!("port {port} is taken: choose another one with --port"),
        _ => format!("port {port} cannot be bound: {error}"),
    })?;
    let address = listener.local_addr().map_err(|error| format!("the listener has no address: {error}"))?;
    Ok((listener, address.port()))
}

/// Makes a function of the command line known, and starts it where it is a program.
fn add(platform: &Arc<Platform>, function: NamedFunction) -> Result<(), String> {
    let NamedFunction { name, source } = function;
    let function = match source {
        Source::Url(url) => Function::remote(FunctionSpec::at(name, url)),
        Source::Program(words) => {
            let program = Program::new(&name, words, platform.port)?;
            Function::local(FunctionSpec::at(name, program.endpoint()), program)
        }
    };
    let name = function.name().to_owned();
    let function = platform.functions.add(function).map_err(|_| format!("there are two functions named `{name}`"))?;
    if function.program.is_none() {
        let url = &function.spec.endpoint_url;
        platform.console.show(&name, &Event::Registered { url });
    }
    platform.start(&function)
}

/// Ends all programs; the control plane still takes their callbacks meanwhile.
async fn end(platform: &Arc<Platform>, signals: &mut Signals) {
    let ended = async {
        let programs = platform.functions.all();
        let ends: Vec<_> =
            programs.into_iter().map(|function| tokio::spawn(async move { function.close().await })).collect();
        for end in ends {
            let _ = end.await;
        }
    };
    tokio::select! {
        () = ended => return,
        () = signals.next() => {}
    }
    for function in platform.functions.all() {
        function.kill().await;
    }
}
