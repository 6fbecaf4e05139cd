//! The host and port that the client asked a proxy for.

use super::node::port;
use super::text;
use crate::endpoint::Scheme;
use crate::parser::Rejection;
use crate::parser::is_authority;

/// What takes the place of the `host` field and of the server's address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ForwardedHost {
    /// The value for the `host` field: a name or address, with a port where one has to be said.
    pub field: String,
    /// The name or address alone, without brackets.
    pub name: String,
    /// The port, said or implied.
    pub port: u16,
}

impl ForwardedHost {
    /// What `x-forwarded-host`, `x-forwarded-port` and `host` say together; nothing if the first two
    /// are absent. A port in `x-forwarded-host` was in the client's URL and goes first.
    ///
    /// # Errors
    ///
    /// If one of the first two is malformed.
    pub(super) fn of_fields(
        forwarded: Option<&[u8]>,
        port_field: Option<&[u8]>,
        host: Option<&[u8]>,
        scheme: Scheme,
    ) -> Result<Option<Self>, Rejection> {
        let said = match port_field {
            Some(digits) => Some(
                port(digits)
                    .filter(|port| *port > 0)
                    .ok_or(Rejection::ForwardedPort)?,
            ),
            None => None,
        };
        let (authority, port) = match (forwarded, host, said) {
            (Some(authority), _, _) => {
                let (_, own) = split(authority)?;
                (authority, said.filter(|_| own.is_none()))
            }
            (None, Some(host), Some(_)) if !host.is_empty() => (host, said),
            _ => return Ok(None),
        };
        Self::new(authority, port, scheme).map(Some)
    }

    /// What RFC 7239's `host=` says.
    ///
    /// # Errors
    ///
    /// If it is no `host[:port]`.
    pub(super) fn of_authority(authority: &[u8], scheme: Scheme) -> Result<Self, Rejection> {
        Self::new(authority, None, scheme)
    }

    /// `port` replaces the one in `authority`.
    fn new(authority: &[u8], port: Option<u16>, scheme: Scheme) -> Result<Self, Rejection> {
        let (name, own) = split(authority)?;
        let name = text(name.into());
        let implied = scheme.default_port();
        let field = match port {
            None => text(authority.into()),
            Some(port) if port == implied => name.clone(),
            Some(port) => format!("{name}:{port}"),
        };
        let bare = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        Ok(Self {
            field,
            name: bare.unwrap_or(&name).to_owned(),
            port: port.or(own).unwrap_or(implied),
        })
    }
}

/// The host, not empty, and the port if there is one.
fn split(authority: &[u8]) -> Result<(&[u8], Option<u16>), Rejection> {
    if !is_authority(authority) {
        return Err(Rejection::ForwardedHost);
    }
    let literal = authority.iter().position(|byte| *byte == b']');
    let after = literal.map_or(0, |end| end + 1);
    let colon = authority[after..].iter().position(|byte| *byte == b':');
    let (name, port_part) = match colon {
        Some(colon) => (
            &authority[..after + colon],
            port(&authority[after + colon + 1..]),
        ),
        None => (authority, None),
    };
    if name.is_empty() {
        return Err(Rejection::ForwardedHost);
    }
    Ok((name, port_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        (forwarded, port, host): (Option<&str>, Option<&str>, Option<&str>),
        expected: (&str, &str, u16),
    ) {
        let bytes = |text: Option<&'static str>| text.map(str::as_bytes);
        let _ = bytes;
        let found = ForwardedHost::of_fields(
            forwarded.map(str::as_bytes),
            port.map(str::as_bytes),
            host.map(str::as_bytes),
            Scheme::Https,
        );
        let found = found.unwrap().unwrap();
        assert_eq!(
            (found.field.as_str(), found.name.as_str(), found.port),
            expected
        );
    }

    #[test]
    fn host_and_port_come_from_whoever_knows_best() {
        let host = Some("inside:8000");
        check((Some("a.org"), None, host), ("a.org", "a.org", 443));
        check(
            (Some("a.org:8443"), None, host),
            ("a.org:8443", "a.org", 8443),
        );
        check((Some("a.org"), Some("443"), host), ("a.org", "a.org", 443));
        check(
            (Some("a.org"), Some("444"), host),
            ("a.org:444", "a.org", 444),
        );
        check(
            (Some("a.org:1"), Some("444"), host),
            ("a.org:1", "a.org", 1),
        );
        check((None, Some("444"), host), ("inside:444", "inside", 444));
        check((None, Some("443"), host), ("inside", "inside", 443));
        check((Some("[::1]:2"), None, None), ("[::1]:2", "::1", 2));
        check((Some("[::1]"), Some("9"), None), ("[::1]:9", "::1", 9));
    }

    #[test]
    fn without_a_word_nothing_changes() {
        let read = |port| ForwardedHost::of_fields(None, port, None, Scheme::Http);
        assert_eq!(read(None), Ok(None));
        assert_eq!(read(Some(b"80")), Ok(None));
    }

    #[test]
    fn what_is_no_host_or_port_is_refused() {
        for host in ["", ":80", "a b", "a/b", "a@b", "a:b", "[::1", "a:70000"] {
            let read = ForwardedHost::of_authority(host.as_bytes(), Scheme::Http);
            assert_eq!(read, Err(Rejection::ForwardedHost), "{host}");
        }
        for port in ["", "0", "65536", "+1", "8o", " 1"] {
            let read =
                ForwardedHost::of_fields(Some(b"a"), Some(port.as_bytes()), None, Scheme::Http);
            assert_eq!(read, Err(Rejection::ForwardedPort), "{port}");
        }
    }
}
