//! The header of HAProxy's PROXY protocol, versions 1 and 2, which may come before the first
//! request of a connection and says who the client is.
//!
//! Pure. Called again with the same bytes and more after them until the answer is not
//! "more". Section numbers are those of HAProxy's `proxy-protocol.txt`.

use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

use crate::parser::Rejection;

/// The versions that are looked for (`proxy_protocol`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Versions {
    /// The one in text.
    V1,
    /// The binary one.
    V2,
    /// Whichever comes.
    Both,
}

/// Whether a connection begins with a header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Beginning {
    /// It does not: a request comes first.
    No,
    /// Too few bytes to tell.
    Unclear,
    /// It does.
    Yes,
}

/// A whole header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProxyHeader {
    /// Its bytes.
    pub length: usize,
    /// Whom it names.
    pub origin: Origin,
}

/// On whose behalf the connection was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// A client's.
    Addresses {
        /// The client.
        client: SocketAddr,
        /// What it connected to.
        server: SocketAddr,
    },
    /// The proxy's own, for example to see whether the server is well (`LOCAL`).
    Proxy,
    /// Somebody's whom the proxy cannot name: `UNKNOWN`, unspecified, or a unix socket.
    Unknown,
}

const V1_SIGNATURE: &[u8] = b"PROXY ";
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Section 2.1: the longest line of version 1, with CRLF.
const LONGEST_V1: usize = 107;

/// The most that is taken of version 2. Section 2.2 has room for 64 KiB, but says that addresses and
/// extensions together should fit the first segment of a connection.
const LONGEST_V2: usize = 4096;

/// Of version 2: signature, version and command, family, length.
const FIXED_V2: usize = 16;

/// Whether `input`, the first bytes of a connection, begins a header of one of `versions`.
#[must_use]
pub fn beginning(input: &[u8], versions: Versions) -> Beginning {
    let signatures: &[&[u8]] = match versions {
        Versions::V1 => &[V1_SIGNATURE],
        Versions::V2 => &[V2_SIGNATURE],
        Versions::Both => &[V1_SIGNATURE, V2_SIGNATURE],
    };
    if signatures
        .iter()
        .any(|signature| input.starts_with(signature))
    {
        Beginning::Yes
    } else if signatures
        .iter()
        .any(|signature| signature.starts_with(input))
    {
        Beginning::Unclear
    } else {
        Beginning::No
    }
}

/// Reads the header that `input` begins with, or `None` if more of it is to come.
///
/// # Errors
///
/// If it is malformed, or longer than anybody needs.
pub fn read(input: &[u8]) -> Result<Option<ProxyHeader>, Rejection> {
    let header = if input.starts_with(V1_SIGNATURE) {
        read_v1(input)
    } else {
        read_v2(input)
    };
    header.ok_or(Rejection::ProxyHeader)
}

/// `None` if it is malformed, `Some(None)` if it is not complete.
fn read_v1(input: &[u8]) -> Option<Option<ProxyHeader>> {
    let most = &input[..input.len().min(LONGEST_V1)];
    let Some(end) = most.windows(2).position(|pair| pair == b"\r\n") else {
        return (most.len() < LONGEST_V1).then_some(None);
    };
    let line = std::str::from_utf8(&most[V1_SIGNATURE.len()..end]).ok()?;
    let origin = if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        Origin::Unknown
    } else {
        v1_addresses(line)?
    };
    let length = end + b"\r\n".len();
    Some(Some(ProxyHeader { length, origin }))
}

/// Section 2.1: family, both addresses, both ports, with single spaces between them.
fn v1_addresses(line: &str) -> Option<Origin> {
    let mut words = line.split(' ');
    let mut next = || words.next();
    let family = next()?;
    let (client, server) = (next()?, next()?);
    let (client_port, server_port) = (v1_port(next()?)?, v1_port(next()?)?);
    if words.next().is_some() {
        return None;
    }
    let (client, server) = match family {
        "TCP4" => (
            client.parse::<Ipv4Addr>().ok()?.into(),
            server.parse::<Ipv4Addr>().ok()?.into(),
        ),
        "TCP6" => (
            client.parse::<Ipv6Addr>().ok()?.into(),
            server.parse::<Ipv6Addr>().ok()?.into(),
        ),
        _ => return None,
    };
    Some(Origin::Addresses {
        client: SocketAddr::new(client, client_port),
        server: SocketAddr::new(server, server_port),
    })
}

/// Decimal, without sign and leading zeros.
fn v1_port(text: &str) -> Option<u16> {
    let canonical = text == "0" || text.starts_with(|first: char| matches!(first, '1'..='9'));
    text.parse().ok().filter(|_| canonical)
}

