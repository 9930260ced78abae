//! The HTTP client that all callbacks share.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, redirect};

use super::refused::refused;

/// How long an unused connection to the control plane is kept.
const IDLE: Duration = Duration::from_secs(30);

/// One pool of kept connections; no redirects, no proxy from the environment, no peers that are never called.
pub(super) fn build(attempt_timeout: Duration) -> reqwest::Result<Client> {
    with_roots(Client::builder())
        .timeout(attempt_timeout)
        .pool_idle_timeout(IDLE)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Resolver)
        .user_agent(concat!("nanofaas/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Trusts Mozilla's authorities beside the system's: an image from scratch has none of its own.
#[cfg(feature = "https")]
fn with_roots(builder: ClientBuilder) -> ClientBuilder {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    builder.tls_certs_merge(roots.filter_map(|root| reqwest::Certificate::from_der(root).ok()))
}

#[cfg(not(feature = "https"))]
fn with_roots(builder: ClientBuilder) -> ClientBuilder {
    builder
}

/// The system's resolver, without the addresses that are never called.
struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            let allowed: Vec<_> = found.iter().copied().filter(|address| refused(address.ip()).is_none()).collect();
            if allowed.is_empty() {
                let reason = match found.iter().find_map(|address| refused(address.ip())) {
                    Some(what) => format!("resolves to {what}, which is never called"),
                    None => "has no address".to_owned(),
                };
                return Err(io::Error::other(format!("the host {host} {reason}")).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
