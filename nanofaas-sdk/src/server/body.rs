//! Reads a request body within its limits of size and time.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::EXPECT;
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::collect::Collected;
use crate::protocol::{Code, Failure};

/// How much of a body that is too large is read and thrown away: a client that sends it all before
/// it reads the answer would else see a broken connection in the answer's place.
const DISCARDED: u64 = 16 * 1024 * 1024;

/// A client that sends nothing for this long waits for the answer.
const LULL: Duration = Duration::from_millis(200);

/// Reads the body whole, or says why not.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize, time: Duration) -> Result<Bytes, Failure> {
    let mut reading = Reading { body, limit, parts: Collected::default(), length: 0 };
    let declared = http_body::Body::size_hint(&reading.body).lower();
    let mut too_large = declared > limit as u64;
    if !too_large {
        match timeout(time, reading.collect(declared)).await {
            Ok(Ok(true)) => return Ok(reading.parts.into_bytes()),
            Ok(Ok(false)) => too_large = true,
            Ok(Err(failure)) => return Err(failure),
            Err(_) => {}
        }
    }
    if !too_large {
        let message = format!("the body did not arrive within {} ms (NANOFAAS_BODY_READ_TIMEOUT)", time.as_millis());
        return Err(Failure::new(Code::BodyReadTimeout, message).closing());
    }
    // A client that asks first has not sent anything yet.
    let is_read = !headers.contains_key(EXPECT) && timeout(time, reading.discard()).await.unwrap_or(false);
    let message = format!("the body is larger than {limit} bytes (NANOFAAS_MAX_INPUT_BYTES)");
    let failure = Failure::new(Code::InputTooLarge, message);
    Err(if is_read { failure } else { failure.closing() })
}

/// Reads a body that nobody wants, so that the connection can be used again.
pub(super) async fn skip(body: Body, time: Duration) {
    let mut reading = Reading { body, limit: 0, parts: Collected::default(), length: 0 };
    // Where it does not end, the connection does.
    let _ = timeout(time, reading.discard()).await;
}

struct Reading {
    body: Body,
    limit: usize,
    parts: Collected,
    length: u64,
}

impl Reading {
    /// The next part, without its trailers; `None` at the end.
    async fn part(&mut self) -> Result<Option<Bytes>, Failure> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| {
                Failure::new(Code::InvalidRequest, format!("the body could not be read: {error}")).closing()
            })?;
            if let Ok(part) = frame.into_data() {
                self.length += part.len() as u64;
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    /// Keeps every part; false where they are more than the limit.
    async fn collect(&mut self, declared: u64) -> Result<bool, Failure> {
        while let Some(part) = self.part().await? {
            if !self.parts.push(part, declared, self.limit) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads on and keeps nothing, until the client is done or waits; whether it is done.
    async fn discard(&mut self) -> bool {
        self.parts = Collected::default();
        while self.length <= DISCARDED {
            match timeout(LULL, self.part()).await {
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None)) => return true,
                _ => return false,
            }
        }
        false
    }
}
