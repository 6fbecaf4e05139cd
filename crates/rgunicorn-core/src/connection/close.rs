//! What follows an answer: the next request, or the end of the connection.

use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

use super::Connection;
use super::Ending;
use super::Phase;
use crate::app::App;
use crate::encode;
use crate::encode::BodyFraming;
use crate::encode::HeadFacts;
use crate::encode::Persistence;
use crate::exchange::Exchange;
use crate::exchange::Liveness;
use crate::input::BodyDecoder;
use crate::input::End;
use crate::parser::Head;
use crate::parser::Refusal;
use crate::parser::Rejection;
use crate::parser::Version;
use crate::refusal_log::Refused;
use crate::response::ResponseHead;
use crate::settings::DISCARD_LIMIT;
use crate::state::Answered;
use crate::stream::Encrypted;

/// Of a request line that could not be parsed, so much is logged.
const EXCERPT: usize = 128;

impl Connection {
    /// The whole answer was written.
    pub(super) fn finish(&self, exchange: Rc<Exchange>) {
        self.log(&exchange);
        self.end_exchange(exchange, Liveness::Finished);
        if self.persistence.get() == Persistence::Close {
            let input = self.input.borrow();
            let quiet = input.is_between_requests() && input.unused().is_empty();
            drop(input);
            return self.end_connection(if quiet { Ending::Close } else { Ending::Linger });
        }
        if self.input.borrow().is_between_requests() {
            return self.await_next();
        }
        match self.input.borrow().body {
            BodyDecoder::Sized(missing) if missing > DISCARD_LIMIT => {}
            _ => {
                self.phase.set(Phase::Discarding {
                    left: DISCARD_LIMIT,
                });
                self.since.set(self.state.clock.now());
                return self.readiness.mark();
            }
        }
        self.end_connection(Ending::Linger);
    }

    /// Lets the exchange go; the application may still hold it.
    pub(super) fn end_exchange(&self, exchange: Rc<Exchange>, liveness: Liveness) {
        drop(self.exchange.take());
        exchange.end(liveness);
        self.state.give_exchange(exchange);
    }

    /// Between two requests.
    pub(super) fn await_next(&self) {
        self.phase.set(Phase::AwaitingNext);
        self.since.set(self.state.clock.now());
        let input = self.input.borrow();
        if !input.unused().is_empty() || input.end != End::Open {
            self.readiness.mark();
        }
    }

    /// The client left before its answer was complete.
    pub(super) fn client_left(&self, exchange: &Rc<Exchange>) {
        if exchange.outbound.borrow().written.is_some() {
            self.log(exchange);
        }
        self.break_off(); // it may have shut down its own side only, and still read
        self.end_exchange(Rc::clone(exchange), Liveness::Disconnected);
        self.close();
    }

    /// Answers a head that is not HTTP, and ends the connection: where the next request would begin
    /// is unknown.
    pub(super) fn reject_head(&self, refusal: Refusal) {
        self.report(&refusal, Some(refusal.line));
        self.answer(refusal.rule.status(), &refusal.to_string(), None);
    }

    /// The same, where it is the body behind `head` that breaks a rule.
    pub(super) fn reject(&self, rejection: Rejection, head: &Head) {
        self.report(&rejection, None);
        self.answer(rejection.status(), &rejection.to_string(), Some(head));
    }

    /// The request body turned out to be malformed.
    pub(super) fn reject_body(&self, exchange: Rc<Exchange>, rejection: Rejection) {
        self.report(&rejection, None);
        match self.take_over(exchange) {
            Some(head) => self.answer(rejection.status(), &rejection.to_string(), Some(&head)),
            None => self.end_connection(Ending::Reset),
        }
    }

    /// Ends an exchange whose request turned out to be none. Returns the
    /// request's head if the server may still answer in the application's place.
    pub(super) fn take_over(&self, exchange: Rc<Exchange>) -> Option<Head> {
        let untouched = self.is_untouched(&exchange);
        if !untouched {
            self.log(&exchange);
        }
        let head = untouched.then(|| exchange.head.take());
        self.end_exchange(exchange, Liveness::Disconnected);
        head
    }

    /// Whether the client has nothing of the answer yet.
    pub(super) fn is_untouched(&self, exchange: &Exchange) -> bool {
        exchange.outbound.borrow().written.is_none() && self.output.borrow().is_empty()
    }

    /// Whether as many calls run as may.
    pub(super) fn is_too_much_for<A: App>(&self, app: &A) -> bool {
        let most = self.state.settings.most_calls;
        most.is_some_and(|most| app.running() >= most.get())
    }

    /// Answers in place of an application that has enough to do.
    pub(super) fn refuse(&self, exchange: Rc<Exchange>) {
        if self.state.overloaded.is_due(self.state.clock.now()) {
            tracing::warn!("Exceeded concurrency limit.");
        }
        self.answer_with(503, "Service Unavailable", Some(&exchange.head.borrow()));
        self.state.give_exchange(exchange);
    }

    /// The head did not arrive in time.
    pub(super) fn time_out(&self) {
        let reason = "request head was not received in time";
        self.report(&reason, Some(0));
        self.answer(408, reason, None);
        self.write();
    }

    /// Tells the error log why a request was refused, and shows the `line` of its head that is to
    /// blame, if it is the head.
    pub(super) fn report(&self, reason: &dyn Display, line: Option<usize>) {
        let input = self.input.borrow();
        let refused = Refused {
            client: self.peer.client_text(),
            reason,
            head: line.map_or(&[], |_| input.unused()),
            line: line.unwrap_or_default(),
        };
        let now = self.state.clock.now();
        self.state.refusal_log.record(&refused, now);
    }

