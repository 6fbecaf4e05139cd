//! What a client may not take too long for: the same as over HTTP/1, for the connection and for each of its streams.

use std::cell::Cell;
use std::time::Duration;
use std::time::Instant;

use h2::Reason;

use super::Goodbye;
use super::Http2;
use super::Phase;
use super::lane::Lane;
use super::lane::Stage;
use super::tunnel;
use crate::connection::Fate;
use crate::exchange::Exchange;
use crate::exchange::Expectation;
use crate::pace::Length;
use crate::pace::Pace;
use crate::pace::Wait;
use crate::pace::looks;
use crate::parser::Framing;
use crate::settings::LEAST_IDLE;
use crate::state;

/// A connection's waits for bytes to move.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// Bytes written to the socket so far.
    pub(super) sent: Cell<u64>,
    /// DATA frames since the client was last allowed to enlarge windows for them.
    pub(super) frames: Cell<u32>,
    write: Cell<Wait>,
    /// For the rest of the fields of a request.
    fields: Cell<Option<(u64, Instant)>>,
}

impl Http2 {
    /// Enforces deadlines; called every now and then.
    pub(crate) fn sweep(&self, now: Instant) -> Fate {
        self.frames.borrow_mut().forgive();
        self.forget_requests(now);
        if self.does_not_read() {
            tracing::info!(
                "Response was not read in time by ip={}",
                self.peer.client_text()
            );
            // Fails only where the client has reset the connection itself.
            let _ = self.pipe.stream().borrow_mut().reset_on_close();
            self.leave();
        }
        self.sweep_lanes(now);
        self.pipe.rest_output();
        self.sweep_connection(now);
        if self.phase.get() == Phase::Closed {
            Fate::Over
        } else {
            Fate::Alive
        }
    }

    fn sweep_connection(&self, now: Instant) {
        let waited = now.duration_since(self.since.get());
        let is_overdue = match self.phase.get() {
            Phase::Closed => return,
            Phase::Ending | Phase::Lingering => {
                if waited >= self.state.settings.linger {
                    self.close();
                }
                return;
            }
            Phase::AwaitingFirst | Phase::Serving => self.is_overdue(now, waited),
        };
        if is_overdue && !self.was_overlooked() {
            self.shut(Reason::NO_ERROR);
            self.write();
        } else if self.fields_are_overdue(now) && !self.was_overlooked() {
            self.end_for(
                &"request head was not received in time",
                Reason::ENHANCE_YOUR_CALM,
            );
            self.write();
        } else if self.sweep_pings(now) {
            self.leave();
        } else if self.is_to_part() {
            self.say_goodbye();
            self.write();
        }
    }

    /// Whether a client that asks nothing was waited for long enough.
    fn is_overdue(&self, now: Instant, waited: Duration) -> bool {
        let settings = &self.state.settings;
        if self.phase.get() == Phase::Serving && !self.is_idle() {
            return false;
        }
        let allowed = match self.phase.get() {
            Phase::AwaitingFirst => settings.head_timeout,
            _ if self.frames.borrow().is_amid_fields() => settings.head_timeout,
            _ => Some(settings.keep_alive),
        };
        let drained = match self.state.phase() {
            state::Phase::Draining { since } => now.duration_since(since) >= settings.drain_idle,
            state::Phase::Serving => false,
        };
        drained || allowed.is_some_and(|allowed| waited >= allowed)
    }

    /// Whether the fields of a request began to come and do not end.
    fn fields_are_overdue(&self, now: Instant) -> bool {
        let frames = self.frames.borrow();
        let requests = frames.facts().requests;
        let since = match self.waits.fields.get() {
            _ if !frames.is_amid_fields() => {
                self.waits.fields.set(None);
                return false;
            }
            Some((then, since)) if then == requests => since,
            _ => now,
        };
        self.waits.fields.set(Some((requests, since)));
        let allowed = self.state.settings.head_timeout;
        allowed.is_some_and(|allowed| now.duration_since(since) >= allowed)
    }

