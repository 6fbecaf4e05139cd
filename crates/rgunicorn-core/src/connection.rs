//! One HTTP/1.1 connection, from its first byte to its last.
//!
//! A turn calls [`Connection::read`], [`Connection::advance`] and
//! [`Connection::write`], in that order, for every connection that is ready.
//! What happens between two requests is in [`close`]; what goes out, in
//! [`write`](mod@write); what a client may not take too long for, in [`deadlines`];
//! what proxies say, in [`proxied`]; what becomes HTTP/2, in [`leaving`]. Rules of HTTP live elsewhere: [`parser`](crate::parser) for what
//! comes in, [`encode`](crate::encode) for what goes out.

use std::cell::Cell;
use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::rc::Weak;
use std::task::Context;
use std::time::Instant;

use crate::app::App;
use crate::app::Bodies;
use crate::encode::BodyFraming;
use crate::encode::Persistence;
use crate::exchange::BodyState;
use crate::exchange::Exchange;
use crate::exchange::Expectation;
use crate::exchange::Liveness;
use crate::exchange::Transport;
use crate::input::End;
use crate::input::Filled;
use crate::input::Input;
use crate::outgoing::Outgoing;
use crate::parser::Refusal;
use crate::parser::Rejection;
use crate::ready::Readiness;
use crate::request::Peer;
use crate::request::Pushing;
use crate::request::Request;
use crate::responder::Responder;
use crate::settings::BODY_HIGH_WATER;
use crate::settings::PIPELINE_LIMIT;
use crate::state::State;
use crate::stream::Stream;

mod body;
mod close;
mod deadlines;
mod gather;
mod leaving;
mod proxied;
mod transport;
mod tunnel;
mod write;

use deadlines::Waits;
pub(crate) use leaving::Departure;
use leaving::Opening;
pub(crate) use leaving::PREFACE;
pub(crate) use leaving::Upgrade;
use proxied::Preamble;
use proxied::Proxied;

/// One accepted client.
pub(crate) struct Connection {
    state: Rc<State>,
    peer: Rc<Peer>,
    readiness: Readiness,
    /// Ourselves, for the exchange to reach its connection by.
    this: Weak<Self>,
    stream: RefCell<Stream>,
    input: RefCell<Input>,
    output: RefCell<Outgoing>,
    exchange: Current,
    phase: Cell<Phase>,
    /// When the present wait began; deadlines count from here.
    since: Cell<Instant>,
    framing: Cell<BodyFraming>,
    persistence: Cell<Persistence>,
    turn: Cell<Turn>,
    reading: Cell<Reading>,
    proxied: Proxied,
    waits: Waits,
    opening: Cell<Opening>,
    upgrade: Cell<Option<Upgrade>>,
}

/// The exchange that a connection carries. Ends it with the connection.
#[derive(Default)]
struct Current(RefCell<Option<Rc<Exchange>>>);

/// What a connection waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// A new client's first request.
    AwaitingFirst,
    /// The next request of a client that was served before.
    AwaitingNext,
    /// The rest of a head that began to arrive.
    AwaitingHead,
    /// The rest of a body without which the application is not called.
    Gathering,
    /// The application's answer.
    Exchanging,
    /// The rest of a request body that nobody wants.
    Discarding {
        /// How much more of it is worth reading.
        left: u64,
    },
    /// The last bytes of an answer after which the connection ends.
    Ending(Ending),
    /// The client's end, so that a reset does not destroy the last answer.
    Lingering,
    /// Another protocol to take it over.
    Leaving,
    /// Nothing: it is over.
    Closed,
}

/// How a connection ends once its output is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ending {
    /// Everything was read: just close.
    Close,
    /// The client may still be sending (RFC 9112 section 9.6).
    Linger,
    /// The answer broke off: the client must not take it for complete.
    Reset,
}

/// Whether this connection is being served right now, so that it need not ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Turn {
    Waiting,
    Running,
}

/// Whether bytes that come will make this connection ready.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reading {
    /// The socket was asked, and has no more or will say so.
    Awaited,
    /// It was not asked in this turn: there was enough to do already.
    Skipped,
}

/// Whether a connection still exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    Alive,
    Over,
    /// It goes on in HTTP/2: see [`Connection::into_http2`].
    BecomesHttp2,
}

