//! The routes as hyper calls them: each request is noted from its head to the end of its answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::{TowerToHyperService, TowerToHyperServiceFuture};

use super::activity::Activity;

pub(super) struct Noted {
    routes: TowerToHyperService<Router>,
    activity: Arc<Activity>,
}

impl Noted {
    pub(super) fn new(router: Router, activity: Arc<Activity>) -> Self {
        Self { routes: TowerToHyperService::new(router), activity }
    }
}

impl Service<Request<Incoming>> for Noted {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        // A connection that the listener has ended is dropped in a moment, with this request not begun.
        let future = self.activity.begin().then(|| self.routes.call(request));
        Answering { future, activity: Arc::clone(&self.activity) }
    }
}

/// A request that is being answered.
pub(super) struct Answering {
    future: Option<TowerToHyperServiceFuture<Router, Request<Incoming>>>,
    activity: Arc<Activity>,
}

impl Future for Answering {
    type Output = Result<Response<Answer>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.future else { return Poll::Pending };
        let Ok(response) = std::task::ready!(Pin::new(future).poll(cx));
        let activity = Arc::clone(&self.activity);
        Poll::Ready(Ok(response.map(|body| Answer { body, activity })))
    }
}

/// An answer's body. hyper drops it when it has taken its last part.
pub(super) struct Answer {
    body: Body,
    activity: Arc<Activity>,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.activity.answered();
    }
}