/// `None` if it is malformed, `Some(None)` if it is not complete.
fn read_v2(input: &[u8]) -> Option<Option<ProxyHeader>> {
    let Some(fixed) = input.first_chunk::<FIXED_V2>() else {
        return Some(None);
    };
    let [.., command, family, high, low] = *fixed;
    let length = FIXED_V2 + usize::from(u16::from_be_bytes([high, low]));
    if !fixed.starts_with(V2_SIGNATURE) || length > LONGEST_V2 {
        return None;
    }
    let kind = V2Kind::of(command, family)?;
    if length < FIXED_V2 + kind.address_bytes() {
        return None;
    }
    let Some(rest) = input.get(FIXED_V2..length) else {
        return Some(None);
    };
    let origin = kind.origin(rest)?;
    Some(Some(ProxyHeader { length, origin }))
}

/// What command and family of version 2 amount to (section 2.2).
#[derive(Clone, Copy, Debug)]
enum V2Kind {
    Proxy,
    Unknown,
    Inet,
    Inet6,
    Unix,
}

impl V2Kind {
    fn of(command: u8, family: u8) -> Option<Self> {
        match (command, family) {
            (0x20, _) => Some(Self::Proxy),
            (0x21, 0x00..=0x02) => Some(Self::Unknown),
            (0x21, 0x11) => Some(Self::Inet),
            (0x21, 0x21) => Some(Self::Inet6),
            (0x21, 0x31) => Some(Self::Unix),
            // Another version, an unassigned number, or datagrams, which carry no HTTP/1.
            _ => None,
        }
    }

    fn address_bytes(self) -> usize {
        match self {
            Self::Proxy | Self::Unknown => 0,
            Self::Inet => 12,
            Self::Inet6 => 36,
            Self::Unix => 216,
        }
    }