impl Connection {
    pub(crate) fn new(
        state: Rc<State>,
        stream: Stream,
        peer: Peer,
        readiness: Readiness,
    ) -> Rc<Self> {
        let now = Instant::now();
        Rc::new_cyclic(|this| Self {
            proxied: Proxied::new(&state.settings.proxy, peer.scheme),
            state,
            peer: Rc::new(peer),
            readiness,
            this: this.clone(),
            stream: RefCell::new(stream),
            input: RefCell::default(),
            output: RefCell::default(),
            exchange: Current::default(),
            phase: Cell::new(Phase::AwaitingFirst),
            since: Cell::new(now),
            framing: Cell::default(),
            persistence: Cell::default(),
            turn: Cell::new(Turn::Waiting),
            reading: Cell::new(Reading::Awaited),
            waits: Waits::default(),
            opening: Cell::default(),
            upgrade: Cell::default(),
        })
    }

    /// First phase of a turn: takes what the socket holds.
    pub(crate) fn read(&self) {
        self.readiness.begin();
        self.turn.set(Turn::Running);
        if self.phase.get() == Phase::Lingering {
            return self.read_lingering();
        }
        let mut input = self.input.borrow_mut();
        self.reading.set(Reading::Skipped);
        if self.wants_input(&input) {
            self.reading.set(Reading::Awaited);
            let mut context = Context::from_waker(self.readiness.waker());
            if self.fill(&mut input, &mut context) == Filled::Some {
                self.readiness.mark();
            }
        }
    }

    /// A full application or a full pipeline stops the reading, and so, in
    /// the end, the client.
    fn wants_input(&self, input: &Input) -> bool {
        match self.phase.get() {
            Phase::Closed | Phase::Lingering | Phase::Leaving | Phase::Ending(_) => false,
            Phase::Exchanging => match &*self.exchange.borrow() {
                Some(exchange) if exchange.inbound.borrow().body == BodyState::Arriving => {
                    exchange.inbound.borrow().data.len() < BODY_HIGH_WATER
                        && input.unused().len() < BODY_HIGH_WATER
                }
                _ => input.unused().len() < PIPELINE_LIMIT,
            },
            Phase::AwaitingFirst | Phase::AwaitingNext => input.unused().len() < PIPELINE_LIMIT,
            // Bounded by the limits on a head, by what a body may keep in memory,
            // and by what is worth discarding.
            Phase::AwaitingHead | Phase::Gathering | Phase::Discarding { .. } => true,
        }
    }

    /// Second phase of a turn: uses what was read; calls the application.
    pub(crate) fn advance<A: App>(&self, app: &A) {
        match self.phase.get() {
            Phase::AwaitingFirst | Phase::AwaitingNext | Phase::AwaitingHead => {
                self.advance_request(app);
            }
            Phase::Gathering => self.advance_gathering(app),
            Phase::Exchanging => self.advance_body(),
            Phase::Discarding { left } => {
                self.advance_discarding(left);
                if self.phase.get() == Phase::AwaitingNext {
                    self.advance_request(app);
                }
            }
            Phase::Ending(_) | Phase::Lingering | Phase::Leaving | Phase::Closed => {}
        }
    }

    /// Parses a head, if one is complete, and starts its exchange.
    fn advance_request<A: App>(&self, app: &A) {
        let exchange = self.state.take_exchange();
        match self.parse(&exchange) {
            Ok(Parsed::Nothing) => self.state.give_exchange(exchange),
            Ok(Parsed::Http2) => {
                self.state.give_exchange(exchange);
                self.phase.set(Phase::Leaving);
            }
            Ok(Parsed::Request) if self.is_too_much_for(app) => self.refuse(exchange),
            Ok(Parsed::Request) => {
                *self.exchange.borrow_mut() = Some(Rc::clone(&exchange));
                if app.bodies() != Bodies::Streamed && exchange.awaits_rest() {
                    return self.gather(app, &exchange);
                }
                self.call(app, &exchange);
            }
            Ok(Parsed::MalformedBody(rejection)) => {
                self.reject(rejection, &exchange.head.borrow());
                self.state.give_exchange(exchange);
            }
            Err(refusal) => {
                self.state.give_exchange(exchange);
                self.reject_head(refusal);
            }
        }
    }

