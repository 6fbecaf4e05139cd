//! What a client may not take too long for.
//!
//! No timer belongs to a connection: all are looked at every now and then.

use std::time::Duration;
use std::time::Instant;

use super::Connection;
use super::Fate;
use super::Phase;
use super::Turn;
use crate::parser::Scan;
use crate::parser::find_head;
use crate::state;

impl Connection {
    /// Enforces deadlines; called every now and then.
    pub(crate) fn sweep(&self, now: Instant) -> Fate {
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

    /// Whether it was us who took too long: a request that arrived while the
    /// application kept the worker busy gets its turn.
    fn was_overlooked(&self) -> bool {
        let phase = self.phase.get();
        if !matches!(
            phase,
            Phase::AwaitingFirst | Phase::AwaitingNext | Phase::AwaitingHead
        ) {
            return false;
        }
        self.read();
        self.turn.set(Turn::Waiting);
        let input = self.input.borrow();
        let overlooked = match phase {
            // A client that trickles its head must not gain time by each byte.
            Phase::AwaitingHead => {
                let limits = &self.state.settings.limits;
                let whole = find_head(input.unused(), &mut Scan::default(), limits);
                whole.is_ok_and(|length| length.is_some())
            }
            _ => !input.unused().is_empty(),
        };
        if overlooked {
            self.readiness.mark();
        }
        overlooked
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
