//! Waits for what has no event to wait for.

use std::time::{Duration, Instant};

/// How long anything may take that a test waits for; generous, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks until there is something to be seen, and returns it.
///
/// # Panics
///
/// Where there is nothing within 30 s.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
