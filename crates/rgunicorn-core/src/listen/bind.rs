//! One value of gunicorn's `bind`: how it reads and prints.

use std::fmt;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::str::FromStr;

/// Where to listen: one value of gunicorn's `bind`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Bind {
    /// A host, by name or address, and a port; 0 lets the system choose one.
    Tcp {
        /// In lower case, without the brackets of an IPv6 address.
        host: String,
        /// 8000 if none was given.
        port: u16,
    },
    /// The path of a unix socket. One that starts with a zero byte is abstract and has no file.
    Unix(PathBuf),
    /// A listening socket that this process inherited. Only its owner can open it; see
    /// [`Listener::from_owned_fd`](super::Listener::from_owned_fd).
    Fd(RawFd),
}

/// Why a value of `bind` names no place to listen.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BindError {
    /// `fd://` without a number that could be one.
    #[error("{0:?} is not a valid file descriptor")]
    Fd(String),
    /// An IPv6 address without brackets, or text after them.
    #[error("{0:?} is not a valid address: an IPv6 address is written [::1]:8000")]
    Ipv6(String),
    /// A number alone, which would be a host.
    #[error("{0:?} is not a valid address: a port alone is written :{0}")]
    NoHost(String),
    /// `unix:` without a path.
    #[error("{0:?} names no path for a unix socket")]
    NoPath(String),
    /// The part after the colon is not a number up to 65535.
    #[error("{0:?} is not a valid port number")]
    Port(String),
}

const DEFAULT_PORT: u16 = 8000;

impl FromStr for Bind {
    type Err = BindError;

    /// Reads `host:port`, `host`, `:port`, `[v6]:port`, each also after `tcp://`, `unix:path`,
    /// `unix://path` or `fd://number`. Nothing at all is every IPv4 address.
    fn from_str(text: &str) -> Result<Self, BindError> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" => Err(BindError::NoPath(text.into())),
                path => Ok(Self::Unix(path.into())),
            };
        }
        if let Some(number) = text.strip_prefix("fd://") {
            return match number.parse() {
                Ok(fd) if fd >= 0 => Ok(Self::Fd(fd)),
                _ => Err(BindError::Fd(number.into())),
            };
        }
        let (host, port) = split_port(text.strip_prefix("tcp://").unwrap_or(text))?;
        let host = if host.is_empty() {
            "0.0.0.0".into()
        } else {
            host.to_lowercase()
        };
        Ok(Self::Tcp { host, port })
    }
}

/// Host without brackets, and port.
fn split_port(text: &str) -> Result<(&str, u16), BindError> {
    let not_ipv6 = || BindError::Ipv6(text.into());
    if let Some(rest) = text.strip_prefix('[') {
        return match rest.split_once(']').ok_or_else(not_ipv6)? {
            (host, "") => Ok((host, DEFAULT_PORT)),
            (host, port) => Ok((
                host,
                parse_port(port.strip_prefix(':').ok_or_else(not_ipv6)?)?,
            )),
        };
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(not_ipv6()),
        Some((host, port)) => Ok((host, parse_port(port)?)),
        None if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(BindError::NoHost(text.into()))
        }
        None => Ok((text, DEFAULT_PORT)),
    }
}

fn parse_port(text: &str) -> Result<u16, BindError> {
    text.parse().map_err(|_| BindError::Port(text.into()))
}

impl fmt::Display for Bind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(formatter, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(formatter, "{host}:{port}"),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
            Self::Fd(fd) => write!(formatter, "fd://{fd}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Bind {
        Bind::Tcp {
            host: host.into(),
            port,
        }
    }

    #[test]
    fn addresses_read_as_gunicorns() {
        let table = [
            ("127.0.0.1:80", tcp("127.0.0.1", 80)),
            ("LocalHost:0", tcp("localhost", 0)),
            ("example", tcp("example", 8000)),
            (":81", tcp("0.0.0.0", 81)),
            ("", tcp("0.0.0.0", 8000)),
            ("[::1]:82", tcp("::1", 82)),
            ("[::]", tcp("::", 8000)),
            ("tcp://a:83", tcp("a", 83)),
            ("unix:/run/a", Bind::Unix("/run/a".into())),
            ("unix:///run/a", Bind::Unix("/run/a".into())),
            ("unix:a", Bind::Unix("a".into())),
            ("unix://a", Bind::Unix("a".into())),
            ("fd://3", Bind::Fd(3)),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse(), Ok(expected.clone()), "{text}");
            assert_eq!(expected.to_string().parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_named() {
        let table = [
            ("a:b", "\"b\" is not a valid port number"),
            ("a:", "\"\" is not a valid port number"),
            ("a:65536", "\"65536\" is not a valid port number"),
            (
                "8000",
                "\"8000\" is not a valid address: a port alone is written :8000",
            ),
            (
                "::1",
                "\"::1\" is not a valid address: an IPv6 address is written [::1]:8000",
            ),
            (
                "[::1",
                "\"[::1\" is not a valid address: an IPv6 address is written [::1]:8000",
            ),
            (
                "[::1]8",
                "\"[::1]8\" is not a valid address: an IPv6 address is written [::1]:8000",
            ),
            ("fd://x", "\"x\" is not a valid file descriptor"),
            ("fd://-1", "\"-1\" is not a valid file descriptor"),
            ("unix:", "\"unix:\" names no path for a unix socket"),
        ];
        for (text, expected) in table {
            assert_eq!(
                text.parse::<Bind>().unwrap_err().to_string(),
                expected,
                "{text}"
            );
        }
    }
}
