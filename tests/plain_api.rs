//! The API without macros: `App` on an event loop and a listener of the caller's own.

use std::future::IntoFuture;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::{Answer, Connection, Process, child, eventually};
use nanofaas::testing::Platform;
use nanofaas::watchdog::Child;
use nanofaas::{App, Config, Context, Error, Result, Secret, StartError, State, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

async fn greet(name: String, State(greeting): State<&'static str>, context: Context) -> Result<String> {
    Ok(format!("{greeting}, {name} ({})", context.execution_id))
}

#[allow(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "a handler owns its input and returns a `Result`"
)]
fn shout(name: String) -> Result<String> {
    Ok(name.to_uppercase())
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Sends a request from a thread of its own: the harness's client blocks.
async fn post(address: SocketAddr, execution_id: &'static str, body: &'static str) -> Answer {
    let sent = tokio::task::spawn_blocking(move || {
        Connection::open(address).request("POST", "/invoke", &[("X-Execution-Id", execution_id)], body.as_bytes())
    });
    sent.await.expect("an answer")
}

#[tokio::test]
async fn an_app_serves_a_listener_until_it_is_told_to_stop() {
    let (listener, address) = listener().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = Arc::new(AtomicBool::new(false));
    let app = App::new(greet).state("Hello").config(Config::default()).on_shutdown({
        let ended = Arc::clone(&ended);
        move || async move { ended.store(true, Ordering::Release) }
    });
    let serving = tokio::spawn(app.serve(listener, async {
        let _ = stopped.await;
    }));

    let answer = post(address, "e-1", r#"{"input":"Ada"}"#).await;
    assert_eq!((answer.status, answer.json()), (200, json!("Hello, Ada (e-1)")));

    stop.send(()).expect("the app listens for its end");
    serving.await.expect("no panic").expect("a clean end");
    assert!(ended.load(Ordering::Acquire));
}

#[tokio::test]
async fn what_init_makes_is_there_before_the_first_call() {
    let platform = Platform::new();
    let app = App::new(greet).init(async || Ok::<_, Error>("Welcome"));
    let reply = platform.start(app).await.invoke(json!("Ada")).await;
    assert_eq!(reply.json(), "Welcome, Ada (test)");
}

#[tokio::test]
async fn an_init_that_fails_is_the_reason_not_to_start() {
    let (listener, _) = listener().await;
    let app = App::new(greet).config(Config::default());
    let app = app.init(async || Err::<&'static str, _>(Error::new("NO_DATABASE", "the database is away")));
    let error = app.serve(listener, std::future::pending()).await.unwrap_err();
    assert!(matches!(error, StartError::Init(_)));
    assert_eq!(error.exit_code(), 1);
    assert!(error.to_string().contains("the database is away"), "{error}");
}

#[tokio::test]
async fn an_init_that_panics_is_one_that_fails() {
    let (listener, _) = listener().await;
    let app = App::new(greet).config(Config::default());
    let app = app.init(async || -> Result<&'static str> { panic!("no luck") });
    let error = app.serve(listener, std::future::pending()).await.unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");
}

#[tokio::test]
async fn a_state_that_nobody_gave_is_found_before_the_first_call() {
    let (listener, _) = listener().await;
    let error = App::new(greet).config(Config::default()).serve(listener, async {}).await.unwrap_err();
    assert_eq!(error.exit_code(), 64);
    let text = error.to_string();
    assert!(text.contains("the handler `greet` needs State<&str>") && text.contains("`.state(..)`"), "{text}");
}

#[tokio::test]
async fn a_function_under_test_drains_like_a_real_one() {
    let platform = Platform::new();
    let function = platform.start(App::new(shout)).await;
    assert_eq!(function.invoke(json!("hello")).execution_id("e-1").await.json(), "HELLO");
    assert!(function.drain(std::time::Duration::from_secs(20)).await);
    assert_eq!(platform.attempts("e-1").len(), 1, "a drain waits for callbacks");
    let refused = function.invoke(json!("late")).await;
    assert_eq!((refused.status(), refused.code()), (503, Some("RUNTIME_STOPPING")));
    assert_eq!(function.get("/health").await.status(), 200);
}

#[tokio::test]
async fn a_child_takes_a_handlers_place() {
    let (listener, address) = listener().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let app = App::child(Child::stdio("cat").expect("a command")).config(Config::default());
    let serving = tokio::spawn(app.serve(listener, async {
        let _ = stopped.await;
    }));
    let answer = post(address, "e-1", r#"{"input":"Ada"}"#).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "input": "Ada" })));
    stop.send(()).expect("the app listens for its end");
    serving.await.expect("no panic").expect("a clean end");
}

#[tokio::test]
async fn a_kept_child_ends_with_its_app() {
    let (listener, address) = listener().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Child::http(&child("http"), "http://127.0.0.1:0/invoke").expect("a command");
    let serving = tokio::spawn(App::child(server).config(Config::default()).serve(listener, async {
        let _ = stopped.await;
    }));
    let pid = loop {
        let answer = post(address, "e-1", r#"{"input":{"report":true}}"#).await;
        if answer.status == 200 {
            break answer.json()["pid"].as_u64().expect("an id");
        }
        assert_eq!(answer.refusal().1, "RUNTIME_NOT_READY");
    };
    stop.send(()).expect("the app listens for its end");
    serving.await.expect("no panic").expect("a clean end");
    let child = Process(pid.try_into().expect("an id"));
    eventually("the end of the child", || (!child.is_alive()).then_some(()));
}

#[tokio::test]
async fn a_child_that_does_not_start_is_an_error_with_its_status() {
    let (listener, _) = listener().await;
    let server = Child::http("sh -c 'echo no ink >&2; exit 43'", "http://127.0.0.1:0/invoke").expect("a command");
    let ended = App::child(server).config(Config::default()).serve(listener, std::future::pending()).await;
    let Err(StartError::Child { code, message, exit_code }) = ended else { panic!("{ended:?}") };
    assert_eq!((code, exit_code), ("STARTUP_ERROR", 43));
    assert!(message.contains("no ink"), "{message}");
    assert!(Child::stdio("'").is_err());
}

/// Only callers with this token are let in, and callbacks carry another one.
fn with_tokens(hosts: Option<&str>) -> Config {
    let mut config = Config::default();
    config.invoke_token = Some(Secret::new("s3cr3t").expect("a token"));
    if let Some(hosts) = hosts {
        config.callback_token = Some(Secret::new("cb-s3cr3t").expect("a token"));
        config.allow_callbacks_to(hosts).expect("a list");
    }
    assert!(!format!("{config:?}").contains("s3cr3t"), "{config:?}");
    config
}

#[tokio::test]
async fn a_function_under_test_may_want_a_token_and_send_one() {
    let platform = Platform::new();
    let function = platform.start(App::new(shout).config(with_tokens(Some("127.0.0.1")))).await;
    let refused = function.invoke(json!("hello")).execution_id("e-1").await;
    assert_eq!((refused.status(), refused.code()), (401, Some("UNAUTHORIZED")));
    assert_eq!(function.invoke(json!("hello")).execution_id("e-1").token("s3cr3t").await.json(), "HELLO");
    assert_eq!(platform.completion("e-1").await.header("authorization"), Some("Bearer cb-s3cr3t"));
    assert_eq!(function.get("/health").await.status(), 200);
    assert_eq!(function.get("/nowhere").await.status(), 401);
}

#[tokio::test]
async fn a_token_for_callbacks_without_a_list_of_hosts_is_no_start() {
    let (listener, _) = listener().await;
    let mut config = with_tokens(None);
    config.callback_token = Some(Secret::new("cb-s3cr3t").expect("a token"));
    let error = App::new(shout).config(config).serve(listener, async {}).await.unwrap_err();
    assert_eq!(error.exit_code(), 64);
    assert!(error.to_string().contains("NANOFAAS_CALLBACK_ALLOW"), "{error}");
    assert!(Config::default().allow_callbacks_to("http://cp/x").is_err());
}

/// The routes of a function keep their token wherever they stand in somebody else's server, whose own routes need none.
#[tokio::test]
async fn a_token_is_wanted_below_a_servers_own_routes() {
    let own = || axum::Router::new().route("/own", axum::routing::get(|| async { "own" }));
    let function = || App::new(shout).config(with_tokens(None)).router();
    let (nested, merged) = (own().nest("/shout", function()), own().merge(function()));
    let replaced = function().fallback(|| async { "fallback" });
    for (router, prefix, unknown) in [(nested, "/shout", 401), (merged, "", 401), (replaced, "", 200)] {
        let (listener, address) = listener().await;
        let serving = tokio::spawn(axum::serve(listener, router).into_future());
        let asked = tokio::task::spawn_blocking(move || {
            let ask = |method: &str, path: &str, headers: &[(&str, &str)]| {
                let headers = [&[("X-Execution-Id", "e-1")], headers].concat();
                Connection::open(address).request(method, &format!("{prefix}{path}"), &headers, br#"{"input":"a"}"#)
            };
            for (method, path) in [("POST", "/invoke"), ("GET", "/invoke"), ("POST", "/metrics"), ("POST", "/health")] {
                assert_eq!(ask(method, path, &[]).status, 401, "{prefix} {method} {path}");
            }
            for path in ["/health", "/ready", "/metrics"] {
                assert_eq!(ask("GET", path, &[]).status, 200, "{prefix} {path}");
            }
            assert_eq!(ask("GET", "/nowhere", &[]).status, unknown, "{prefix}");
            let answer = ask("POST", "/invoke", &[("authorization", "Bearer s3cr3t")]);
            assert_eq!((answer.status, answer.json()), (200, json!("A")), "{prefix}");
        });
        asked.await.expect("all is as it should be");
        serving.abort();
    }
}
