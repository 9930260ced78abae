//! Which hosts may be called back.

use std::fmt::Write as _;
use std::net::IpAddr;

use reqwest::Url;

use super::refused::refused;

/// The hosts of `NANOFAAS_CALLBACK_ALLOW`, and the addresses that are never called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Empty allows every host.
    allowed: Vec<Allowed>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Allowed {
    host: String,
    /// `*.host`: names below `host`, and not `host` itself.
    below: bool,
    port: Option<u16>,
}

impl Policy {
    /// Reads a list such as `control-plane, *.svc.cluster.local, 10.0.0.7:8080, [fd00::1]:8080`.
    pub(crate) fn parse(list: &str) -> Result<Self, String> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let allowed = entries.map(|entry| Allowed::parse(entry).ok_or_else(|| entry.to_owned()));
        Ok(Self { allowed: allowed.collect::<Result<_, _>>()? })
    }

    /// Reads and checks the base URL of a callback; the error says what is wrong with it.
    pub(crate) fn check(&self, base: &str) -> Result<Url, String> {
        let url = Url::parse(base).map_err(|error| format!("it is not a URL: {error}"))?;
        match url.scheme() {
            "http" => {}
            "https" if cfg!(feature = "https") => {}
            "https" => return Err("https needs a binary built with the feature `https` of nanofaas-sdk".to_owned()),
            other => return Err(format!("its scheme is `{other}`: expected http or https")),
        }
        let host = url.host_str().unwrap_or_default();
        if let Some(what) = literal_address(&url).and_then(refused) {
            return Err(format!("{host} is {what}, which is never called"));
        }
        if self.is_narrow() && !self.names(&url) {
            let port = url.port_or_known_default().unwrap_or_default();
            return Err(format!("the host {host} with port {port} is not in NANOFAAS_CALLBACK_ALLOW"));
        }
        check_sendable(&url)?;
        Ok(url)
    }

    /// Whether there is a list.
    pub(crate) fn is_narrow(&self) -> bool {
        !self.allowed.is_empty()
    }

    /// Whether a list names this URL's host: without one no host can be told a secret.
    pub(super) fn names(&self, url: &Url) -> bool {
        let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default());
        self.allowed.iter().any(|allowed| allowed.matches(host, port))
    }
}

/// Whether the client can send to it: it reads URLs more strictly, and none above 64 KiB.
pub(super) fn check_sendable(url: &Url) -> Result<(), String> {
    http::Uri::try_from(url.as_str()).map(drop).map_err(|error| format!("it cannot be called: {error}"))
}

impl Allowed {
    fn parse(entry: &str) -> Option<Self> {
        let (below, entry) = entry.strip_prefix("*.").map_or((false, entry), |rest| (true, rest));
        // A URL parser knows every spelling of a host that the address to be checked may have.
        let url = Url::parse(&format!("http://{entry}/")).ok()?;
        let plain = url.username().is_empty() && url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let mut host = url.host_str().filter(|host| plain && !host.contains('*'))?.to_owned();
        if host.ends_with('.') {
            host.pop();
        }
        // The parser leaves out a port that is http's own.
        let port = url.port().or_else(|| entry.ends_with(":80").then_some(80));
        Some(Self { host, below, port })
    }

    fn matches(&self, host: &str, port: Option<u16>) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let same_host = if self.below {
            host.strip_suffix(&self.host).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        } else {
            host == self.host
        };
        same_host && (self.port.is_none() || self.port == port)
    }
}

fn literal_address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// One percent-encoded path segment: everything but letters, digits and `-._~` is encoded
/// (RFC 3986 section 2.3), so that an id never chooses a path.
pub(super) fn encode_segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_urls_are_taken() {
        let policy = Policy::default();
        assert!(policy.check("http://cp:8080/v1/internal/executions").is_ok());
        for (url, part) in [
            ("cp:8080/x", "scheme is `cp`"),
            ("/v1", "not a URL"),
            ("http://", "not a URL"),
            ("ftp://cp/x", "scheme is `ftp`"),
            ("file:///etc/passwd", "scheme is `file`"),
            ("http://c`p/x", "cannot be called"),
        ] {
            let reason = policy.check(url).unwrap_err();
            assert!(reason.contains(part), "{url}: {reason}");
        }
    }

    #[test]
    fn addresses_are_refused_in_every_spelling() {
        for host in ["169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[::ffff:169.254.169.254]"] {
            let reason = Policy::default().check(&format!("http://{host}/x")).unwrap_err();
            assert!(reason.ends_with("is a link-local address, which is never called"), "{host}: {reason}");
        }
    }

    #[test]
    fn a_host_that_is_not_in_the_list_is_named_with_its_port() {
        let policy = Policy::parse("cp:8080").unwrap();
        let reason = policy.check("http://cp/x").unwrap_err();
        assert_eq!(reason, "the host cp with port 80 is not in NANOFAAS_CALLBACK_ALLOW");
    }

    #[test]
    fn the_list_narrows_the_hosts() {
        let policy = Policy::parse("cp, *.svc.cluster.local, 10.0.0.7:8080, [fd00::1]:80,").unwrap();
        for url in [
            "http://cp/x",
            "http://CP:9/x",
            "http://a.svc.cluster.local/x",
            "http://10.0.0.7:8080/x",
            "http://[fd00:0::1]/x",
        ] {
            assert!(policy.check(url).is_ok(), "{url}");
        }
        for url in [
            "http://cp.evil/x",
            "http://svc.cluster.local/x",
            "http://evilsvc.cluster.local/x",
            "http://10.0.0.7/x",
            "http://cp@evil/x",
        ] {
            assert!(policy.check(url).unwrap_err().contains("NANOFAAS_CALLBACK_ALLOW"), "{url}");
        }
    }

    #[test]
    fn an_entry_that_is_no_host_is_named() {
        for entry in ["http://cp", "cp/path", "a b", "cp:99999", "*"] {
            assert_eq!(Policy::parse(&format!("ok,{entry}")).unwrap_err(), entry);
        }
    }

    #[test]
    fn an_id_is_one_segment() {
        assert_eq!(encode_segment("../../functions/evil?x#y%"), "..%2F..%2Ffunctions%2Fevil%3Fx%23y%25");
        assert_eq!(encode_segment("a:b é"), "a%3Ab%20%C3%A9");
    }
}