    fn call<A: App>(&self, app: &A, exchange: &Rc<Exchange>) {
        self.phase.set(Phase::Exchanging);
        self.state.usage.count();
        // It has all of the request, and no way to hear that nobody waits.
        exchange
            .outlasts_client
            .set(app.bodies() != Bodies::Streamed);
        let head = exchange.head.borrow();
        let forwarded = self.proxied.forwarded();
        let request = Request {
            head: &head,
            peer: &self.peer,
            forwarded: forwarded.as_deref(),
            pushing: Pushing::Refused,
        };
        app.call(request, Responder::new(Rc::clone(exchange)));
        if self.input.borrow().end != End::Open {
            // Nothing more will make this connection ready: if the answer is
            // not complete now, its client counts as gone.
            self.readiness.mark();
        }
    }

    fn parse(&self, exchange: &Rc<Exchange>) -> Result<Parsed, Refusal> {
        self.proxied.forget_forwarded();
        let limits = &self.state.settings.limits;
        let mut guard = self.input.borrow_mut();
        let input = &mut *guard;
        let measured = match self.take_preamble(input)? {
            Preamble::Over => match self.recognise(input)? {
                Opening::Http1 => input.find_head(limits)?,
                Opening::Http2 => return Ok(Parsed::Http2),
                Opening::Unclear => None,
            },
            Preamble::Awaited => None,
        };
        let Some(length) = measured else {
            let partial = !input.unused().is_empty();
            let ended = input.end != End::Open;
            drop(guard);
            self.await_more(partial, ended);
            return Ok(Parsed::Nothing);
        };
        let head = &mut *exchange.head.borrow_mut();
        head.parse(&input.unused()[..length], self.state.settings.tolerance)?;
        if let Some(upgrade) = self.upgrade(head) {
            input.consume(length);
            self.upgrade.set(Some(upgrade));
            return Ok(Parsed::Http2);
        }
        self.take_forwarded(head)?;
        input.consume(length);
        let transport: Weak<dyn Transport> = self.this.clone();
        exchange.begin(transport, self.state.stamp());
        input.begin_body(head.framing(), limits);
        let mut inbound = exchange.inbound.borrow_mut();
        if let Err(rejection) = input.feed(&mut inbound) {
            return Ok(Parsed::MalformedBody(rejection));
        }
        if inbound.body == BodyState::Arriving {
            self.waits.begin_body(input.received);
        }
        if self.state.farewell.get() {
            exchange.farewell.bid();
        }
        if head.expects_continue() && inbound.body == BodyState::Arriving && inbound.data.is_empty()
        {
            inbound.expectation = Expectation::Waiting;
        }
        Ok(Parsed::Request)
    }

    /// Nothing to parse yet: waits on, or gives up where nothing can come.
    fn await_more(&self, partial: bool, ended: bool) {
        if ended {
            self.close();
        } else if partial && self.phase.get() != Phase::AwaitingHead {
            self.phase.set(Phase::AwaitingHead);
            self.since.set(self.state.clock.now());
        }
    }

    /// Waits for the next turn: this one took too long already.
    pub(crate) fn postpone(&self) {
        self.turn.set(Turn::Waiting);
        self.readiness.mark();
    }

    /// Ends the turn of this connection.
    pub(crate) fn rest(&self) -> Fate {
        self.turn.set(Turn::Waiting);
        match self.phase.get() {
            Phase::Closed => return Fate::Over,
            Phase::Leaving => return Fate::BecomesHttp2,
            _ => {}
        }
        let mut input = self.input.borrow_mut();
        if self.reading.get() == Reading::Skipped && self.wants_input(&input) {
            // What was enough is used up, and nothing else would begin the reading again.
            self.readiness.mark();
        }
        input.rest(&self.state);
        Fate::Alive
    }
}

/// What [`Connection::parse`] found.
enum Parsed {
    Nothing,
    Request,
    /// HTTP/2 is to go on with the connection.
    Http2,
    /// A good head, and a body that is not.
    MalformedBody(Rejection),
}

impl Deref for Current {
    type Target = RefCell<Option<Rc<Exchange>>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        if let Some(exchange) = self.0.take() {
            exchange.end(Liveness::Disconnected);
        }
    }
}
