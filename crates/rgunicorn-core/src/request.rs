//! What an application is told about one request.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::parser::Head;

/// One request, as the connection parsed it. Borrowed: a bridge turns it into
/// the application's own objects before it runs any of the application's code.
#[derive(Debug)]
pub struct Request<'a> {
    /// The checked head.
    pub head: &'a Head,
    /// Both ends of the connection it came over.
    pub peer: &'a Peer,
}

/// Both ends of a connection; one for all of its requests.
#[derive(Debug)]
pub struct Peer {
    /// The client's address; a unix client has none.
    pub client: Option<SocketAddr>,
    /// Where the client connected to.
    pub server: ServerAddress,
    /// `http` or `https`.
    pub scheme: Scheme,
    /// The client's address in text, as logs print it; empty on a unix socket.
    client_text: OnceCell<String>,
    /// Whatever a bridge wants to keep for all requests of this connection.
    pub cache: OnceCell<Box<dyn std::any::Any>>,
}

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

impl Peer {
    pub(crate) fn new(client: Option<SocketAddr>, server: ServerAddress) -> Self {
        Self {
            client,
            server,
            scheme: Scheme::Http,
            client_text: OnceCell::new(),
            cache: OnceCell::new(),
        }
    }

    /// The client's IP address in text; empty on a unix socket.
    pub fn client_text(&self) -> &str {
        self.client_text.get_or_init(|| {
            self.client.map_or_else(String::new, |address| {
                address.ip().to_canonical().to_string()
            })
        })
    }
}
