//! Where a callback goes: lines of a base URL, an execution id and a list of allowed hosts.

use std::net::{IpAddr, Ipv4Addr};

use reqwest::Url;

use crate::callback::{Policy, Target};

/// A user and a password that no message may show.
const SECRET: &str = "u5er:s3cr3t-p4ss";

/// A callback goes to the host that was checked, with the id as one segment of its path.
pub fn callback_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let (base, id, list) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let Ok(policy) = Policy::parse(list) else { return };
    match Target::new(base, id, &policy) {
        Ok(target) => {
            let asked = Url::parse(base).unwrap();
            check_place(&asked, target.url());
            check_path(asked.path(), id, target.url().path());
            assert!(!is_refused(target.url()), "{} is called", target.url());
            assert_ne!(is_allowed(list, target.url()), Some(false), "{} is called", target.url());
        }
        Err(failure) => {
            assert_eq!((&*failure.code, failure.status), ("INVALID_CALLBACK_URL", 400));
            if let Ok(url) = Url::parse(base)
                && url.scheme() == "http"
                && base.len() + 3 * id.len() < 60_000
            {
                let has_reason = is_refused(&url) || is_allowed(list, &url) != Some(true) || is_odd(&url);
                assert!(has_reason, "{url} is refused: {failure:?}");
            }
        }
    }
    let secret = base.replacen("://", &format!("://{SECRET}@"), 1);
    if let Err(failure) = Target::new(&secret, id, &policy) {
        assert!(!failure.log_text().contains(SECRET), "{failure:?}");
    }
}

/// The parts that stay, for every reader that comes after the check.
fn check_place(asked: &Url, url: &Url) {
    assert_eq!(url.origin(), asked.origin());
    assert_eq!((url.username(), url.password(), url.query()), (asked.username(), asked.password(), asked.query()));
    assert!(matches!(url.scheme(), "http" | "https") && url.fragment().is_none());
    assert_eq!(Url::parse(url.as_str()).as_ref(), Ok(url), "it is another URL when it is read again");
    // The client sends it with another parser than the one that checked it.
    let sent: http::Uri = url.as_str().parse().unwrap_or_else(|error| panic!("{url} cannot be sent: {error}"));
    assert_eq!(sent.host(), url.host_str());
    assert_eq!(sent.port_u16(), url.port());
    assert_eq!((sent.path(), sent.query()), (url.path(), url.query()));
}

fn check_path(asked: &str, id: &str, path: &str) {
    let asked = asked.trim_end_matches('/');
    if asked.ends_with(":complete") {
        assert_eq!(path, asked);
        return;
    }
    let rest = path.strip_prefix(asked).unwrap_or_else(|| panic!("{path} is not below {asked}"));
    let segment = rest.strip_prefix('/').and_then(|rest| rest.strip_suffix(":complete")).unwrap();
    assert!(segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)), "{segment}");
    assert_eq!(decode(segment), id.as_bytes());
}

fn decode(segment: &str) -> Vec<u8> {
    let mut rest = segment.as_bytes();
    let mut decoded = Vec::new();
    while let [first, more @ ..] = rest {
        if let (b'%', [high, low, after @ ..]) = (first, more) {
            let digits = [*high, *low];
            decoded.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            rest = after;
        } else {
            decoded.push(*first);
            rest = more;
        }
    }
    decoded
}

/// Whether a host has what no host has, or its URL a user that may have anything.
fn is_odd(url: &Url) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    !url.host_str().unwrap().bytes().all(is_usual) || !url.username().is_empty() || url.password().is_some()
}

/// By the bits of an address, and not by its segments as the policy does it.
fn is_refused(url: &Url) -> bool {
    let host = url.host_str().unwrap();
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(v4)) => is_refused_v4(v4.to_bits()),
        Ok(IpAddr::V6(v6)) => {
            let bits = v6.to_bits();
            let low = |shift: u32| u32::try_from((bits >> shift) & 0xffff_ffff).unwrap();
            let of = |places: [usize; 4]| u32::from_be_bytes(places.map(|place| v6.octets()[place]));
            let embedded = [
                (bits >> 32 == 0 || bits >> 32 == 0xffff || bits >> 32 == 0xffff_0000, low(0)),
                (bits >> 32 == 0x64_ff9b << 64 || bits >> 80 == 0x64_ff9b_0001, low(0)),
                (matches!((bits >> 32) & 0xffff_ffff, 0x5efe | 0x0200_5efe), low(0)),
                (bits >> 112 == 0x2002, low(80)),
                (bits >> 96 == 0x2001_0000, !low(0)),
                (bits >> 80 == 0x64_ff9b_0001, of([6, 7, 9, 10])),
                (bits >> 80 == 0x64_ff9b_0001, of([7, 9, 10, 11])),
                (bits >> 80 == 0x64_ff9b_0001, of([9, 10, 11, 12])),
            ];
            bits >> 118 == 0xfe80 >> 6
                || bits == 0xfd00_0ec2_u128 << 96 | 0x254
                || bits == 0xfd20_00ce_u128 << 96 | 0x254
                || embedded.iter().any(|(is_embedded, v4)| *is_embedded && is_refused_v4(*v4))
        }
        Err(_) => false,
    }
}

fn is_refused_v4(bits: u32) -> bool {
    bits >> 16 == 0xa9fe || [0x6464_64c8, 0xc000_00c0, 0xa83f_8110].contains(&bits)
}

/// Whether the list names this URL's host; `None` where an entry is more than a plain name or address.
fn is_allowed(list: &str, url: &Url) -> Option<bool> {
    let entries: Vec<_> = list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    let host = url.host_str().unwrap();
    let host = host.strip_suffix('.').unwrap_or(host);
    let mut is_allowed = entries.is_empty();
    for entry in entries {
        let (name, port) = entry.split_once(':').map_or((entry, None), |(name, port)| (name, Some(port)));
        let port: Option<u16> = port.map(str::parse).transpose().ok()?;
        let bare = name.strip_prefix("*.").unwrap_or(name);
        if !is_plain(bare) {
            return None;
        }
        let is_same = if name == bare {
            host == bare
        } else {
            host.len() > bare.len() + 1 && host.ends_with(&format!(".{bare}"))
        };
        is_allowed |= is_same && (port.is_none() || port == url.port_or_known_default());
    }
    Some(is_allowed)
}

/// A name or an address that has one spelling only.
fn is_plain(name: &str) -> bool {
    let is_label = |label: &str| {
        label.starts_with(|first: char| first.is_ascii_lowercase())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.parse::<Ipv4Addr>().is_ok() || (name.split('.').all(is_label) && !name.contains("xn"))
}
