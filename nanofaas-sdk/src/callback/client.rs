//! The HTTP client that all callbacks share.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderMap};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{ClientBuilder, RequestBuilder, Url, redirect};

use super::policy::Policy;
use super::refused::refused;
use crate::config::Config;
use crate::secret::Secret;

/// How long an unused connection to the control plane is kept.
const IDLE: Duration = Duration::from_secs(30);

/// What a client is built from.
#[derive(Debug)]
pub(super) struct Settings {
    attempt_timeout: Duration,
    token: Option<Secret>,
    pub(super) policy: Policy,
}

/// Sends callbacks, with the token where the list of hosts names the one that is called.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    token: Option<(HeaderMap, Policy)>,
}

impl Settings {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            attempt_timeout: config.callback_attempt_timeout,
            token: config.callback_token.clone(),
            policy: config.callback_policy.clone(),
        }
    }

    /// One pool of kept connections; no redirects, no proxy from the environment, no peers that are never called.
    pub(super) fn build(&self) -> reqwest::Result<Client> {
        let http = with_roots(reqwest::Client::builder())
            .timeout(self.attempt_timeout)
            .pool_idle_timeout(IDLE)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Resolver)
            .user_agent(concat!("nanofaas/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let token = self
            .token
            .as_ref()
            .map(|token| (HeaderMap::from_iter([(AUTHORIZATION, token.bearer())]), self.policy.clone()));
        Ok(Client { http, token })
    }
}

impl Client {
    pub(super) fn post(&self, url: Url) -> RequestBuilder {
        let token = self.token.as_ref().filter(|(_, policy)| policy.names(&url)).map(|(token, _)| token.clone());
        let request = self.http.post(url);
        // It replaces what a `user:password@` of the URL has become.
        match token {
            Some(token) => request.headers(token),
            None => request,
        }
    }
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

/// In a task of its own: where the system has no thread to look a name up, tokio panics, and that has to be an attempt
/// that failed and not a callback that is lost.
async fn look_up(host: String) -> io::Result<Vec<SocketAddr>> {
    let looking = tokio::spawn(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) });
    looking.await.unwrap_or_else(|error| Err(io::Error::other(format!("the name was not looked up: {error}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a callback to this URL carries, where `hosts` are allowed.
    fn sent(hosts: &str, url: &str) -> Option<String> {
        let mut config = Config { callback_token: Some(Secret::new("s3cr3t").unwrap()), ..Config::default() };
        config.allow_callbacks_to(hosts).unwrap();
        let request = Settings::of(&config).build().unwrap().post(Url::parse(url).unwrap()).build().unwrap();
        assert!(request.headers().get_all(AUTHORIZATION).iter().count() <= 1);
        request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_token_goes_to_hosts_of_the_list_alone() {
        let ours = Some("Bearer s3cr3t".to_owned());
        assert_eq!(sent("cp, *.svc.local:80", "http://cp:9/x"), ours);
        assert_eq!(sent("cp, *.svc.local:80", "http://a.svc.local/x"), ours);
        assert_eq!(sent("cp", "http://user:pass@cp/x"), ours);
        for url in ["http://evil/x", "http://a.svc.local:81/x", "http://cp@evil/x?cp", "http://cp.evil/x"] {
            assert_ne!(sent("cp, *.svc.local:80", url), ours, "{url}");
            assert_ne!(sent("", url), ours, "{url}");
        }
    }
}
