//! What an application is asked, wherever it runs.

use std::any::Any;
use std::cell::OnceCell;
use std::net::SocketAddr;
use std::sync::Arc;

use rgunicorn_core::parser::Head;
use rgunicorn_core::proxy::Forwarded;
use rgunicorn_core::proxy::Trusted;
use rgunicorn_core::request::Request;
use rgunicorn_core::request::Scheme;
use rgunicorn_core::request::ServerAddress;
use rgunicorn_core::tls::TlsFacts;

/// One request and both ends of its connection.
pub(crate) struct Asked<'a> {
    pub(crate) head: &'a Head,
    pub(crate) forwarded: Option<&'a Forwarded>,
    pub(crate) client: Option<SocketAddr>,
    pub(crate) client_text: &'a str,
    pub(crate) server: &'a ServerAddress,
    pub(crate) scheme: Scheme,
    pub(crate) tls: Option<&'a TlsFacts>,
    /// Whether both ends are what the PROXY protocol says.
    pub(crate) proxied: bool,
    /// Whether the client is a proxy that is believed.
    pub(crate) is_trusted: bool,
    /// A place for what all requests of the connection have in common.
    pub(crate) cache: Option<&'a OnceCell<Box<dyn Any>>>,
}

impl<'a> Asked<'a> {
    /// On the thread that owns the connection.
    pub(crate) fn here(request: &Request<'a>, trusted: &Trusted) -> Self {
        Self {
            head: request.head,
            forwarded: request.forwarded,
            client: request.peer.client(),
            client_text: request.peer.client_text(),
            server: request.peer.server(),
            scheme: request.peer.scheme,
            tls: request.peer.tls().map(|facts| &**facts),
            proxied: request.peer.is_proxied(),
            is_trusted: request.peer.is_in(trusted),
            cache: Some(&request.peer.cache),
        }
    }
}

/// The same, to be taken to another thread.
pub(crate) struct Parcel {
    head: Head,
    forwarded: Option<Forwarded>,
    client: Option<SocketAddr>,
    client_text: String,
    server: ServerAddress,
    scheme: Scheme,
    tls: Option<Arc<TlsFacts>>,
    proxied: bool,
    is_trusted: bool,
}

impl Parcel {
    pub(crate) fn of(request: &Request<'_>, trusted: &Trusted) -> Self {
        Self {
            head: request.head.clone(),
            forwarded: request.forwarded.cloned(),
            client: request.peer.client(),
            client_text: request.peer.client_text().to_owned(),
            server: request.peer.server().clone(),
            scheme: request.peer.scheme,
            tls: request.peer.tls().cloned(),
            proxied: request.peer.is_proxied(),
            is_trusted: request.peer.is_in(trusted),
        }
    }

    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked {
            head: &self.head,
            forwarded: self.forwarded.as_ref(),
            client: self.client,
            client_text: &self.client_text,
            server: &self.server,
            scheme: self.scheme,
            tls: self.tls.as_deref(),
            proxied: self.proxied,
            is_trusted: self.is_trusted,
            cache: None,
        }
    }
}