    /// `rest` is what follows the fixed part; extensions (TLVs) at its end are skipped.
    fn origin(self, rest: &[u8]) -> Option<Origin> {
        let port = |at: usize| {
            let bytes = rest.get(at..)?.first_chunk()?;
            Some(u16::from_be_bytes(*bytes))
        };
        let v4 = |at: usize| Some(Ipv4Addr::from(*rest.get(at..)?.first_chunk::<4>()?));
        let v6 = |at: usize| Some(Ipv6Addr::from(*rest.get(at..)?.first_chunk::<16>()?));
        Some(match self {
            Self::Proxy => Origin::Proxy,
            Self::Unknown | Self::Unix => Origin::Unknown,
            Self::Inet => Origin::Addresses {
                client: (v4(0)?, port(8)?).into(),
                server: (v4(4)?, port(10)?).into(),
            },
            Self::Inet6 => Origin::Addresses {
                client: (v6(0)?, port(32)?).into(),
                server: (v6(16)?, port(34)?).into(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &[u8], expected: Result<Option<ProxyHeader>, Rejection>) {
        assert_eq!(read(input), expected, "{}", input.escape_ascii());
    }

    #[track_caller]
    fn refuse(input: &[u8]) {
        check(input, Err(Rejection::ProxyHeader));
    }

    fn addresses(
        length: usize,
        client: &str,
        server: &str,
    ) -> Result<Option<ProxyHeader>, Rejection> {
        let (client, server) = (client.parse().unwrap(), server.parse().unwrap());
        let origin = Origin::Addresses { client, server };
        Ok(Some(ProxyHeader { length, origin }))
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [V2_SIGNATURE, &[command, family], &length, rest].concat()
    }

    const V4: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 2, 0x1f, 0x90, 1, 0xbb];

    #[test]
    fn a_signature_is_recognised_as_soon_as_it_can_be() {
        for (input, versions, expected) in [
            (&b""[..], Versions::Both, Beginning::Unclear),
            (b"P", Versions::Both, Beginning::Unclear),
            (b"P", Versions::V2, Beginning::No),
            (b"PROXY", Versions::V1, Beginning::Unclear),
            (b"PROXY ", Versions::V1, Beginning::Yes),
            (b"PROXY ", Versions::V2, Beginning::No),
            (b"PUT / HTTP", Versions::Both, Beginning::No),
            (b"GET", Versions::Both, Beginning::No),
            (b"\r\n\r\n\0\r\n", Versions::Both, Beginning::Unclear),
            (b"\r\nGET", Versions::Both, Beginning::No),
            (V2_SIGNATURE, Versions::Both, Beginning::Yes),
            (V2_SIGNATURE, Versions::V1, Beginning::No),
        ] {
            assert_eq!(
                beginning(input, versions),
                expected,
                "{}",
                input.escape_ascii()
            );
        }
    }

    #[test]
    fn version_1_names_both_ends() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.2 8080 443\r\nGET /";
        check(line, addresses(44, "192.0.2.1:8080", "198.51.100.2:443"));
        let line = b"PROXY TCP6 2001:db8::1 ::2 1 65535\r\n";
        check(line, addresses(36, "[2001:db8::1]:1", "[::2]:65535"));
        for line in [&b"PROXY UNKNOWN\r\n"[..], b"PROXY UNKNOWN ::1 whatever\r\n"] {
            let (length, origin) = (line.len(), Origin::Unknown);
            check(line, Ok(Some(ProxyHeader { length, origin })));
        }
    }

    #[test]
    fn version_1_is_one_line_of_107_bytes_at_most() {
        check(b"PROXY TCP4 192.0.2.1", Ok(None));
        check(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r", Ok(None));
        let longest = format!("PROXY UNKNOWN {}\r\n", "x".repeat(91));
        let (length, origin) = (107, Origin::Unknown);
        check(longest.as_bytes(), Ok(Some(ProxyHeader { length, origin })));
        check(&longest.as_bytes()[..106], Ok(None));
        refuse(format!("PROXY UNKNOWN {}\r\n", "x".repeat(92)).as_bytes());
        refuse("PROXY ".repeat(30).as_bytes());
    }

    #[test]
    fn version_1_is_strict() {
        for line in [
            "",
            "TCP4",
            "TCP4 1.2.3.4 1.2.3.4 1",
            "TCP4 1.2.3.4 1.2.3.4 1 2 3",
            "TCP4  1.2.3.4 1.2.3.4 1 2",
            "TCP4 1.2.3.4 1.2.3.4 1 2 ",
            "TCP4 ::1 ::1 1 2",
            "TCP6 1.2.3.4 1.2.3.4 1 2",
            "TCP4 1.2.3 1.2.3.4 1 2",
            "TCP4 1.2.3.4 1.2.3.4 65536 1",
            "TCP4 1.2.3.4 1.2.3.4 +1 2",
            "TCP4 1.2.3.4 1.2.3.4 01 2",
            "TCP4 1.2.3.4 1.2.3.4 -1 2",
            "TCP4 1.2.3.4 1.2.3.4 1 2\n",
            "tcp4 1.2.3.4 1.2.3.4 1 2",
            "UDP4 1.2.3.4 1.2.3.4 1 2",
            "UNKNOWNS",
            "TCP4 1.2.3.4\t1.2.3.4 1 2",
            "TCP6 fe80::1%lo ::1 1 2",
        ] {
            refuse(format!("PROXY {line}\r\n").as_bytes());
        }
    }

    #[test]
    fn version_2_names_both_ends_and_its_extensions_are_skipped() {
        let expected = |length| addresses(length, "192.0.2.1:8080", "198.51.100.2:443");
        check(&v2(0x21, 0x11, V4), expected(28));
        let with_extension = [V4, &[4, 0, 1, 0]].concat();
        check(&v2(0x21, 0x11, &with_extension), expected(32));
        check(&[&v2(0x21, 0x11, V4)[..], b"GET /"].concat(), expected(28));
        let (client, server) = (Ipv6Addr::LOCALHOST.octets(), Ipv6Addr::UNSPECIFIED.octets());
        let v6 = [&client[..], &server, &[0, 80, 0, 81]].concat();
        check(&v2(0x21, 0x21, &v6), addresses(52, "[::1]:80", "[::]:81"));
    }

    #[test]
    fn version_2_may_name_nobody() {
        let named = |input: &[u8]| read(input).unwrap().unwrap().origin;
        assert_eq!(named(&v2(0x20, 0x00, b"")), Origin::Proxy);
        assert_eq!(named(&v2(0x20, 0x11, V4)), Origin::Proxy);
        assert_eq!(named(&v2(0x20, 0xff, b"junk")), Origin::Proxy);
        assert_eq!(named(&v2(0x21, 0x00, b"")), Origin::Unknown);
        assert_eq!(named(&v2(0x21, 0x31, &[0; 216])), Origin::Unknown);
    }

    #[test]
    fn version_2_is_incomplete_until_its_last_byte() {
        let whole = v2(0x21, 0x11, V4);
        for end in V2_SIGNATURE.len()..whole.len() {
            check(&whole[..end], Ok(None));
        }
    }

    #[test]
    fn version_2_is_strict() {
        for (command, family) in [
            (0x11, 0x11),
            (0x31, 0x11),
            (0x22, 0x11),
            (0x2f, 0x11),
            (0x21, 0x12),
            (0x21, 0x10),
            (0x21, 0x13),
            (0x21, 0x22),
            (0x21, 0x32),
            (0x21, 0x41),
            (0x21, 0x03),
        ] {
            refuse(&v2(command, family, &[0; 300]));
        }
        refuse(&v2(0x21, 0x11, &V4[..11]));
        refuse(&v2(0x21, 0x21, &[0; 35]));
        refuse(&v2(0x21, 0x31, &[0; 215]));
    }

    #[test]
    fn version_2_is_bounded() {
        let fits = v2(0x21, 0x11, &[0; 4080]);
        assert_eq!(read(&fits).unwrap().unwrap().length, 4096);
        let too_long = v2(0x21, 0x11, &[0; 4081]);
        refuse(&too_long);
        refuse(&too_long[..16]);
    }
}
