//! `uri-host [":" port]`: the value of Host and the authority of an absolute target (RFC 9110 §4.2,
//! §7.2).

use std::net::Ipv6Addr;

/// Whether `bytes` is a host with an optional port. An empty host is one, as RFC 3986 §3.2.2 has
/// it.
pub(crate) fn is_authority(bytes: &[u8]) -> bool {
    let host_length = match bytes.first() {
        Some(b'[') => literal_length(bytes),
        _ => name_length(bytes),
    };
    host_length.is_some_and(|length| is_port(&bytes[length..]))
}

/// The length of a reg-name or IPv4 address: unreserved, sub-delims and percent-escapes.
fn name_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    loop {
        match bytes.get(length) {
            Some(byte) if is_name(*byte) => length += 1,
            Some(b'%') => match bytes.get(length + 1..length + 3) {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => length += 3,
                _ => return None,
            },
            _ => return Some(length),
        }
    }
}

/// The length of `[v6]` or `[vX.future]` with its brackets. A zone is not allowed: it means nothing
/// to a server.
fn literal_length(bytes: &[u8]) -> Option<usize> {
    let end = memchr::memchr(b']', bytes)?;
    let literal = std::str::from_utf8(bytes.get(1..end)?).ok()?;
    (literal.parse::<Ipv6Addr>().is_ok() || is_future(literal.as_bytes())).then_some(end + 1)
}

/// `"v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )` of RFC 3986 §3.2.2.
fn is_future(literal: &[u8]) -> bool {
    let [b'v' | b'V', rest @ ..] = literal else {
        return false;
    };
    let version = rest
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    match &rest[version..] {
        [b'.', address @ ..] if version > 0 && !address.is_empty() => {
            address.iter().all(|byte| is_name(*byte) || *byte == b':')
        }
        _ => false,
    }
}

/// Whether `bytes` is nothing, or a colon and a port that may be empty.
fn is_port(bytes: &[u8]) -> bool {
    match bytes {
        [] => true,
        [b':', digits @ ..] => {
            let port = digits.iter().try_fold(0_u32, |port, digit| match digit {
                b'0'..=b'9' => {
                    Some(port * 10 + u32::from(digit - b'0')).filter(|port| *port <= 65_535)
                }
                _ => None,
            });
            port.is_some()
        }
        _ => false,
    }
}

/// Unreserved and sub-delims of RFC 3986 §2.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&'..=b',' | b';' | b'='
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(authority: &str, expected: bool) {
        assert_eq!(
            is_authority(authority.as_bytes()),
            expected,
            "{authority:?}"
        );
    }

    #[test]
    fn names_addresses_and_literals_are_hosts_with_or_without_port() {
        for host in [
            "",
            "a",
            "example.com",
            "a_b",
            "a%20b",
            "127.0.0.1",
            "[::1]",
            "[v1.a:b]",
            "a,b",
        ] {
            check(host, true);
            check(&format!("{host}:"), true);
            check(&format!("{host}:80"), true);
            check(&format!("{host}:65535"), true);
        }
    }

    #[test]
    fn anything_else_is_no_host() {
        for host in [
            "a b", "a/b", "user@a", "a:b", "a:65536", "a:1:2", "a%2", "a%zz", "é", "a?b", "a:+1",
        ] {
            check(host, false);
        }
        for host in [
            "[",
            "[]",
            "[::1",
            "[::1]a",
            "[::g]",
            "[::1%25eth0]",
            "[v.a]",
            "[v1.]",
            "[v1]",
            "::1",
        ] {
            check(host, false);
        }
        check("a:99999999999999999999", false);
    }
}
