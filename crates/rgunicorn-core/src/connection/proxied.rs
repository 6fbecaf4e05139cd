//! What proxies in front say: in the PROXY protocol's header before the first request, and in the
//! fields of each. What is believed of it, [`proxy`](crate::proxy) decides.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;

use super::Connection;
use super::Phase;
use crate::input::Input;
use crate::parser::Head;
use crate::parser::Refusal;
use crate::parser::Rejection;
use crate::proxy::Forwarded;
use crate::proxy::ProxySettings;
use crate::proxy_protocol;
use crate::proxy_protocol::Beginning;
use crate::proxy_protocol::Origin;
use crate::request::Scheme;

/// What the proxies in front of one connection said so far.
pub(super) struct Proxied {
    preamble: Cell<Preamble>,
    /// About the latest request.
    forwarded: RefCell<Option<Rc<Forwarded>>>,
}

impl Proxied {
    pub(super) fn new(settings: &ProxySettings, scheme: Scheme) -> Self {
        let preamble = match (settings.protocol, scheme) {
            (None, Scheme::Http) => Preamble::Over,
            (Some(_), _) | (None, Scheme::Https) => Preamble::Awaited,
        };
        Self {
            preamble: Cell::new(preamble),
            forwarded: RefCell::default(),
        }
    }

    pub(super) fn forwarded(&self) -> Option<Rc<Forwarded>> {
        self.forwarded.borrow().clone()
    }

    /// A new request: what was said about the one before does not hold for it.
    pub(super) fn forget_forwarded(&self) {
        drop(self.forwarded.take());
    }
}

/// Whether something may still come before the first request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Preamble {
    /// The first bytes decide.
    Awaited,
    /// Requests follow.
    Over,
}

impl Connection {
    /// Takes the PROXY header off the beginning of a connection, if one may be there.
    pub(super) fn take_preamble(&self, input: &mut Input) -> Result<Preamble, Refusal> {
        if self.proxied.preamble.get() == Preamble::Awaited {
            let preamble = self.read_preamble(input);
            let preamble = preamble.and_then(|preamble| self.begin_tls(preamble, input));
            let preamble = preamble.map_err(|rule| rule.at(0))?;
            self.proxied.preamble.set(preamble);
        }
        Ok(self.proxied.preamble.get())
    }

    /// Over TLS the handshake follows. What comes in the clear instead is no request.
    fn begin_tls(&self, preamble: Preamble, input: &mut Input) -> Result<Preamble, Rejection> {
        let mut stream = self.stream.borrow_mut();
        let Some(tls) = stream.encrypted() else {
            return Ok(preamble);
        };
        if preamble == Preamble::Over && tls.is_before_handshake() {
            tls.begin(input.unused());
            input.forget(&self.state);
            self.readiness.mark();
            return Ok(Preamble::Awaited);
        }
        match preamble {
            // Nothing has come yet that could be told from anything else.
            _ if input.unused().is_empty() => Ok(Preamble::Awaited),
            _ if tls.is_clear() => Err(Rejection::PlainText),
            preamble => Ok(preamble),
        }
    }

    fn read_preamble(&self, input: &mut Input) -> Result<Preamble, Rejection> {
        let settings = &self.state.settings.proxy;
        let Some(versions) = settings.protocol else {
            return Ok(Preamble::Over);
        };
        if self.peer.tls().is_some() {
            return Ok(Preamble::Over); // it came before the handshake, if it came
        }
        match proxy_protocol::beginning(input.unused(), versions) {
            // Served as it is: gunicorn does so too.
            Beginning::No => return Ok(Preamble::Over),
            Beginning::Unclear => return Ok(Preamble::Awaited),
            Beginning::Yes if settings.protocol_trusted.contains_peer(self.peer.client()) => {}
            Beginning::Yes => return Err(Rejection::ProxyPeer),
        }
        let Some(header) = proxy_protocol::read(input.unused())? else {
            return Ok(Preamble::Awaited);
        };
        match header.origin {
            Origin::Addresses { client, server } => self.peer.replace(client, server),
            Origin::Unknown => self.peer.distrust(),
            Origin::Proxy => {}
        }
        input.consume(header.length);
        // A proxy may connect long before its client asks for anything.
        self.phase.set(Phase::AwaitingFirst);
        Ok(Preamble::Over)
    }

    /// Takes what a trusted proxy says about this request; of most, nothing.
    pub(super) fn take_forwarded(&self, head: &Head) -> Result<(), Refusal> {
        let forwarded = self.peer.forwarded(head, &self.state.settings.proxy);
        self.proxied
            .forwarded
            .replace(forwarded.map_err(|rule| rule.at(0))?);
        Ok(())
    }
}
