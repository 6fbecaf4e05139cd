//! How streams end, and connections.

use std::fmt::Display;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use h2::Reason;

use super::Goodbye;
use super::H2;
use super::Http2;
use super::Phase;
use super::answer;
use super::answer::Sent;
use super::lane::End;
use super::lane::Fed;
use super::lane::Lane;
use super::response;
use crate::exchange::Exchange;
use crate::exchange::Liveness;
use crate::parser::Rejection;
use crate::ready::Token;
use crate::refusal_log::Refused;
use crate::response::ResponseHead;
use crate::settings::WRITE_LOW_WATER;
use crate::state::Answered;

impl Http2 {
    /// Lets a lane give what it has to its stream, and moves on once an answer is complete.
    pub(super) fn write_lane(&self, lane: &Lane) {
        let Some(exchange) = lane.exchange() else {
            return;
        };
        lane.release(&exchange);
        if !exchange.outbound.borrow().pushes.is_empty() {
            self.promise(lane, &exchange);
        }
        let sent = self.encode(lane, &exchange);
        match sent {
            Sent::Part if lane.is_reset() => self.report_reset(lane, &exchange),
            Sent::Part => {
                if exchange.outbound.borrow().body.len() <= WRITE_LOW_WATER {
                    exchange.wake_writers();
                }
                return;
            }
            Sent::All => return self.finish(lane, &exchange),
            Sent::CutShort => {
                tracing::error!("A file cannot be sent to its end, the answer is cut off")
            }
            Sent::Aborted | Sent::Refused => {}
        }
        let reason = match sent {
            Sent::Part => Reason::CANCEL,
            sent => answer::reason(sent),
        };
        self.drop_lane(lane.token, lane, reason);
    }

    /// All of the answer is on its way.
    fn finish(&self, lane: &Lane, exchange: &Exchange) {
        self.log(lane, exchange);
        self.keep_request(lane, exchange);
        self.end_lane(lane.token, lane, Liveness::Finished);
    }

    /// Ends a stream before its answer was complete.
    pub(super) fn drop_lane(&self, token: Token, lane: &Lane, reason: Reason) {
        lane.reset(reason);
        self.let_go(token, lane);
    }

    /// Ends an exchange whose stream has ended.
    pub(super) fn let_go(&self, token: Token, lane: &Lane) {
        let Some(exchange) = lane.exchange() else {
            return;
        };
        if exchange.outbound.borrow().written.is_some() {
            self.log(lane, &exchange);
        }
        self.end_lane(token, lane, Liveness::Disconnected);
    }

    /// Lets the exchange go; the application may still hold it.
    fn end_lane(&self, token: Token, lane: &Lane, liveness: Liveness) {
        let Some(exchange) = lane.end() else {
            return;
        };
        self.free.borrow_mut().push(token);
        if self.busy_lanes() == 0 {
            self.since.set(self.state.clock.now());
        }
        exchange.end(liveness);
        self.state.give_exchange(exchange);
    }

    /// Keeps what is still to come of a request whose answer is complete: most often it is on its way, and h2 judges
    /// whether it is well-formed. Without it h2 asks the client at once to send no more (RFC 9113 section 8.1).
    fn keep_request(&self, lane: &Lane, exchange: &Exchange) {
        let is_leaving = self.goodbye.get() == Goodbye::Said;
        if is_leaving || !exchange.awaits_rest() || matches!(lane.feed(exchange), Fed::Malformed(_))
        {
            return;
        }
        lane.release_all_but(0);
        if let Some(receive) = lane.ends.borrow_mut().receive.take()
            && exchange.awaits_rest()
        {
            let mut kept = self.unfinished.borrow_mut();
            if kept.len() == MOST_UNFINISHED {
                kept.pop_front();
            }
            kept.push_back((receive, self.state.clock.now()));
        }
    }

    /// Has clients end the requests that nobody reads, if they have not by now.
    pub(super) fn forget_requests(&self, now: Instant) {
        let is_old = |&mut (_, since): &mut (_, Instant)| now.duration_since(since) >= UNFINISHED;
        let mut kept = self.unfinished.borrow_mut();
        while kept.front_mut().is_some_and(is_old) {
            kept.pop_front();
            self.readiness.mark(); // h2 has something to say
        }
    }

