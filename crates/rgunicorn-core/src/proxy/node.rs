//! One party of a chain of proxies, as `x-forwarded-for` and RFC 7239 section 6 name it.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use super::Client;
use super::Trusted;

/// An address, or a word that stands for one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Node {
    name: Name,
    port: u16,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Name {
    Address(IpAddr),
    Word(String),
}

impl Node {
    /// Reads `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`,
    /// `unknown` or `_hidden`. Never fails, and never falls back to the proxy's own address, which
    /// may have rights that its clients have not.
    pub(super) fn of(token: &[u8]) -> Self {
        let text = std::str::from_utf8(token).unwrap_or(UNKNOWN);
        address(text).unwrap_or_else(|| word(text))
    }

    /// Whether this is a proxy that the operator trusts. A word is nobody's address.
    pub(super) fn is_in(&self, trusted: &Trusted) -> bool {
        match self.name {
            Name::Address(address) => trusted.contains(address),
            Name::Word(_) => *trusted == Trusted::Everyone,
        }
    }

    pub(super) fn into_client(self) -> Client {
        let host = match self.name {
            Name::Address(address) => address.to_string(),
            Name::Word(word) => word,
        };
        Client {
            host,
            port: self.port,
        }
    }
}

fn address(text: &str) -> Option<Node> {
    let node = |address: IpAddr, port| Node {
        name: Name::Address(address.to_canonical()),
        port,
    };
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(node(address, 0));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, rest) = rest.split_once(']')?;
        let address: Ipv6Addr = inside.parse().ok()?;
        return Some(node(address.into(), port_after(rest)?));
    }
    let (before, _) = text.split_once(':')?;
    let address: Ipv4Addr = before.parse().ok()?;
    Some(node(address.into(), port_after(&text[before.len()..])?))
}

/// The port in nothing (0), `:80`, or `:_hidden` (0; RFC 7239 section 6.3).
fn port_after(text: &str) -> Option<u16> {
    match text.strip_prefix(':') {
        None => text.is_empty().then_some(0),
        Some(hidden) if hidden.starts_with('_') => Some(0),
        Some(digits) => port(digits.as_bytes()),
    }
}

/// A port in decimal, without sign.
pub(super) fn port(digits: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(digits).ok()?;
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| decimal)
}

/// What is no address becomes the client's name as it is, as in uvicorn, unless it has bytes that no
/// name of a host has: logs, databases and pages are to print it.
fn word(text: &str) -> Node {
    let plain =
        |name: &str| !name.is_empty() && !name.contains('[') && name.parse::<IpAddr>().is_err();
    let (name, port) = text
        .split_once(':')
        .filter(|(name, _)| plain(name))
        .and_then(|(name, _)| Some((name, port_after(&text[name.len()..])?)))
        .unwrap_or((text, 0));
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:%[]".contains(&byte);
    let is_usual = (1..=LONGEST).contains(&name.len()) && name.bytes().all(harmless);
    let name = if is_usual { name } else { UNKNOWN };
    Node {
        name: Name::Word(name.to_owned()),
        port,
    }
}

/// RFC 7239 section 6.2: somebody, but nobody knows who.
const UNKNOWN: &str = "unknown";

/// No name in the domain name system is longer.
const LONGEST: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(token: &str, host: &str, port: u16) {
        let client = Node::of(token.as_bytes()).into_client();
        assert_eq!((client.host.as_str(), client.port), (host, port), "{token}");
    }

    #[test]
    fn addresses_are_read_with_and_without_port() {
        check("192.0.2.1", "192.0.2.1", 0);
        check("192.0.2.1:80", "192.0.2.1", 80);
        check("192.0.2.1:_hidden", "192.0.2.1", 0);
        check("2001:db8::1", "2001:db8::1", 0);
        check("2001:DB8:0::1", "2001:db8::1", 0);
        check("[2001:db8::1]", "2001:db8::1", 0);
        check("[2001:db8::1]:443", "2001:db8::1", 443);
        check("::ffff:192.0.2.1", "192.0.2.1", 0);
        check("[::ffff:192.0.2.1]:1", "192.0.2.1", 1);
    }

    #[test]
    fn what_is_no_address_keeps_its_name_and_has_port_0() {
        for token in [
            "unknown",
            "_hidden",
            "example.org",
            "1.2.3",
            "1.2.3.4:99999",
            "1.2.3.4:",
            "[::1",
            "[::1]x",
            "[1.2.3.4]:80",
            "::1%eth0",
            "1.2.3.4:80:80",
            ":80",
        ] {
            check(token, token, 0);
        }
        check("unknown:80", "unknown", 80);
        check("_hidden:_port", "_hidden", 0);
    }

    #[test]
    fn what_no_host_is_called_is_called_unknown() {
        let long = "a".repeat(256);
        for token in [
            "",
            "<script>",
            "1.2.3.4:+1",
            "a b",
            "a\"b",
            "a\\b",
            "'",
            "é",
            "a\tb",
            long.as_str(),
        ] {
            check(token, "unknown", 0);
        }
        assert_eq!(Node::of(b"\xff"), Node::of(b"unknown"));
    }
}
