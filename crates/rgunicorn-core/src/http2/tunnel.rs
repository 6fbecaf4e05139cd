//! A stream that has become another protocol's: an extended CONNECT that was answered (RFC 8441).
//!
//! What the client sends is passed on as it comes, within the window of its stream; what is said goes out in DATA frames.
//! The end of the client's side is the end of the tunnel, as the end of a TCP connection is over HTTP/1.

use bytes::Bytes;
use h2::Reason;

use super::Http2;
use super::lane::Fed;
use super::lane::Lane;
use crate::error::Misuse;
use crate::exchange::BodyState;
use crate::exchange::Exchange;
use crate::exchange::Liveness;
use crate::ready::Token;

impl Lane {
    /// Begins a tunnel, if the client asked for one.
    ///
    /// # Errors
    /// [`Misuse::NoTunnel`] if it did not.
    pub(super) fn tunnel(&self) -> Result<(), Misuse> {
        let asked = self
            .exchange()
            .filter(|it| it.head.borrow().protocol().is_some());
        let exchange = asked.ok_or(Misuse::NoTunnel)?;
        let inbound = exchange.inbound.borrow();
        if !inbound.data.is_empty() || inbound.body != BodyState::Arriving {
            // It is the tunnel's, and nothing that is still to come brings it up.
            self.came_early.set(true);
            if let Some(connection) = self.connection.upgrade() {
                connection.look_at_all_lanes();
            }
        }
        Ok(())
    }
}

impl Http2 {
    /// Passes on what came over a tunnel.
    pub(super) fn advance_tunnel(&self, token: Token, lane: &Lane, exchange: &Exchange) {
        let fed = lane.feed(exchange);
        if fed == Fed::Something || lane.came_early.replace(false) {
            exchange.wake_readers();
            exchange.feed_watcher();
        }
        if exchange.liveness() != Liveness::Open {
            return; // what was told of it ended it
        }
        if fed == Fed::Gone || (fed == Fed::Nothing && lane.is_reset()) {
            return self.client_left(token, lane);
        }
        let has_ended = exchange.inbound.borrow().body == BodyState::Arrived;
        if has_ended && !exchange.outlasts_requests() {
            self.end_tunnel(token, lane, exchange);
        }
    }

    /// The client said that it sends no more. Ends our side the same way, if all that was said is on its way.
    fn end_tunnel(&self, token: Token, lane: &Lane, exchange: &Exchange) {
        self.write_lane(lane);
        let is_written = exchange.outbound.borrow().body.is_empty();
        let mut ends = lane.ends.borrow_mut();
        let ended = match &mut ends.send {
            Some(send) if is_written => send.send_data(Bytes::new(), true).is_ok(),
            _ => false,
        };
        drop(ends);
        if ended {
            self.let_go(token, lane);
        } else {
            self.drop_lane(token, lane, Reason::CANCEL);
        }
    }

    /// Tells whoever watches an exchange that the server is about to end.
    pub(crate) fn announce_drain(&self) {
        let lanes = self.lanes.borrow().clone();
        for lane in lanes {
            let exchange = lane.exchange();
            if let Some(watcher) = exchange.and_then(|exchange| exchange.watcher()) {
                watcher.drain();
            }
        }
    }

    /// Has everything looked at that came on any stream, in the next turn: what says which it was is used up.
    pub(super) fn look_at_all_lanes(&self) {
        self.overheard.set(true);
        self.wake();
    }
}

/// Gives the buffer of used-up input back: silent tunnels hold none.
pub(super) fn rest(exchange: &Exchange) {
    let mut inbound = exchange.inbound.borrow_mut();
    if exchange.is_tunnel.get() && inbound.data.is_empty() {
        inbound.data = Vec::new();
    }
    let mut outbound = exchange.outbound.borrow_mut();
    if outbound.body.is_empty() {
        outbound.body.rest();
    }
}
