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

/// What the proxies in front of one connection said so far.
pub(super) struct Proxied {
    preamble: Cell<Preamble>,
    /// About the latest request.
    forwarded: RefCell<Option<Rc<Forwarded>>>,
}

impl Proxied {
    pub(super) fn new(settings: &ProxySettings) -> Self {
        let preamble = settings
            .protocol
            .map_or(Preamble::Over, |_| Preamble::Awaited);
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
            let preamble = preamble.map_err(|rule| rule.at(0))?;
            self.proxied.preamble.set(preamble);
        }
        Ok(self.proxied.preamble.get())
    }

    fn read_preamble(&self, input: &mut Input) -> Result<Preamble, Rejection> {
        let settings = &self.state.settings.proxy;
        let Some(versions) = settings.protocol else {
            return Ok(Preamble::Over);
        };
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
