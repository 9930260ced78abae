//! Which addresses are never called: there clouds keep the credentials of the machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

/// What an address is that is never called, in whatever form; `None` for all others.
pub(super) fn refused(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => refused_v4(v4),
        // RFC 4291 section 2.5.6.
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some(LINK_LOCAL),
        IpAddr::V6(v6) if METADATA_V6.contains(&v6) => Some(METADATA),
        IpAddr::V6(v6) => embedded_v4(v6).find_map(refused_v4),
    }
}

const LINK_LOCAL: &str = "a link-local address";
const METADATA: &str = "the address of a cloud's metadata service";

fn refused_v4(v4: Ipv4Addr) -> Option<&'static str> {
    // RFC 3927.
    let link_local = v4.is_link_local().then_some(LINK_LOCAL);
    link_local.or_else(|| METADATA_V4.contains(&v4).then_some(METADATA))
}

/// Every IPv4 address that an IPv6 address may lead to: one form does not exclude another.
fn embedded_v4(v6: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let parts = v6.segments();
    let last = (parts[6], parts[7]);
    let is_local_nat64 = matches!(parts, [0x64, 0xff9b, 1, ..]);
    // Two bytes, the second half of one part and the first half of the next.
    let across = |part: usize| parts[part] << 8 | parts[part + 1] >> 8;
    let forms = [
        // Mapped (`::ffff:0:0/96`) and compatible (`::/96`): RFC 4291 section 2.5.5.
        (matches!(parts, [0, 0, 0, 0, 0, 0 | 0xffff, ..]), last),
        // Translated (`::ffff:0:0:0/96`): RFC 2765 section 2.1.
        (matches!(parts, [0, 0, 0, 0, 0xffff, 0, ..]), last),
        // ISATAP (`..:5efe:a.b.c.d`): RFC 5214 section 6.1.
        (matches!(parts, [_, _, _, _, 0 | 0x200, 0x5efe, ..]), last),
        // 6to4 (`2002::/16`): RFC 3056 section 2.
        (parts[0] == 0x2002, (parts[1], parts[2])),
        // Teredo (`2001::/32`), which keeps it inverted: RFC 4380 section 4.
        (matches!(parts, [0x2001, 0, ..]), (!parts[6], !parts[7])),
        // NAT64 (`64:ff9b::/96`): RFC 6052 section 2.1.
        (matches!(parts, [0x64, 0xff9b, 0, 0, 0, 0, ..]), last),
        // Local NAT64 (`64:ff9b:1::/48`, RFC 8215), whose prefix has any of the lengths of RFC 6052 section 2.2.
        (is_local_nat64, last),
        (is_local_nat64, (across(4), across(5))),
        (is_local_nat64, (parts[3] << 8 | parts[4] & 0xff, parts[5])),
        (is_local_nat64, (parts[3], across(4))),
    ];
    forms
        .into_iter()
        .filter(|(is_it, _)| *is_it)
        .map(|(_, (high, low))| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Option<&'static str> {
        refused(address.parse().unwrap())
    }

    #[test]
    fn link_local_addresses_are_refused_in_every_form() {
        for address in [
            "169.254.0.1",
            "169.254.169.254",
            "fe80::1",
            "febf::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:a9:fe:a9fe::",
            "64:ff9b:1:0:a9:fea9:fe00::",
            "2002:a9fe:a9fe::1",
            "2002:a9fe:a9fe::5efe:808:808",
            "2001:0::5601:5601",
            "2001:db8::5efe:a9fe:a9fe",
            "2001:db8::200:5efe:a9fe:a9fe",
        ] {
            assert_eq!(of(address), Some(LINK_LOCAL), "{address}");
        }
    }

    #[test]
    fn metadata_services_are_refused_where_they_are_not_link_local_either() {
        for address in [
            "fd00:ec2::254",
            "fd20:ce::254",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "::ffff:168.63.129.16",
            "64:ff9b::6464:64c8",
        ] {
            assert_eq!(of(address), Some(METADATA), "{address}");
        }
    }

    #[test]
    fn others_are_not() {
        for address in [
            "10.0.0.1",
            "127.0.0.1",
            "169.253.255.255",
            "100.100.100.201",
            "::1",
            "fd00::1",
            "fd00:ec2::253",
            "64:ff9b::808:808",
            "64:ff9b:2::a9fe:a9fe",
            "2001:db8::a9fe:a9fe",
        ] {
            assert_eq!(of(address), None, "{address}");
        }
    }
}
