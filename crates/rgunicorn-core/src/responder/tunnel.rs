//! The application's side of an exchange that becomes another protocol's.

use std::rc::Rc;

use super::Responder;
use crate::error::Misuse;
use crate::error::SendError;
use crate::exchange::BodyState;
use crate::exchange::Content;
use crate::exchange::Liveness;
use crate::exchange::Stage;
use crate::parser::Version;
use crate::response::ResponseHead;
use crate::tunnel::Placement;
use crate::tunnel::Watcher;

impl Responder {
    /// Has `watcher` told what happens to the exchange, until its end. Keeps it alive until then.
    pub fn watch(&self, watcher: Rc<dyn Watcher>) {
        if self.exchange.liveness() == Liveness::Open {
            self.exchange.watch(watcher);
        }
    }

    /// Answers that the connection or stream now speaks what the client asked for
    /// ([`Head::protocol`](crate::parser::Head::protocol)). From here on [`Self::take_input`] gives
    /// what the client sends, and each part of a body goes out as it is; the last one ends our side.
    ///
    /// # Errors
    /// [`Misuse::NoTunnel`] if the client asked for nothing or its request has a body, and otherwise as
    /// [`Self::start`].
    pub fn tunnel(&self, head: ResponseHead) -> Result<(), SendError> {
        match self.exchange.outbound.borrow().stage {
            Stage::Awaiting => {}
            Stage::Held | Stage::Open | Stage::Trailing => {
                return Err(Misuse::AlreadyStarted.into());
            }
            Stage::Complete | Stage::Encoded | Stage::Aborted => {
                return Err(Misuse::AlreadyComplete.into());
            }
        }
        let transport = self.exchange.transport();
        let Some(transport) = transport.filter(|_| self.exchange.liveness() == Liveness::Open)
        else {
            return Err(SendError::Disconnected);
        };
        transport.begin_tunnel()?;
        self.exchange.is_tunnel.set(true);
        self.exchange.inbound.borrow_mut().body = BodyState::Arriving;
        let head = match self.head().version() {
            Version::Http2 => head.over_http2(),
            Version::Http10 | Version::Http11 => head,
        };
        let mut outbound = self.exchange.outbound.borrow_mut();
        outbound.content = Content::Unknown;
        outbound.stage = Stage::Open;
        outbound.head = Some(head);
        drop(outbound);
        transport.mark_ready();
        Ok(())
    }

    /// Takes everything that came over the tunnel, for its reader to use in place. It may be left there to
    /// slow the client down; also what came before the client left can be taken.
    pub fn take_input(&self) -> Vec<u8> {
        let mut inbound = self.exchange.inbound.borrow_mut();
        if inbound.data.is_empty() {
            return Vec::new();
        }
        let input = std::mem::take(&mut inbound.data);
        drop(inbound);
        if !self.exchange.feeding.get()
            && let Some(transport) = self.exchange.transport()
        {
            transport.mark_for_reading(); // it may have been paused
        }
        input
    }

    /// Says where what comes next goes. HTTP/2 and TLS have memory of their own for it, and put it to the
    /// exchange in any case.
    pub fn place(&self, placement: Placement) {
        self.exchange.placement.set(placement);
    }

    /// Gives the buffer of a [`Self::take_input`] back, to be used again.
    pub fn give_back(&self, mut buffer: Vec<u8>) {
        let mut inbound = self.exchange.inbound.borrow_mut();
        if inbound.data.capacity() == 0 && self.exchange.liveness() == Liveness::Open {
            buffer.clear();
            inbound.data = buffer;
        }
    }

    /// Whether the server is about to end.
    pub fn is_draining(&self) -> bool {
        self.exchange
            .transport()
            .is_some_and(|transport| transport.is_draining())
    }
}
