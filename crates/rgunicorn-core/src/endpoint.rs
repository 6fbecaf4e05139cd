//! What the two ends of a connection are called.

use std::net::SocketAddr;
use std::path::PathBuf;

/// The server's end of a connection.
#[derive(Clone, Debug)]
pub enum ServerAddress {
    /// An IP address and port.
    Tcp(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
}

/// How the connection is secured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// In clear text.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The address of a listener (`http://127.0.0.1:8000`, `unix:/path`), for clients of this
    /// scheme.
    #[must_use]
    pub fn of_address(self, address: &str) -> String {
        match (self, address.strip_prefix("http://")) {
            (Self::Https, Some(rest)) => format!("https://{rest}"),
            _ => address.to_owned(),
        }
    }

    /// The port that a URL of this scheme need not name.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}
