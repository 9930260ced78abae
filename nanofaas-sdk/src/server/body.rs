//! Reads a request body within its limits of size and time.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::EXPECT;
use http_body_util::BodyExt;

use crate::protocol::{Code, Failure};

/// How much of a body that is too large is read and thrown away: a client that sends it all before
/// it reads the answer would else see a broken connection in the answer's place.
const DISCARDED: u64 = 16 * 1024 * 1024;

/// Reads the body whole, or says why not.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize, timeout: Duration) -> Result<Bytes, Failure> {
    match tokio::time::timeout(timeout, collect(headers, body, limit)).await {
        Ok(read) => read,
        Err(_) => {
            let message =
                format!("the body did not arrive within {} ms (NANOFAAS_BODY_READ_TIMEOUT)", timeout.as_millis());
            Err(Failure::new(Code::BodyReadTimeout, message))
        }
    }
}

async fn collect(headers: &HeaderMap, mut body: Body, limit: usize) -> Result<Bytes, Failure> {
    let too_large = || {
        Failure::new(Code::InputTooLarge, format!("the body is larger than {limit} bytes (NANOFAAS_MAX_INPUT_BYTES)"))
    };
    let declared = http_body::Body::size_hint(&body).lower();
    let limit_u64 = limit as u64;
    // A client that asks first has not sent anything yet.
    if declared > limit_u64 && (declared > DISCARDED || headers.contains_key(EXPECT)) {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut length = 0_u64;
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|error| Failure::new(Code::InvalidRequest, format!("the body could not be read: {error}")))?;
        let Ok(part) = frame.into_data() else { continue };
        length += part.len() as u64;
        if length > limit_u64 {
            if length > DISCARDED {
                return Err(too_large());
            }
            // Read on, keep nothing.
            (first, all) = (Bytes::new(), BytesMut::new());
        } else if first.is_empty() && all.is_empty() {
            // Most bodies arrive in one part, which is taken as it is.
            first = part;
        } else {
            if all.is_empty() {
                all.reserve(usize::try_from(declared).unwrap_or(0).clamp(first.len() + part.len(), limit));
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&part);
        }
    }
    if length > limit_u64 {
        return Err(too_large());
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}