    /// Refuses a request. One that is malformed has no answer but the end of its stream.
    pub(super) fn reject(&self, token: Token, lane: &Lane, rejection: Rejection) {
        self.report(&rejection);
        if rejection.is_malformed() {
            return self.drop_lane(token, lane, Reason::PROTOCOL_ERROR);
        }
        self.answer(token, lane, rejection.status(), &format!("{rejection}\n"));
    }

    /// Answers in place of an application that has enough to do.
    pub(super) fn refuse(&self, token: Token, lane: &Lane) {
        if self.state.overloaded.is_due(self.state.clock.now()) {
            tracing::warn!("Exceeded concurrency limit.");
        }
        self.answer(token, lane, 503, "Service Unavailable");
    }

    /// The server's own answer, in place of the application's.
    pub(super) fn answer(&self, token: Token, lane: &Lane, status: u16, body: &str) {
        let Some(exchange) = lane.exchange() else {
            return;
        };
        let head = ResponseHead::plain_text(status, body.len());
        let is_to_head = exchange.is_to_head_request();
        let end = if is_to_head { End::Here } else { End::Later };
        if let Ok(response) = response::response(&head, &self.date(), None)
            && let Some(respond) = &mut lane.ends.borrow_mut().respond
            && let Ok(mut send) = respond.send(response, end)
            && end == End::Later
        {
            // Fails only where the client has gone meanwhile.
            let _ = send.send_data(Bytes::copy_from_slice(body.as_bytes()), true);
        }
        let mut outbound = exchange.outbound.borrow_mut();
        outbound.written = Some(head);
        outbound.accepted = if is_to_head { 0 } else { body.len() as u64 };
        drop(outbound);
        self.log(lane, &exchange);
        self.end_lane(token, lane, Liveness::Disconnected);
    }

    /// Writes the access log's line for one exchange.
    fn log(&self, lane: &Lane, exchange: &Exchange) {
        let outbound = exchange.outbound.borrow();
        let Some(response) = &outbound.written else {
            return;
        };
        let forwarded = lane.forwarded.borrow().clone();
        let answered = Answered {
            head: Some(&exchange.head.borrow()),
            request_line: &[],
            response,
            body_bytes: outbound.accepted,
            elapsed: exchange.began().elapsed(),
        };
        self.state
            .record(&self.peer, forwarded.as_deref(), &answered);
    }

    /// Tells the error log why a client is refused something.
    pub(super) fn report(&self, reason: &dyn Display) {
        let refused = Refused {
            client: self.peer.client_text(),
            reason,
            head: &[],
            line: 0,
        };
        let now = self.state.clock.now();
        self.state.refusal_log.record(&refused, now);
    }

    /// Tells the client to take its next requests elsewhere, in two steps: those on their way are still answered
    /// (RFC 9113 section 6.8).
    pub(super) fn say_goodbye(&self) {
        if let H2::Open(connection) = &mut *self.h2.borrow_mut()
            && self.goodbye.replace(Goodbye::Said) == Goodbye::Unsaid
        {
            connection.graceful_shutdown();
            self.unfinished.borrow_mut().clear();
        }
    }

    /// Ends the connection at once, for a reason that the client and the error log are told.
    pub(super) fn end_for(&self, reason: &dyn Display, code: Reason) {
        self.report(reason);
        self.shut(code);
    }

    /// Ends the connection at once, with a GOAWAY.
    pub(super) fn shut(&self, code: Reason) {
        // Without a preface nobody is there who knows what a GOAWAY is.
        let _ = self.poll_opening();
        if let H2::Open(connection) = &mut *self.h2.borrow_mut() {
            connection.abrupt_shutdown(code);
        }
        // h2 puts the frame into the pipe.
        let _ = self.poll_h2();
        self.end();
    }