    /// Whether this client is to go, and does not know.
    fn is_to_part(&self) -> bool {
        let draining = self.state.phase() != state::Phase::Serving;
        let wanted = self.state.places_are_wanted.get();
        (draining || wanted) && self.goodbye.get() == Goodbye::Unsaid
    }

    fn sweep_lanes(&self, now: Instant) {
        if self.busy_lanes() == 0 {
            return;
        }
        let lanes = self.lanes.borrow().clone();
        for lane in lanes {
            if let Some(exchange) = lane.exchange() {
                self.sweep_lane(&lane, &exchange, now);
            }
        }
    }

    fn sweep_lane(&self, lane: &Lane, exchange: &Exchange, now: Instant) {
        if self.takes_nothing(lane, exchange) {
            tracing::info!(
                "Response was not read in time by ip={}",
                self.peer.client_text()
            );
            self.drop_lane(lane.token, lane, Reason::CANCEL);
            self.write();
        } else if self.does_not_send(lane, exchange) && !self.pipe.stream().borrow().has_unread() {
            let reason = "request body was not received in time";
            self.report(&reason);
            if exchange.outbound.borrow().written.is_none() {
                self.answer(lane.token, lane, 408, &format!("{reason}\n"));
            } else {
                self.drop_lane(lane.token, lane, Reason::CANCEL);
            }
            self.write();
        } else if let Some(watcher) = exchange.watcher() {
            watcher.look(now);
            tunnel::rest(exchange);
        }
    }

    /// Whether the client took no byte of what waits in the pipe, for too long.
    fn does_not_read(&self) -> bool {
        let is_idle = self.pipe.backlog() == 0;
        let mut wait = self.waits.write.get();
        let overdue = self.is_stuck(&mut wait, self.waits.sent.get(), is_idle);
        self.waits.write.set(wait);
        overdue
    }

    /// Whether the client has had no room for a byte of this answer, for too long.
    fn takes_nothing(&self, lane: &Lane, exchange: &Exchange) -> bool {
        let is_idle = exchange.outbound.borrow().body.is_empty();
        let mut wait = lane.waits.write.get();
        let overdue = self.is_stuck(&mut wait, lane.waits.sent.get(), is_idle);
        lane.waits.write.set(wait);
        overdue
    }

    fn is_stuck(&self, wait: &mut Wait, sent: u64, is_idle: bool) -> bool {
        let Some(limit) = self.state.settings.write_timeout else {
            return false;
        };
        if is_idle {
            wait.begin(sent);
        } else {
            wait.look(sent);
        }
        wait.looks > 0 && wait.looks > looks(limit)
    }

    /// Whether the client keeps an application waiting for the request's body.
    fn does_not_send(&self, lane: &Lane, exchange: &Exchange) -> bool {
        let wanted = lane.stage.get() == Stage::Gathering || exchange.awaits_body();
        let holds_back = exchange.inbound.borrow().expectation == Expectation::Waiting;
        if holds_back || !wanted || exchange.is_tunnel.get() {
            return false;
        }
        let length = match exchange.head.borrow().framing() {
            Framing::Length(_) => Length::Announced,
            Framing::Empty | Framing::Chunked => Length::Unknown,
        };
        let Some(pace) = Pace::of(length, &self.state.settings) else {
            return false;
        };
        let mut wait = lane.waits.body.get();
        let overdue = wait.look(lane.waits.received.get(), pace);
        lane.waits.body.set(wait);
        overdue
    }

    /// Makes up for time in which the worker itself stood still.
    pub(crate) fn forgive(&self, stood_still: Duration, now: Instant) {
        self.since.set(now.min(self.since.get() + stood_still));
    }

    /// Since when the client has asked nothing, if it could be let go of for that.
    pub(crate) fn idle_since(&self, now: Instant) -> Option<Instant> {
        let since = self.since.get();
        let idle = self.phase.get() == Phase::Serving
            && self.is_idle()
            && now.duration_since(since) >= LEAST_IDLE
            && !self.was_overlooked();
        idle.then_some(since)
    }

    /// Whether it was us who took too long.
    fn was_overlooked(&self) -> bool {
        self.readiness.is_marked() || self.pipe.stream().borrow().has_unread()
    }
}
