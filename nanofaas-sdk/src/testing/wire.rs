//! The test control plane's server: it can hang and reset, which a framework does not offer.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{HeaderValue, LOCATION, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::platform::Record;
use super::{Completion, Fault};

/// Listens on a free port until `stop`'s sender is dropped.
pub(super) fn start(record: Arc<Record>, stop: oneshot::Receiver<()>) -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("test-control-plane".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = accept(listener, record) => {}
                _ = stop => {}
            }
        });
    })?;
    Ok(address)
}

async fn accept(listener: std::net::TcpListener, record: Arc<Record>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&record)));
    }
}

async fn serve(stream: TcpStream, record: Arc<Record>) {
    let reset = AtomicBool::new(false);
    let service = service_fn(|request| Box::pin(answer(request, &record, &reset)));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A client that goes away is none of the control plane's trouble.
    let _ = std::future::poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let stream = connection.into_parts().io.into_inner();
    if reset.load(Ordering::Relaxed) {
        // Without lingering the kernel resets the connection instead of closing it.
        let _ = stream.set_zero_linger();
    }
}

/// Asks hyper to drop the connection.
#[derive(Debug)]
struct Reset;

impl std::fmt::Display for Reset {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("reset")
    }
}

impl std::error::Error for Reset {}

async fn answer(
    request: Request<Incoming>,
    record: &Record,
    reset: &AtomicBool,
) -> Result<Response<Empty<Bytes>>, Reset> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let fault = record.next_fault();
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let status = match &fault {
        None | Some(Fault::Delay(_)) => Some(204),
        Some(Fault::Status(status) | Fault::RetryAfter(status, _)) => Some(*status),
        Some(Fault::Redirect(_)) => Some(307),
        Some(Fault::Hang | Fault::Reset) => None,
    };
    if let Some(Fault::Delay(delay)) = &fault {
        tokio::time::sleep(*delay).await;
    }
    record.arrived(Completion {
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        answered: status,
    });
    match status.map(StatusCode::from_u16) {
        Some(status) => *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        None if fault == Some(Fault::Hang) => {
            let never: Infallible = std::future::pending().await;
            match never {}
        }
        None => {
            reset.store(true, Ordering::Relaxed);
            return Err(Reset);
        }
    }
    match fault {
        Some(Fault::RetryAfter(_, seconds)) => {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        Some(Fault::Redirect(url)) => {
            if let Ok(url) = HeaderValue::try_from(url) {
                response.headers_mut().insert(LOCATION, url);
            }
        }
        _ => {}
    }
    Ok(response)
}
