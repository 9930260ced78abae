//! Which hosts may be called back.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

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
        let port = url.port_or_known_default();
        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| allowed.matches(host, port)) {
            let port = port.unwrap_or_default();
            return Err(format!("the host {host} with port {port} is not in NANOFAAS_CALLBACK_ALLOW"));
        }
        check_sendable(&url)?;
        Ok(url)
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

/// What an address is that is never called, in any of its spellings: there clouds keep the credentials of
/// the machine.
pub(super) fn refused(address: IpAddr) -> Option<&'static str> {
    let (v4, v6) = match address {
        IpAddr::V4(v4) => (Some(v4), None),
        IpAddr::V6(v6) => (embedded_v4(v6), Some(v6)),
    };
    // RFC 3927, RFC 4291 section 2.5.6.
    if v4.is_some_and(|v4| v4.is_link_local()) || v6.is_some_and(|v6| v6.is_unicast_link_local()) {
        Some("a link-local address")
    } else if v4.is_some_and(|v4| METADATA_V4.contains(&v4)) || v6.is_some_and(|v6| METADATA_V6.contains(&v6)) {
        Some("the address of a cloud's metadata service")
    } else {
        None
    }
}

/// Metadata services that are not link-local.
///
/// - Alibaba Cloud: <https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata>
/// - Oracle Cloud, Classic: <https://docs.oracle.com/en/cloud/iaas/compute-iaas-cloud/stcsg/retrieving-instance-metadata.html>
/// - Azure: <https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192), Ipv4Addr::new(168, 63, 129, 16)];

/// The same over IPv6.
///
/// - AWS: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>
/// - Google Cloud: <https://cloud.google.com/compute/docs/metadata/querying-metadata>
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

/// The IPv4 address inside a mapped (`::ffff:0:0/96`), translated (`::ffff:0:0:0/96`), compatible
/// (`::/96`), NAT64 (`64:ff9b::/96`, `64:ff9b:1::/48`), ISATAP (`..:5efe:a.b.c.d`), 6to4 (`2002::/16`) or
/// Teredo (`2001::/32`) IPv6 address.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = v6.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [_, _, _, _, 0 | 0x200, 0x5efe, high, low]
        | [0x2002, high, low, ..] => Some(v4(high, low)),
        // Teredo keeps it inverted.
        [0x2001, 0, .., high, low] => Some(v4(!high, !low)),
        _ => None,
    }
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
    fn link_local_addresses_are_refused_in_every_spelling() {
        let policy = Policy::default();
        for host in [
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "[fe80::1]",
            "[febf::1]",
            "[::ffff:169.254.169.254]",
            "[::169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:a9fe:a9fe::1]",
            "[::ffff:0:169.254.169.254]",
            "[64:ff9b:1::a9fe:a9fe]",
            "[2001:0::5601:5601]",
            "[2001:db8::5efe:a9fe:a9fe]",
        ] {
            let reason = policy.check(&format!("http://{host}/x")).unwrap_err();
            assert!(reason.contains("link-local"), "{host}: {reason}");
        }
        for host in ["10.0.0.1", "127.0.0.1", "[::1]", "[fd00::1]", "169.253.1.1", "100.100.100.201", "[fd00:ec2::253]"]
        {
            assert!(policy.check(&format!("http://{host}/x")).is_ok(), "{host}");
        }
    }

    #[test]
    fn metadata_services_are_refused_where_they_are_not_link_local_either() {
        for host in [
            "[fd00:ec2::254]",
            "[fd20:ce:0::0:254]",
            "100.100.100.200",
            "0x64.0144.25800",
            "192.0.0.192",
            "168.63.129.16",
            "[::ffff:168.63.129.16]",
            "[64:ff9b::6464:64c8]",
        ] {
            let reason = Policy::default().check(&format!("http://{host}/x")).unwrap_err();
            assert!(reason.contains("metadata service"), "{host}: {reason}");
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
