//! The token that callers need (RFC 6750), before a request reaches any route.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::any;
use http::header::{AUTHORIZATION, EXPECT, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, Method};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::{Server, body, head, respond};
use crate::invocation::Caller;
use crate::protocol::{Code, Failure};
use crate::secret::Secret;

/// What probes and Prometheus ask without a token.
const OPEN: [&str; 3] = ["/health", "/ready", "/metrics"];

/// Lets through to `routes` what carries the token.
pub(super) fn required(server: &Server, token: &Secret, routes: Router) -> Router {
    let check = {
        let (server, token) = (server.clone(), token.clone());
        move |request: Request| {
            let (server, token, routes) = (server.clone(), token.clone(), routes.clone());
            async move { answer(&server, &token, routes, request).await }
        }
    };
    // By name as well: an embedder's own fallback takes the place of this one alone.
    let known = ["/invoke"].into_iter().chain(OPEN);
    known.fold(Router::new().fallback(check.clone()), |router, path| router.route(path, any(check.clone())))
}

async fn answer(server: &Server, token: &Secret, routes: Router, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match check(token, &parts) {
        Ok(()) => {
            let Ok(answer) = TowerToHyperService::new(routes).call(Request::from_parts(parts, body)).await;
            answer
        }
        Err(reason) => refuse(server, &parts.headers, body, reason).await,
    }
}

/// The error says what is wrong, and nothing of what was given.
fn check(token: &Secret, parts: &Parts) -> Result<(), &'static str> {
    if matches!(parts.method, Method::GET | Method::HEAD) && OPEN.contains(&parts.uri.path()) {
        return Ok(());
    }
    let mut given = parts.headers.get_all(AUTHORIZATION).iter();
    let first = given.next().ok_or("a token is needed: send it as `Authorization: Bearer <token>`")?;
    if given.any(|other| other != first) {
        return Err("the header authorization is sent twice with different values");
    }
    match bearer(first.as_bytes()) {
        Some(given) if token.is(given) => Ok(()),
        Some(_) => Err("the token is not the one that is expected here"),
        None => Err("the header authorization is not of the form `Bearer <token>`"),
    }
}

/// The token; the scheme's case does not count (RFC 9110 section 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

async fn refuse(server: &Server, headers: &HeaderMap, body: Body, reason: &'static str) -> Response {
    let mut caller = Caller::default();
    // What cannot be read of it is missing in the log, and that is all.
    let _ = head::read(headers, &server.config, &mut caller);
    let mut failure = Failure::new(Code::Unauthorized, reason);
    if headers.contains_key(EXPECT) {
        // A client that asks first has not sent anything yet.
        failure = failure.closing();
    } else {
        body::skip(body, server.config.body_read_timeout).await;
    }
    let mut response = respond::answer(server.runtime.refuse(&caller, failure));
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_with(method: &str, path: &str, given: &[&str]) -> Result<(), &'static str> {
        let mut request = Request::builder().method(method).uri(path);
        for value in given {
            request = request.header(AUTHORIZATION, *value);
        }
        check(&Secret::new("s3cr3t").unwrap(), &request.body(Body::empty()).unwrap().into_parts().0)
    }

    #[test]
    fn the_token_opens_whatever_the_case_of_its_scheme() {
        for given in ["Bearer s3cr3t", "bearer s3cr3t", "BEARER   s3cr3t"] {
            assert_eq!(check_with("POST", "/invoke", &[given]), Ok(()), "{given}");
        }
        assert_eq!(check_with("POST", "/invoke", &["Bearer s3cr3t"; 2]), Ok(()));
    }

    #[test]
    fn anything_else_does_not() {
        for given in [
            &[][..],
            &[""],
            &["s3cr3t"],
            &["Bearer"],
            &["Bearer "],
            &["Bearers3cr3t"],
            &["Bearer s3cr3"],
            &["Bearer s3cr3tt"],
            &["Bearer s3cr3t, Bearer s3cr3t"],
            &["Basic s3cr3t"],
            &["Bearer s3cr3t", "Bearer other"],
            &["Bearer other", "Bearer s3cr3t"],
        ] {
            assert!(check_with("POST", "/invoke", given).is_err(), "{given:?}");
        }
    }

    #[test]
    fn probes_and_metrics_are_open_to_reading_alone() {
        for path in OPEN {
            assert_eq!((check_with("GET", path, &[]), check_with("HEAD", path, &[])), (Ok(()), Ok(())));
            assert!(check_with("POST", path, &[]).is_err());
        }
        for path in ["/", "/health/", "//health", "/invoke", "/session/0/health", "/health/x"] {
            assert!(check_with("GET", path, &[]).is_err(), "{path}");
        }
    }
}
