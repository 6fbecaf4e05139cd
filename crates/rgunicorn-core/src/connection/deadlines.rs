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
use crate::settings::LEAST_IDLE;
use crate::settings::SWEEP_INTERVAL;
use crate::settings::Settings;
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

/// A wait for bytes to move.
#[derive(Clone, Copy, Debug, Default)]
struct Wait {
    /// How many bytes had moved at the last look.
    moved: u64,
    /// The last looks in a row that saw none move.
    looks: u32,
}

/// The waits of an application for its request's body.
#[derive(Clone, Copy, Debug, Default)]
struct BodyWait {
    next_byte: Wait,
    /// What the present window of the rate began with.
    received_before: u64,
    /// Looks in that window.
    looks: u32,
}

/// What a body is measured by.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// The longest wait for a byte, and the length of a window.
    most_looks: u32,
    /// Bytes due in a window.
    due: u64,
}

impl Wait {
    fn begin(&mut self, moved: u64) {
        *self = Self { moved, looks: 0 };
    }

    fn look(&mut self, moved: u64) {
        if self.moved == moved {
            self.looks += 1;
        } else {
            self.begin(moved);
        }
    }
}

impl BodyWait {
    fn new(received: u64) -> Self {
        Self {
            next_byte: Wait {
                moved: received,
                looks: 0,
            },
            received_before: received,
            looks: 0,
        }
    }

    /// One look while the application waits. Says whether it waits too long.
    fn look(&mut self, received: u64, pace: Pace) -> bool {
        self.next_byte.look(received);
        self.looks += 1;
        let mut overdue = self.next_byte.looks > pace.most_looks;
        if self.looks > pace.most_looks {
            overdue |= received - self.received_before < pace.due;
            if !overdue {
                self.received_before = received;
                self.looks = 0;
            }
        }
        overdue
    }
}

impl Pace {
    /// That of a body; `None` if it may take for ever.
    fn of(body: &BodyDecoder, settings: &Settings) -> Option<Self> {
        let timeout = settings.body_timeout?;
        let rate = match body {
            BodyDecoder::Sized(_) => u128::from(settings.body_min_rate),
            BodyDecoder::Done | BodyDecoder::Chunked(_) => 0,
        };
        let due = timeout.as_millis() * rate / 1000;
        Some(Self {
            most_looks: looks(timeout),
            due: u64::try_from(due).unwrap_or(u64::MAX),
        })
    }
}

/// Looks that take as long as `limit`. The first one of a wait may come right
/// after its begin, so it takes one more to be sure.
fn looks(limit: Duration) -> u32 {
    let looks = limit.as_millis().div_ceil(SWEEP_INTERVAL.as_millis());
    u32::try_from(looks).unwrap_or(u32::MAX)
}

impl Connection {
    /// Enforces deadlines; called every now and then.
    pub(crate) fn sweep(&self, now: Instant) -> Fate {
        let exchange = self.exchange.borrow().clone();
        if let Some(exchange) = exchange {
            self.sweep_exchange(exchange);
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

    fn sweep_exchange(&self, exchange: Rc<Exchange>) {
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
        }
    }

    /// A body that its application does not read stops the reading, and with
    /// it the news that the client left.
    fn has_left_unseen(&self, exchange: &Exchange) -> bool {
        let paused = !self.wants_input(&self.input.borrow());
        paused && !exchange.outlasts_requests() && self.stream.borrow().has_ended()
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
        let Some(pace) = Pace::of(&input.body, &self.state.settings) else {
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
            Phase::Gathering | Phase::Exchanging | Phase::Closed => return None,
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

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        most_looks: 4,
        due: 100,
    };

    /// Looks at a body of which so many bytes come between two looks. Returns
    /// the number of the look that is one too many.
    fn overdue_at(bytes: impl IntoIterator<Item = u64>, pace: Pace) -> Option<usize> {
        let mut wait = BodyWait::new(7);
        let mut received = 7;
        bytes.into_iter().position(|more| {
            received += more;
            wait.look(received, pace)
        })
    }

    #[test]
    fn a_body_is_overdue_after_so_many_looks_without_a_byte() {
        let rows: [(&[u64], Option<usize>); 5] = [
            (&[0, 0, 0, 0], None),
            (&[0, 0, 0, 0, 0], Some(4)),
            (&[200, 0, 0, 0, 0], None),
            (&[200, 0, 0, 0, 0, 0], Some(5)),
            (&[0, 0, 0, 200, 0, 0, 0, 0, 200], None),
        ];
        for (bytes, expected) in rows {
            assert_eq!(
                overdue_at(bytes.iter().copied(), PACE),
                expected,
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn a_body_is_overdue_when_one_window_brought_too_little_however_much_came_before() {
        let drip = std::iter::repeat_n(19, 99);
        assert_eq!(overdue_at(drip, PACE), Some(4));
        let steady = std::iter::repeat_n(20, 99);
        assert_eq!(overdue_at(steady, PACE), None);
        let flood_then_drip = [1000].into_iter().chain(std::iter::repeat_n(19, 99));
        assert_eq!(overdue_at(flood_then_drip, PACE), Some(9));
    }

    #[test]
    fn without_a_rate_a_drip_is_enough() {
        let pace = Pace { due: 0, ..PACE };
        assert_eq!(overdue_at(std::iter::repeat_n(1, 99), pace), None);
    }

    #[test]
    fn only_a_body_of_announced_length_has_a_rate() {
        let settings = Settings {
            body_timeout: Some(Duration::from_secs(20)),
            body_min_rate: 300,
            ..Settings::default()
        };
        let sized = Pace::of(&BodyDecoder::Sized(1), &settings).unwrap();
        assert_eq!((sized.most_looks, sized.due), (40, 6000));
        let limits = crate::parser::Limits::default();
        let chunked = BodyDecoder::Chunked(Box::new(crate::parser::ChunkedDecoder::new(&limits)));
        assert_eq!(Pace::of(&chunked, &settings).unwrap().due, 0);
        let never = Settings {
            body_timeout: None,
            ..settings
        };
        assert!(Pace::of(&BodyDecoder::Sized(1), &never).is_none());
    }

    #[test]
    fn a_wait_for_writing_starts_anew_with_every_byte() {
        let mut wait = Wait::default();
        for (moved, looks) in [(0, 1), (0, 2), (5, 0), (5, 1), (6, 0), (6, 1)] {
            wait.look(moved);
            assert_eq!(wait.looks, looks);
        }
    }
}
