//! What a client sends after a head: the body, or what nobody wants any more.

use std::task::Context;

use super::Connection;
use super::Ending;
use super::Phase;
use crate::exchange::Expectation;
use crate::exchange::Liveness;
use crate::input::End;
use crate::input::discard_all;

impl Connection {
    /// Moves body bytes to the application, or tells it that the client left.
    pub(super) fn advance_body(&self) {
        let Some(exchange) = self.exchange.borrow().clone() else {
            return;
        };
        let mut input = self.input.borrow_mut();
        let mut inbound = exchange.inbound.borrow_mut();
        let before = (inbound.data.len(), inbound.body);
        let fed = input.feed(&mut inbound);
        let landed = std::mem::take(&mut input.landed);
        let changed = landed || before != (inbound.data.len(), inbound.body);
        if changed {
            inbound.expectation = Expectation::None; // it came unasked
        }
        let end = input.end;
        drop(inbound);
        drop(input);
        if let Err(rejection) = fed {
            return self.reject_body(exchange, rejection);
        }
        if changed {
            exchange.wake_readers();
            exchange.feed_watcher();
        }
        self.rest_input(&exchange);
        if exchange.liveness() != Liveness::Open {
            return; // what was told of it ended it
        }
        if end == End::Broken || (end == End::Reached && !exchange.outlasts_requests()) {
            self.client_left(&exchange);
        }
    }

    pub(super) fn advance_discarding(&self, left: u64) {
        let mut input = self.input.borrow_mut();
        let discarded = input.discard(&mut Vec::new());
        let ended = input.end != End::Open;
        drop(input);
        match discarded {
            Ok(_) if self.input.borrow().is_between_requests() => self.await_next(),
            Ok(count) if count < left && !ended => {
                self.phase.set(Phase::Discarding { left: left - count });
            }
            Ok(_) => self.end_connection(Ending::Linger),
            Err(rejection) => {
                self.report(&rejection, None);
                self.end_connection(Ending::Linger);
            }
        }
    }

    pub(super) fn read_lingering(&self) {
        let mut context = Context::from_waker(self.readiness.waker());
        if !matches!(
            discard_all(&mut self.stream.borrow_mut(), &mut context),
            Ok(End::Open)
        ) {
            self.close();
        }
    }
}
