//! The HTTP client that all callbacks share.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, redirect};

use super::policy::is_refused;

/// How long an unused connection to the control plane is kept.
const IDLE: Duration = Duration::from_secs(30);

/// One pool of kept connections; no redirects, no proxy from the environment, no link-local peers.
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
            let found = look_up(host.to_owned()).await?;
            let allowed: Vec<_> = found.iter().copied().filter(|address| !is_refused(address.ip())).collect();
            if allowed.is_empty() {
                let reason = if found.is_empty() { "has no address" } else { "resolves to a link-local address" };
                return Err(io::Error::other(format!("the host {host} {reason}")).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// In a task of its own: where the system has no thread to look a name up, tokio panics, and that has to be an attempt
/// that failed and not a callback that is lost.
async fn look_up(host: String) -> io::Result<Vec<SocketAddr>> {
    let looking = tokio::spawn(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) });
    looking.await.unwrap_or_else(|error| Err(io::Error::other(format!("the name was not looked up: {error}"))))
}
