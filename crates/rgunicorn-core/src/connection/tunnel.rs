//! A connection that has become another protocol's (RFC 9110 section 7.8).
//!
//! Its exchange goes on for as long as the connection does. What the client sends behind its head,
//! pipelined bytes included, is passed on as it is.

use std::rc::Rc;
use std::task::Context;

use super::Connection;
use super::Phase;
use crate::encode::BodyFraming;
use crate::error::Misuse;
use crate::exchange::Exchange;
use crate::input::BodyDecoder;
use crate::input::Filled;
use crate::input::Input;
use crate::stream::Stream;
use crate::tunnel::Placement;
use crate::tunnel::Watcher;

impl Connection {
    /// Begins a tunnel, if the client asked for one.
    ///
    /// # Errors
    /// [`Misuse::NoTunnel`] if it did not, or if its request has a body.
    pub(super) fn tunnel(&self) -> Result<(), Misuse> {
        let mut input = self.input.borrow_mut();
        let exchange = self.exchange.borrow().clone();
        let asked = exchange.is_some_and(|exchange| {
            exchange.head.borrow().protocol().is_some() && !exchange.awaits_rest()
        });
        if !asked || !input.is_between_requests() {
            return Err(Misuse::NoTunnel);
        }
        input.body = BodyDecoder::Tunnel;
        drop(input);
        // Until the head is written, which decides the same.
        self.framing.set(BodyFraming::Tunnel);
        // Bytes that came with the request belong to the tunnel.
        self.readiness.mark();
        Ok(())
    }

    /// Reads what the socket holds to where it is wanted.
    pub(super) fn fill(&self, input: &mut Input, context: &mut Context<'_>) -> Filled {
        let stream = &mut self.stream.borrow_mut();
        match self.landing(input, stream) {
            Some(watcher) => input.land(stream, context, &self.state, &*watcher),
            None => input.fill(stream, context, &self.state),
        }
    }

    /// Who may have what comes next read to its own memory: a tunnel's watcher that has taken all that came.
    fn landing(&self, input: &Input, stream: &Stream) -> Option<Rc<dyn Watcher>> {
        if self.phase.get() != Phase::Exchanging || !input.unused().is_empty() {
            return None;
        }
        let current = self.exchange.borrow();
        let exchange = current.as_ref()?;
        let lands = exchange.placement.get() == Placement::Offered
            && exchange.inbound.borrow().data.is_empty()
            && stream.is_plain();
        lands.then(|| exchange.watcher()).flatten()
    }

    /// Gives the buffer of used-up input back: silent tunnels hold none.
    pub(super) fn rest_input(&self, exchange: &Exchange) {
        let mut inbound = exchange.inbound.borrow_mut();
        if exchange.is_tunnel.get() && inbound.data.is_empty() && inbound.data.capacity() > 0 {
            self.state.give_buffer(std::mem::take(&mut inbound.data));
        }
    }

    /// The same for all buffers, looked at every now and then.
    pub(super) fn rest_tunnel(&self, exchange: &Exchange) {
        self.rest_input(exchange);
        let mut output = self.output.borrow_mut();
        if exchange.is_tunnel.get() && output.is_empty() {
            output.rest();
        }
        let mut outbound = exchange.outbound.borrow_mut();
        if outbound.body.is_empty() {
            outbound.body.rest();
        }
    }
}
