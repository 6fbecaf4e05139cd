//! Which addresses are trusted: single ones, networks, or everyone.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

use ipnet::IpNet;
use ipnet::Ipv4Net;

/// A set of addresses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trusted {
    /// Every address: `*`.
    Everyone,
    /// Addresses in one of these networks.
    These(Vec<IpNet>),
}

/// Why an entry of a list of addresses cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TrustError {
    /// It is none of the forms.
    #[error("'{0}' is neither an IP address, nor a network such as 10.0.0.0/8, nor *")]
    Form(String),
    /// It names one host and many at once.
    #[error("'{entry}' has host bits set; the network is {network}")]
    HostBits {
        /// The entry, as written.
        entry: String,
        /// The network it lies in.
        network: IpNet,
    },
}

impl Trusted {
    /// This machine: `127.0.0.1` and `::1`.
    #[must_use]
    pub fn loopback() -> Self {
        let addresses: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        Self::These(addresses.map(IpNet::from).into())
    }

    /// Reads the entries of a list. No entry at all is nobody.
    ///
    /// # Errors
    ///
    /// For the first entry that is no address, no network and not `*`.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, TrustError> {
        let mut networks = Vec::new();
        let mut everyone = false;
        for entry in entries {
            match entry {
                "*" => everyone = true,
                _ => networks.push(network(entry)?),
            }
        }
        Ok(if everyone {
            Self::Everyone
        } else {
            Self::These(networks)
        })
    }

    /// Whether `address` is trusted. An IPv4 address in the clothes of IPv6 is an IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match self {
            Self::Everyone => true,
            Self::These(networks) => {
                let address = address.to_canonical();
                networks.iter().any(|network| network.contains(&address))
            }
        }
    }

    /// Whether the other end of a connection is trusted. One without an address came over a unix
    /// socket, and whoever may open that is trusted, as in gunicorn.
    #[must_use]
    pub fn contains_peer(&self, peer: Option<SocketAddr>) -> bool {
        peer.is_none_or(|address| self.contains(address.ip()))
    }
}

fn network(entry: &str) -> Result<IpNet, TrustError> {
    if let Ok(address) = entry.parse::<IpAddr>() {
        return Ok(address.to_canonical().into());
    }
    let network: IpNet = entry
        .parse()
        .map_err(|_| TrustError::Form(entry.to_owned()))?;
    if network.trunc() != network {
        return Err(TrustError::HostBits {
            entry: entry.to_owned(),
            network: network.trunc(),
        });
    }
    Ok(canonical(network))
}

/// `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    let bits = v6.prefix_len().checked_sub(96);
    let mapped = v6.addr().to_ipv4_mapped().zip(bits);
    let v4 = mapped.and_then(|(address, bits)| Ipv4Net::new(address, bits).ok());
    v4.map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(list: &str) -> Trusted {
        Trusted::parse(list.split(',').filter(|entry| !entry.is_empty())).unwrap()
    }

    #[track_caller]
    fn check(list: &str, address: &str, expected: bool) {
        let found = trusted(list).contains(address.parse().unwrap());
        assert_eq!(found, expected, "{address} in {list:?}");
    }

    #[test]
    fn an_address_is_trusted_if_it_or_its_network_is_listed() {
        for (list, address, expected) in [
            ("", "127.0.0.1", false),
            ("*", "192.0.2.1", true),
            ("*", "2001:db8::1", true),
            ("192.0.2.1,*", "203.0.113.1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("127.0.0.1,::1", "::1", true),
            ("127.0.0.0/8", "127.1.2.3", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8,192.168.0.2", "192.168.0.2", true),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("2001:DB8:0:0::1", "2001:db8::1", true),
        ] {
            check(list, address, expected);
        }
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address_it_maps() {
        check("127.0.0.1", "::ffff:127.0.0.1", true);
        check("::ffff:127.0.0.1", "127.0.0.1", true);
        check("::ffff:10.0.0.0/104", "10.1.2.3", true);
        check("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true);
        check("::ffff:10.0.0.0/104", "11.0.0.0", false);
        check("::/0", "::ffff:10.1.2.3", false);
    }

    #[test]
    fn a_unix_socket_is_trusted_whatever_the_list_says() {
        assert!(trusted("").contains_peer(None));
        assert!(!trusted("").contains_peer(Some(([127, 0, 0, 1], 80).into())));
    }

    #[test]
    fn a_wrong_entry_is_named() {
        for entry in [
            "localhost",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.0/",
            "/8",
            "**",
            "::1%eth0",
            "10.0.0.1:80",
            "",
        ] {
            let error = Trusted::parse(["127.0.0.1", entry]).unwrap_err();
            assert_eq!(error, TrustError::Form(entry.to_owned()));
        }
        assert_eq!(
            Trusted::parse(["10.0.0.1/8"]).unwrap_err().to_string(),
            "'10.0.0.1/8' has host bits set; the network is 10.0.0.0/8"
        );
    }
}
