//! When a callback is tried again.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, RETRY_AFTER};

/// The pauses between attempts; the last one stays.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];
/// The longest pause that `Retry-After` can ask for.
const LONGEST: Duration = Duration::from_secs(60);

/// The pause after attempt number `attempt` (from 1): the step's length plus up to a fifth, so that
/// many functions do not come back at the same moment.
pub(super) fn pause(attempt: u32, retry_after: Option<Duration>) -> Duration {
    if let Some(asked) = retry_after {
        return asked.min(LONGEST);
    }
    let step = PAUSES[(attempt.max(1) as usize - 1).min(PAUSES.len() - 1)];
    let random = RandomState::new().hash_one(attempt) % 200;
    step + step.mul_f64(f64::from(u32::try_from(random).unwrap_or(0)) / 1000.0)
}

/// `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_by_steps_with_a_little_chance() {
        for (attempt, step) in [(1, 100), (2, 500), (3, 2000), (5, 10_000), (99, 10_000)] {
            let pause = pause(attempt, None).as_millis();
            assert!((step..=step * 12 / 10).contains(&pause), "{attempt}: {pause}");
        }
    }

    #[test]
    fn the_peer_may_ask_for_a_pause_within_reason() {
        let asked = |value: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]));
        assert_eq!(pause(1, asked("3")), Duration::from_secs(3));
        assert_eq!(pause(1, asked("86400")), LONGEST);
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("soon"), None);
    }
}
