//! What a client may not take too long for.
//!
//! No timer belongs to a connection: all are looked at every now and then.

use std::time::Duration;
use std::time::Instant;

use super::Connection;
use super::Fate;
use super::Phase;
use crate::state;

impl Connection {
    /// Enforces deadlines; called every now and then.
    pub(crate) fn sweep(&self, now: Instant) -> Fate {
        if self.phase.get() == Phase::Exchanging {
            self.look_for_the_end();
        }
        let waited = now.duration_since(self.since.get());
        if self.allowance(now).is_some_and(|allowed| waited >= allowed) && !self.was_overlooked() {
            match self.phase.get() {
                Phase::AwaitingHead => self.time_out(),
                _ => self.close(),
            }
        }
        if self.phase.get() == Phase::Closed {
            Fate::Over
        } else {
            Fate::Alive
        }
    }

    /// A body that its application does not read stops the reading, and with
    /// it the news that the client left.
    fn look_for_the_end(&self) {
        let Some(exchange) = self.exchange.borrow().clone() else {
            return;
        };
        let paused = !self.wants_input(&self.input.borrow());
        let answered = exchange.outbound.borrow().stage.is_complete();
        if paused && !answered && self.stream.borrow().has_ended() {
            self.client_left(&exchange);
        }
    }

    /// Whether it was us who took too long: bytes that arrived while the
    /// application kept the worker busy are still in the socket, and tokio
    /// learns of them only after this turn.
    fn was_overlooked(&self) -> bool {
        let waits = matches!(
            self.phase.get(),
            Phase::AwaitingFirst | Phase::AwaitingNext | Phase::AwaitingHead
        );
        waits && self.stream.borrow().has_unread()
    }

    /// How long the present wait may take.
    fn allowance(&self, now: Instant) -> Option<Duration> {
        let settings = &self.state.settings;
        let allowed = match self.phase.get() {
            Phase::AwaitingFirst => settings.head_timeout,
            Phase::AwaitingHead => settings.head_timeout,
            Phase::AwaitingNext => settings.keep_alive,
            Phase::Lingering | Phase::Discarding { .. } | Phase::Ending(_) => {
                return Some(settings.linger);
            }
            Phase::Exchanging | Phase::Closed => return None,
        };
        let state::Phase::Draining { since } = self.state.phase() else {
            return Some(allowed);
        };
        let draining = now.duration_since(since);
        // Counted from the drain's begin, in the terms of `self.since`.
        let waited = now.duration_since(self.since.get());
        let until_drained = settings.drain_idle.saturating_sub(draining);
        Some(allowed.min(waited + until_drained))
    }
}
