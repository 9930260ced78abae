//! Answers that come as the code brings them forth: server-sent events, or one JSON object per line.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http_body::Frame;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{accepts, query};
use crate::watchdog::kernel::task::Heard;

/// A line that says nothing keeps proxies from closing a connection.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `text/event-stream` (WHATWG HTML, section 9.2).
    ServerSent,
    /// `application/x-ndjson`.
    Lines,
}

impl Form {
    /// How a request wants its events; `None` where it wants one answer.
    pub(super) fn asked_for(parts: &Parts) -> Option<Self> {
        if accepts(parts, "application/x-ndjson") {
            return Some(Self::Lines);
        }
        let is_asked = query(parts, "stream").is_some_and(|value| !matches!(value.as_str(), "0" | "false"));
        (is_asked || accepts(parts, "text/event-stream")).then_some(Self::ServerSent)
    }

    fn write(self, event: &str, data: &impl Serialize) -> Bytes {
        let data = serde_json::to_string(data).unwrap_or_default();
        match self {
            Self::ServerSent => format!("event: {event}\ndata: {data}\n\n"),
            Self::Lines => data + "\n",
        }
        .into()
    }

    const fn keep_alive(self) -> &'static [u8] {
        match self {
            Self::ServerSent => b": keep-alive\n\n",
            Self::Lines => b"{\"type\":\"keep-alive\"}\n",
        }
    }

    const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::ServerSent => "text/event-stream; charset=utf-8",
            Self::Lines => "application/x-ndjson",
        })
    }
}

/// The body of such an answer. Dropped before its end, the client has gone, and what runs is
/// interrupted.
pub(super) struct Events {
    form: Form,
    first: Option<Heard>,
    outputs: UnboundedReceiver<Heard>,
    /// The run itself, whose last word comes after all outputs.
    end: Pin<Box<dyn Future<Output = Value> + Send>>,
    ended: Option<Value>,
    is_over: bool,
    keep_alive: Interval,
}

impl Events {
    pub(super) fn new(
        form: Form,
        first: Option<Heard>,
        outputs: UnboundedReceiver<Heard>,
        end: impl Future<Output = Value> + Send + 'static,
    ) -> Self {
        let mut keep_alive = interval(KEEP_ALIVE);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        keep_alive.reset();
        Self { form, first, outputs, end: Box::pin(end), ended: None, is_over: false, keep_alive }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        loop {
            while let Poll::Ready(Some(heard)) =
                self.first.take().map_or_else(|| self.outputs.poll_recv(cx), |first| Poll::Ready(Some(first)))
            {
                if let Heard::Output(output) = heard {
                    self.keep_alive.reset();
                    return Poll::Ready(Some(self.form.write(output.event(), &output)));
                }
            }
            if let Some(end) = self.ended.take() {
                self.is_over = true;
                return Poll::Ready(Some(self.form.write("end", &end)));
            }
            match self.end.as_mut().poll(cx) {
                // What it brought forth at last is still to be told.
                Poll::Ready(end) => self.ended = Some(end),
                Poll::Pending => break,
            }
        }
        if self.keep_alive.poll_tick(cx).is_ready() {
            return Poll::Ready(Some(Bytes::from_static(self.form.keep_alive())));
        }
        Poll::Pending
    }
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.poll_next(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl IntoResponse for Events {
    fn into_response(self) -> Response {
        let kind = self.form.content_type();
        let mut response = Response::new(Body::new(self));
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}
