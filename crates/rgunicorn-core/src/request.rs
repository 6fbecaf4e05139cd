//! What an application is told about one request.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use crate::parser::Head;
use crate::parser::Rejection;
use crate::proxy::Forwarded;
use crate::proxy::ProxySettings;
use crate::proxy::Trusted;
use crate::tls::TlsFacts;

pub use crate::endpoint::Scheme;
pub use crate::endpoint::ServerAddress;

/// One request, as the connection parsed it. Borrowed: a bridge turns it into
/// the application's own objects before it runs any of the application's code.
#[derive(Debug)]
pub struct Request<'a> {
    /// The checked head.
    pub head: &'a Head,
    /// Both ends of the connection it came over.
    pub peer: &'a Peer,
    /// What a trusted proxy said about it. Goes before what `peer` says.
    pub forwarded: Option<&'a Forwarded>,
    /// Whether the client takes answers that it did not ask for.
    pub pushing: Pushing,
}

/// Whether a client takes what it did not ask for (RFC 9113 section 8.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pushing {
    /// It cannot, or does not want to.
    Refused,
    /// It may be given.
    Welcome,
}

/// Both ends of a connection; one for all of its requests.
#[derive(Debug)]
pub struct Peer {
    ends: Ends,
    /// What the PROXY protocol put in their place.
    proxied: OnceCell<Ends>,
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Whether what it says about other clients is believed.
    trusted: OnceCell<bool>,
    /// The client's address in text, as logs print it; empty on a unix socket.
    client_text: OnceCell<String>,
    /// How the connection is secured, from the end of the handshake on.
    tls: Option<Rc<OnceCell<Arc<TlsFacts>>>>,
    /// Whatever a bridge wants to keep for all requests of this connection.
    pub cache: OnceCell<Box<dyn std::any::Any>>,
}

#[derive(Debug)]
struct Ends {
    client: Option<SocketAddr>,
    server: ServerAddress,
}

impl Peer {
    pub(crate) fn new(client: Option<SocketAddr>, server: ServerAddress) -> Self {
        Self {
            ends: Ends { client, server },
            proxied: OnceCell::new(),
            scheme: Scheme::Http,
            tls: None,
            trusted: OnceCell::new(),
            client_text: OnceCell::new(),
            cache: OnceCell::new(),
        }
    }

    /// Both ends of a connection over TLS, whose handshake will say more.
    pub(crate) fn secured(self, facts: Rc<OnceCell<Arc<TlsFacts>>>) -> Self {
        Self {
            scheme: Scheme::Https,
            tls: Some(facts),
            ..self
        }
    }

    /// How the connection is secured; `None` if it is not.
    pub fn tls(&self) -> Option<&Arc<TlsFacts>> {
        self.tls.as_ref()?.get()
    }

    /// Whether it is not yet secured, but is going to be.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|facts| facts.get().is_none())
    }

    fn ends(&self) -> &Ends {
        self.proxied.get().unwrap_or(&self.ends)
    }

    /// The client's address; a unix client has none.
    pub fn client(&self) -> Option<SocketAddr> {
        self.ends().client
    }

    /// Where the client connected to.
    pub fn server(&self) -> &ServerAddress {
        &self.ends().server
    }

    /// The client's IP address in text; empty on a unix socket.
    pub fn client_text(&self) -> &str {
        self.client_text.get_or_init(|| {
            self.client().map_or_else(String::new, |address| {
                address.ip().to_canonical().to_string()
            })
        })
    }

    /// Whether the ends are what the PROXY protocol says.
    pub fn is_proxied(&self) -> bool {
        self.proxied.get().is_some()
    }

    /// Puts other ends in place of those of the socket, before anybody asked for them. Who is
    /// trusted is decided by the new client: the bytes are its, the proxy only passes them on.
    pub(crate) fn replace(&self, client: SocketAddr, server: SocketAddr) {
        let server = ServerAddress::Tcp(server);
        let _ = self.proxied.set(Ends {
            client: Some(client),
            server,
        });
    }

    /// Believes nothing: the bytes are somebody's whom the proxy cannot name.
    pub(crate) fn distrust(&self) {
        let _ = self.trusted.set(false);
    }

    /// What a trusted proxy says about a request; of most, nothing.
    pub(crate) fn forwarded(
        &self,
        head: &Head,
        settings: &ProxySettings,
    ) -> Result<Option<Rc<Forwarded>>, Rejection> {
        if !settings.concerns(head) || !self.is_in(&settings.trusted) {
            return Ok(None);
        }
        let forwarded = settings.read(head, self.scheme)?;
        Ok(Some(Rc::new(forwarded)))
    }

    /// Whether the client is one of `trusted`. Decided once, so ask with the same each time.
    pub fn is_in(&self, trusted: &Trusted) -> bool {
        *self
            .trusted
            .get_or_init(|| trusted.contains_peer(self.client()))
    }
}
