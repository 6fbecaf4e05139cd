//! Third phase of a turn: what the applications gave becomes frames, and those leave in one write.

use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use super::H2;
use super::Http2;
use super::Phase;
use crate::encode::Persistence;
use crate::stream::Gate;

impl Http2 {
    /// Third phase of a turn: what the applications gave goes to the client.
    pub(crate) fn write(&self) {
        self.say_goodbye_if_due();
        let mut context = Context::from_waker(self.readiness.waker());
        self.write_by(&mut Gate::Runtime(&mut context));
    }

    /// The same, by whoever knows whether the socket takes bytes.
    pub(super) fn write_by(&self, gate: &mut Gate<'_, '_>) {
        if self.pipe.is_blocked() && self.push_out(gate) == Progress::None && self.pipe.is_blocked()
        {
            return;
        }
        for _ in 0..ROUNDS {
            self.serve_lanes();
            if self.push_out(gate) == Progress::None {
                return;
            }
        }
        self.readiness.mark(); // others have waited
    }

    /// Has h2 make frames of what it was given, and writes them.
    pub(super) fn push_out(&self, gate: &mut Gate<'_, '_>) -> Progress {
        let unread = self.pipe.unread();
        let polled = self.poll_h2();
        if self.pipe.unread() != unread {
            self.look_at_all_lanes(); // their turn to be fed is over
        }
        let (sent, drained) = self.pipe.drain(gate);
        self.waits.sent.set(self.waits.sent.get() + sent);
        let frames = self.waits.frames.take();
        self.frames.borrow_mut().credit(sent, frames);
        match drained {
            Poll::Ready(Err(_)) => {
                self.leave();
                return Progress::None;
            }
            Poll::Pending => {
                self.pipe.was_full();
                return Progress::None;
            }
            Poll::Ready(Ok(())) => {}
        }
        match polled {
            Poll::Ready(Err(error)) => self.fail(&error),
            Poll::Ready(Ok(())) => self.end(),
            Poll::Pending => {}
        }
        if self.phase.get() == Phase::Ending && self.pipe.backlog() == 0 {
            self.linger();
            return Progress::None;
        }
        if self.pipe.was_full() || self.ready.has_some() {
            Progress::Some
        } else {
            Progress::None
        }
    }

    /// Lets h2 do what it can. Ready once the connection is over.
    pub(super) fn poll_h2(&self) -> Poll<Result<(), h2::Error>> {
        let mut context = Context::from_waker(Waker::noop());
        let polled = match &mut *self.h2.borrow_mut() {
            H2::Open(connection) => connection.poll_closed(&mut context),
            H2::Opening(_) | H2::Over => Poll::Pending,
        };
        if let Poll::Ready(Err(error)) = &polled {
            self.amend(error);
        }
        polled
    }

    /// Lets the lanes to which something happened have their say, the first of them first. So much is taken
    /// at once as makes a good write: what the socket does not take is ours to keep.
    fn serve_lanes(&self) {
        let mut batch = self.batch.take();
        self.ready.take(&mut batch, usize::MAX);
        let mut room = ROUND;
        for token in batch.drain(..) {
            let lane = self.lane(token);
            lane.readiness.begin();
            if room == 0 {
                lane.readiness.mark();
                continue;
            }
            let before = lane.waits.sent.get();
            self.write_lane(&lane);
            room = room.saturating_sub(lane.waits.sent.get().saturating_sub(before));
        }
        self.batch.replace(batch);
    }

    /// Tells the client to take its next request elsewhere, once that is how it is.
    fn say_goodbye_if_due(&self) {
        let served = self.phase.get() == Phase::Serving;
        if served && self.state.persistence() == Persistence::Close {
            self.say_goodbye();
        }
    }
}

/// Whether another round of writing is worth it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    None,
    Some,
}

/// Bytes of answers that one round takes.
const ROUND: u64 = 512 * 1024;

/// Rounds of one write, each of which may fill the pipe, before others have their turn.
pub(super) const ROUNDS: usize = 8;
