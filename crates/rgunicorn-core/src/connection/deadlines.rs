//! What a client may not take too long for.
//!
//! No timer belongs to a connection: all are looked at every now and then.
//! Waits between requests are measured by the clock. Waits for bytes to move
//! are counted in looks that saw none move: however long the worker was busy,
//! or its process stopped, that is one look.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use super::Connection;
use super::Fate;
use super::Phase;
use crate::exchange::Exchange;
use crate::exchange::Expectation;
use crate::input::BodyDecoder;
use crate::pace::BodyWait;
use crate::pace::Length;
use crate::pace::Pace;
use crate::pace::Wait;
use crate::pace::looks;
use crate::settings::LEAST_IDLE;
use crate::state;

/// A connection's waits for bytes to move.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// Bytes written to the socket so far.
    pub(super) sent: Cell<u64>,
    write: Cell<Wait>,
    body: Cell<BodyWait>,
}

impl Waits {
    /// A request's body begins, after so many bytes of the connection.
    pub(super) fn begin_body(&self, received: u64) {
        self.body.set(BodyWait::new(received));
    }
}

impl Connection {
    /// Enforces deadlines; called every now and then.
    pub(crate) fn sweep(&self, now: Instant) -> Fate {
        let exchange = self.exchange.borrow().clone();
        if let Some(exchange) = exchange {
            self.sweep_exchange(exchange, now);
        }
        let waited = now.duration_since(self.since.get());
        if self.allowance(now).is_some_and(|allowed| waited >= allowed) && !self.was_overlooked() {
            match self.phase.get() {
                Phase::AwaitingHead => self.time_out(),
                _ => self.give_up(),
            }
        }
        if self.phase.get() == Phase::Closed {
            Fate::Over
        } else {
            Fate::Alive
        }
    }

    fn sweep_exchange(&self, exchange: Rc<Exchange>, now: Instant) {
        if self.has_left_unseen(&exchange) {
            self.client_left(&exchange);
        } else if self.does_not_read() {
            tracing::info!(
                "Response was not read in time by ip={}",
                self.peer.client_text()
            );
            self.reset();
            self.client_left(&exchange);
        } else if self.does_not_send(&exchange) && !self.stream.borrow().has_unread() {
            self.time_out_body(exchange);
        } else if let Some(watcher) = exchange.watcher() {
            watcher.look(now);
            self.rest_tunnel(&exchange);
        }
    }

    /// A body that its application does not read stops the reading, and with
    /// it the news that the client left. What a tunnel holds unread may matter
    /// to its application even then.
    fn has_left_unseen(&self, exchange: &Exchange) -> bool {
        let paused = !self.wants_input(&self.input.borrow());
        paused
            && !exchange.is_tunnel.get()
            && !exchange.outlasts_requests()
            && self.stream.borrow().has_ended()
    }

    /// Whether the client took no byte of what waits for it, for too long.
    fn does_not_read(&self) -> bool {
        let Some(limit) = self.state.settings.write_timeout else {
            return false;
        };
        let sent = self.waits.sent.get();
        let mut wait = self.waits.write.get();
        if self.output.borrow().is_empty() {
            wait.begin(sent);
        } else {
            wait.look(sent);
        }
        self.waits.write.set(wait);
        wait.looks > 0 && wait.looks > looks(limit)
    }

    /// Whether the client keeps an application waiting for the request's body.
    /// One that does something else meanwhile is not held up, and where its
    /// buffer is full it is we who do not read. Nor is one late that was never
    /// told to continue.
    fn does_not_send(&self, exchange: &Exchange) -> bool {
        let wanted = self.phase.get() == Phase::Gathering || exchange.awaits_body();
        let holds_back = exchange.inbound.borrow().expectation == Expectation::Waiting;
        if holds_back || !wanted {
            return false;
        }
        let input = self.input.borrow();
        let length = match &input.body {
            BodyDecoder::Sized(_) => Length::Announced,
            BodyDecoder::Done | BodyDecoder::Chunked(_) => Length::Unknown,
            BodyDecoder::Tunnel => return false, // may be silent for as long as it likes
        };
        let Some(pace) = Pace::of(length, &self.state.settings) else {
            return false;
        };
        let mut wait = self.waits.body.get();
        let overdue = wait.look(input.received, pace);
        self.waits.body.set(wait);
        overdue
    }

    fn time_out_body(&self, exchange: Rc<Exchange>) {
        let reason = "request body was not received in time";
        self.report(&reason, None);
        match self.take_over(exchange) {
            Some(head) => {
                self.answer(408, reason, Some(&head));
                self.write();
            }
            None => self.reset(),
        }
    }

    /// Makes up for time in which the worker itself stood still.
    pub(crate) fn forgive(&self, stood_still: Duration, now: Instant) {
        self.since.set(now.min(self.since.get() + stood_still));
    }

    /// Since when the client has asked nothing, if it could be let go of for that.
    pub(crate) fn idle_since(&self, now: Instant) -> Option<Instant> {
        let since = self.since.get();
        let idle = self.phase.get() == Phase::AwaitingNext
            && now.duration_since(since) >= LEAST_IDLE
            && !self.was_overlooked();
        idle.then_some(since)
    }

    /// Whether it was us who took too long: bytes that arrived while the
    /// application kept the worker busy are still in the socket, and tokio
    /// learns of them only after this turn; or they were read, and their turn
    /// was postponed.
    fn was_overlooked(&self) -> bool {
        let waits = matches!(
            self.phase.get(),
            Phase::AwaitingFirst | Phase::AwaitingNext | Phase::AwaitingHead
        );
        waits && (self.readiness.is_marked() || self.stream.borrow().has_unread())
    }

    /// How long a client may take until its handshake is over.
    fn handshake_allowance(&self) -> Option<Duration> {
        let patience = self.state.tls.as_ref()?.patience();
        let limits = [patience, self.state.settings.head_timeout];
        limits.into_iter().flatten().min()
    }

    /// How long the present wait may take.
    fn allowance(&self, now: Instant) -> Option<Duration> {
        let settings = &self.state.settings;
        let allowed = match self.phase.get() {
            Phase::AwaitingFirst if self.peer.is_handshaking() => self.handshake_allowance(),
            Phase::AwaitingFirst | Phase::AwaitingHead => settings.head_timeout,
            Phase::AwaitingNext => Some(settings.keep_alive),
            Phase::Lingering | Phase::Discarding { .. } | Phase::Ending(_) => {
                return Some(settings.linger);
            }
            Phase::Gathering | Phase::Exchanging | Phase::Leaving | Phase::Closed => return None,
        };
        let state::Phase::Draining { since } = self.state.phase() else {
            return allowed;
        };
        let draining = now.duration_since(since);
        // Counted from the drain's begin, in the terms of `self.since`.
        let waited = now.duration_since(self.since.get());
        let until_drained = waited + settings.drain_idle.saturating_sub(draining);
        Some(allowed.map_or(until_drained, |allowed| allowed.min(until_drained)))
    }
}
