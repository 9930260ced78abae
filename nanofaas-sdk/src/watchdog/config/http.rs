//! A child that is a server.

use std::time::Duration;

use super::rules;
use crate::config::Reader;
use crate::watchdog::child;
use crate::watchdog::http::Address;
use crate::watchdog::warm::Rules;

/// `own_port` is where a warm watchdog itself listens.
pub(super) fn read(reader: &mut Reader<'_>, own_port: Option<u16>, grace: Duration) -> Option<child::Mode> {
    let probe_interval = reader.milliseconds("WATCHDOG_HEALTH_INTERVAL_MS", 0);
    let rules = Rules { probe_interval, ..rules(reader, grace) };
    let fallback = if own_port.is_some() { "http://127.0.0.1:8081/invoke" } else { "http://127.0.0.1:8080/invoke" };
    let (runtime, health) = (reader.text("RUNTIME_URL"), reader.text("HEALTH_URL"));
    let address = Address::parse(runtime.as_deref().unwrap_or(fallback), health.as_deref());
    let address =
        address.and_then(|address| address.settle().map_err(|error| vec![("RUNTIME_URL", error.to_string())]));
    let runtime = runtime.as_deref().unwrap_or(fallback);
    let address = match address {
        Ok(address) => address,
        Err(wrong) => {
            for (name, reason) in wrong {
                let value = if name == "HEALTH_URL" { health.as_deref().unwrap_or_default() } else { runtime };
                reader.mistake(name, value, &reason);
            }
            return None;
        }
    };
    let port = address.port();
    if own_port == Some(port) && address.is_local() {
        reader.mistake(
            "RUNTIME_URL",
            runtime,
            &format!(
                "the watchdog itself listens on port {port} (WARM_PORT): give the child another one, such as 8081"
            ),
        );
    }
    Some(child::Mode::Http { address, rules })
}