    /// h2 found the connection broken, or the client did.
    pub(super) fn fail(&self, error: &h2::Error) {
        if error.is_io() {
            return self.leave();
        }
        if error.is_library() {
            self.report(error);
        }
        self.end();
    }

    /// Puts the right word into what h2 says at its end.
    pub(super) fn amend(&self, error: &h2::Error) {
        let is_general = error.reason() == Some(Reason::PROTOCOL_ERROR);
        if is_general && error.is_go_away() && error.is_library() {
            self.pipe.name_compression_error(&self.frames.borrow());
        }
    }

    /// Has h2 know that the client sends no more, if nobody is to be answered all the same: requests that came with
    /// the end, and those of applications that are not told of it.
    pub(super) fn tell_end_if_due(&self) {
        if self.is_end_due() {
            self.pipe.tell_end();
        }
    }

    pub(super) fn is_end_due(&self) -> bool {
        if !self.pipe.end_is_news() {
            return false;
        }
        self.pipe.unread() == 0
            && !self
                .lanes
                .borrow()
                .iter()
                .any(|lane| self.outlasts_end(lane))
    }

    /// Whether an answer may still reach a client that sends no more. One that fills the client's window cannot:
    /// nobody opens it again.
    fn outlasts_end(&self, lane: &Lane) -> bool {
        let Some(exchange) = lane.exchange() else {
            return false;
        };
        let has_more = !exchange.outbound.borrow().body.is_empty();
        let is_stuck = has_more && self.pipe.backlog() == 0 && !lane.readiness.is_marked();
        exchange.outlasts_requests() && !is_stuck
    }

    /// Nothing more is said but what is in the pipe.
    pub(super) fn end(&self) {
        if matches!(
            self.phase.get(),
            Phase::Ending | Phase::Lingering | Phase::Closed
        ) {
            return;
        }
        self.phase.set(Phase::Ending);
        self.since.set(self.state.clock.now());
        self.drop_all_lanes();
        self.unfinished.borrow_mut().clear();
        *self.h2.borrow_mut() = H2::Over;
        if self.pipe.backlog() == 0 {
            self.linger();
        }
    }

    /// Waits for the client's end, so that it can read what was said.
    pub(super) fn linger(&self) {
        self.pipe.forget(&self.state);
        let is_open = self.pipe.end() == crate::input::End::Open;
        if !is_open || self.pipe.stream().borrow_mut().finish_writing().is_err() {
            return self.close();
        }
        self.phase.set(Phase::Lingering);
        self.since.set(self.state.clock.now());
        self.readiness.mark();
    }

    /// The client is not there any more.
    pub(super) fn leave(&self) {
        self.drop_all_lanes();
        self.close();
    }

    pub(super) fn close(&self) {
        self.phase.set(Phase::Closed);
        self.readiness.mark(); // the turn removes what is over
    }

    fn drop_all_lanes(&self) {
        let count = self.lanes.borrow().len();
        for token in 0..count {
            let lane = self.lane(token);
            self.drop_lane(token, &lane, Reason::CANCEL);
        }
    }

    /// Has the applications told that their clients left, although they did not. Returns how many there are.
    pub(crate) fn bid_farewell(&self) -> usize {
        let lanes = self.lanes.borrow().clone();
        let exchanges = lanes.iter().filter_map(|lane| lane.exchange());
        exchanges
            .map(|exchange| {
                exchange.farewell.bid();
                exchange.wake_readers();
            })
            .count()
    }

    /// Whether nothing is going on that a fast stop would have to wait for.
    pub(crate) fn is_idle(&self) -> bool {
        let waits = matches!(self.phase.get(), Phase::AwaitingFirst | Phase::Serving);
        waits && self.busy_lanes() == 0 && self.pipe.backlog() == 0
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        for lane in self.lanes.take() {
            if let Some(exchange) = lane.end() {
                exchange.end(Liveness::Disconnected);
            }
        }
    }
}

/// Requests of one client that are kept though they are answered.
const MOST_UNFINISHED: usize = 16;

/// How long they are kept at least.
const UNFINISHED: Duration = Duration::from_millis(500);