    /// Tells the error log why TLS failed, if it did.
    fn report_failure(&self) {
        let mut stream = self.stream.borrow_mut();
        let failure = stream.encrypted().and_then(Encrypted::take_failure);
        if let Some(failure) = failure {
            self.report(&format_args!("TLS failed: {failure}"), None);
        }
    }

    /// The server's own answer, in place of the application's.
    pub(super) fn answer(&self, status: u16, text: &str, request: Option<&Head>) {
        self.answer_with(status, &format!("{text}\n"), request);
    }

    fn answer_with(&self, status: u16, body: &str, request: Option<&Head>) {
        let head = ResponseHead::plain_text(status, body.len());
        let facts = HeadFacts {
            version: Version::Http11,
            framing: BodyFraming::Sized,
            persistence: Persistence::Close,
            date: self.state.clock.date(),
            whole: Some(body.len()),
        };
        let is_to_head = request.is_some_and(|request| request.method() == "HEAD");
        let sent = if is_to_head { "" } else { body };
        let mut output = self.output.borrow_mut();
        encode::head(output.copied(), &head, &facts);
        output.copy(sent.as_bytes());
        drop(output);
        self.log_answer(request, &head, sent.len() as u64);
        self.phase.set(Phase::Ending(Ending::Linger));
        self.since.set(self.state.clock.now());
    }

    /// Ends the connection as soon as its output is written.
    pub(super) fn end_connection(&self, ending: Ending) {
        self.phase.set(Phase::Ending(ending));
        self.since.set(self.state.clock.now());
        if self.output.borrow().is_empty() {
            self.end_if_ending();
        }
    }

    /// The output is written: what was to follow it follows.
    pub(super) fn end_if_ending(&self) {
        let Phase::Ending(ending) = self.phase.get() else {
            return;
        };
        match ending {
            Ending::Close => self.close(),
            Ending::Linger => self.linger(),
            Ending::Reset => self.reset(),
        }
    }

    fn linger(&self) {
        self.input.borrow_mut().forget(&self.state);
        if self.input.borrow().end != End::Open
            || self.stream.borrow_mut().finish_writing().is_err()
        {
            return self.close();
        }
        self.phase.set(Phase::Lingering);
        self.since.set(self.state.clock.now());
        self.readiness.mark();
    }

    /// Closes such that nobody can take what came before for all.
    pub(super) fn reset(&self) {
        // Fails only where the client has reset the connection itself.
        let _ = self.stream.borrow_mut().reset_on_close();
        self.close();
    }

    /// Closes although something may be left to write.
    pub(super) fn give_up(&self) {
        match self.phase.get() {
            Phase::Ending(Ending::Reset) => self.reset(),
            _ => self.close(),
        }
    }

    /// Has the application told that its client left, although it did not.
    /// Reports whether there is one to tell.
    pub(crate) fn bid_farewell(&self) -> bool {
        let exchange = self.exchange.borrow().clone();
        let Some(exchange) = exchange else {
            return false;
        };
        exchange.farewell.bid();
        exchange.wake_readers();
        true
    }

    /// Tells whoever watches the exchange that the server is about to end. It has no
    /// answer that could end by itself meanwhile.
    pub(crate) fn announce_drain(&self) {
        let exchange = self.exchange.borrow().clone();
        if let Some(watcher) = exchange.and_then(|exchange| exchange.watcher()) {
            watcher.drain();
        }
    }

    /// Whether nothing is going on that a fast stop would have to wait for.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.phase.get(), Phase::AwaitingFirst | Phase::AwaitingNext)
    }

    /// About to be dropped in the middle: makes that a reset where a mere end
    /// would pass for the end of a body.
    pub(crate) fn break_off(&self) {
        let begun = self
            .exchange
            .borrow()
            .as_ref()
            .is_some_and(|exchange| exchange.outbound.borrow().written.is_some());
        if begun && self.framing.get() == BodyFraming::UntilClose {
            self.reset();
        }
    }

    pub(super) fn close(&self) {
        self.report_failure();
        self.phase.set(Phase::Closed);
        self.readiness.mark(); // the turn removes what is over
    }

    /// Writes the access log's line for one exchange.
    pub(super) fn log(&self, exchange: &Exchange) {
        let outbound = exchange.outbound.borrow();
        let Some(response) = &outbound.written else {
            return;
        };
        self.record(&Answered {
            head: Some(&exchange.head.borrow()),
            request_line: &[],
            response,
            body_bytes: outbound.accepted,
            elapsed: exchange.began().elapsed(),
        });
    }

    fn log_answer(&self, request: Option<&Head>, response: &ResponseHead, length: u64) {
        let input = self.input.borrow();
        let unused = input.unused();
        let unused = unused.strip_prefix(b"\r\n").unwrap_or(unused);
        let line = unused
            .split(|&byte| byte == b'\r' || byte == b'\n')
            .next()
            .unwrap_or_default();
        self.record(&Answered {
            head: request,
            request_line: &line[..line.len().min(EXCERPT)],
            response,
            body_bytes: length,
            elapsed: Duration::ZERO,
        });
    }

    fn record(&self, answered: &Answered<'_>) {
        let forwarded = self.proxied.forwarded();
        self.state
            .record(&self.peer, forwarded.as_deref(), answered);
    }
}
