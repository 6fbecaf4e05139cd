//! One request and its answer, between a connection and an application.
//!
//! The connection fills the inbound side and empties the outbound side; the
//! application does the reverse through its
//! [`Responder`](crate::responder::Responder). Both run on the
//! worker's thread, so the sides are plain cells. Of all borrows, only a shared
//! one of the request's head is held while foreign code runs.
//!
//! Knows neither HTTP/1.1 nor HTTP/2: how an answer looks on the wire is
//! decided where it is written.

use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::rc::Weak;
use std::time::Instant;

use crate::chunk::Chunk;
use crate::error::Misuse;
use crate::farewell::Farewell;
use crate::fields::EarlyHints;
use crate::fields::Push;
use crate::fields::Trailers;
use crate::outgoing::Outgoing;
use crate::parser::Head;
use crate::response::Presence;
use crate::response::ResponseHead;
use crate::response::reason;
use crate::socket::Socket;
use crate::spool::Spool;
use crate::spool::Spooled;
use crate::tunnel::Placement;
use crate::tunnel::Watcher;

mod watched;

/// What an exchange asks of the connection that carries it.
pub(crate) trait Transport {
    /// Something changed: give this exchange a turn.
    fn mark_ready(&self);
    /// There is room for more of the request's body.
    fn mark_for_reading(&self);
    /// Writes what it can now. Returns how many bytes still wait.
    fn flush_now(&self) -> usize;
    /// Writes what the kernel takes, while the runtime stands still.
    fn write_through(&self);
    /// Makes the connection or stream a tunnel: from now on bytes are passed on as they are, both ways.
    fn begin_tunnel(&self) -> Result<(), Misuse>;
    /// Whether the server is about to end.
    fn is_draining(&self) -> bool;
    /// A descriptor to wait with for the client, while the runtime stands still.
    fn duplicate_socket(&self) -> io::Result<Socket>;
    /// Ends the connection, but for its socket.
    fn hand_over(&self) -> io::Result<OwnedFd>;
}

/// Runs once, when what its owner waits for has happened.
pub(crate) struct Waiter {
    interest: Weak<Interest>,
    notify: Box<dyn FnOnce()>,
}

/// Shows that somebody still waits; dropping it withdraws the wait.
#[derive(Debug, Default)]
pub struct Interest(());

/// Room for a request body that a spare exchange keeps.
const SPARE_BODY: usize = 16 * 1024;

/// Waits in one list before those whose owners gave up are cleared away: an
/// application may ask, and give up, as often as it likes.
const WAITERS: usize = 8;

pub(crate) fn enlist(
    waiters: &RefCell<Vec<Waiter>>,
    interest: &Rc<Interest>,
    notify: Box<dyn FnOnce()>,
) {
    let mut waiters = waiters.borrow_mut();
    // Let go of only when nothing is borrowed: they hold foreign values.
    let mut dead = Vec::new();
    if waiters.len() >= WAITERS {
        dead.extend(waiters.extract_if(.., |waiter| waiter.interest.strong_count() == 0));
    }
    waiters.push(Waiter {
        interest: Rc::downgrade(interest),
        notify,
    });
    drop(waiters);
    drop(dead);
}

/// One request and its answer.
pub struct Exchange {
    /// The request's head. The connection parses into it before the call.
    pub(crate) head: RefCell<Head>,
    pub(crate) inbound: RefCell<Inbound>,
    pub(crate) outbound: RefCell<Outbound>,
    liveness: Cell<Liveness>,
    /// Bytes of earlier parts that the connection could not write yet.
    pub(crate) backlog: Cell<usize>,
    pub(crate) readers: RefCell<Vec<Waiter>>,
    pub(crate) writers: RefCell<Vec<Waiter>>,
    transport: RefCell<Option<Weak<dyn Transport>>>,
    began: Cell<Instant>,
    pub(crate) farewell: Farewell,
    /// Whether the application's side wants no further request here.
    pub(crate) ends_connection: Cell<bool>,
    /// Whether a client that sends no more is still waited for.
    pub(crate) outlasts_client: Cell<bool>,
    /// Whether what comes and goes is another protocol's.
    pub(crate) is_tunnel: Cell<bool>,
    pub(crate) placement: Cell<Placement>,
    watcher: RefCell<Option<Rc<dyn Watcher>>>,
    /// Whether the watcher is at the input right now.
    pub(crate) feeding: Cell<bool>,
}

/// Whether somebody can still be answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Liveness {
    /// The client waits.
    Open,
    /// The client left before the answer was complete.
    Disconnected,
    /// The answer was written.
    Finished,
}

#[derive(Debug, Default)]
pub(crate) struct Inbound {
    /// Decoded body bytes the application has not taken.
    pub(crate) data: Vec<u8>,
    pub(crate) body: BodyState,
    pub(crate) expectation: Expectation,
    /// What is not in `data`, where the whole body is collected first.
    pub(crate) spool: Spool,
    /// The whole body, once it is collected.
    pub(crate) whole: Option<Spooled>,
}

/// How far the request body got.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum BodyState {
    /// More is to come.
    #[default]
    Arriving,
    /// All of it arrived; the application has not been told.
    Arrived,
    /// The application has had its end.
    Delivered,
}

/// `Expect: 100-continue` (RFC 9110 section 10.1.1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Expectation {
    /// None, or already met.
    #[default]
    None,
    /// The client holds its body back until it is asked for it.
    Waiting,
    /// The application asked; a 100 is due.
    Due,
}

#[derive(Debug, Default)]
pub(crate) struct Outbound {
    pub(crate) stage: Stage,
    /// The head, until it is written.
    pub(crate) head: Option<ResponseHead>,
    /// The head, once it is.
    pub(crate) written: Option<ResponseHead>,
    /// What goes out before the head, while that is not written.
    pub(crate) hints: Vec<EarlyHints>,
    pub(crate) body: Outgoing,
    /// What the client is to get without asking, once that was promised.
    pub(crate) pushes: Vec<Push>,
    /// What follows the body, for a client that takes it.
    pub(crate) trailers: Trailers,
    pub(crate) content: Content,
    /// Parts taken; the length of a body of one part is known beforehand.
    pub(crate) parts: u32,
    /// Body bytes taken from the application for the wire.
    pub(crate) accepted: u64,
}

/// What is known of the response body's length.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Content {
    /// Nothing: the framing shows its end.
    #[default]
    Unknown,
    /// So many bytes of the promised `content-length` are still missing.
    Missing(u64),
    /// There is none on the wire: the answer to HEAD, 204 and 304.
    Suppressed,
}

/// How far the answer got.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Stage {
    /// No head yet.
    #[default]
    Awaiting,
    /// A head that waits for the first part of the body.
    Held,
    /// The head may go out; more body is to come.
    Open,
    /// The body is complete; the trailers that the head promised are to come.
    Trailing,
    /// Nothing more is to come.
    Complete,
    /// The end of the body is among the bytes that were made of it.
    Encoded,
    /// The answer broke off after its head: the client must see that.
    Aborted,
}

impl Stage {
    /// Whether the application has given all of its answer.
    pub(crate) fn is_complete(self) -> bool {
        matches!(self, Self::Complete | Self::Encoded)
    }
}

/// Whether a part of a body is the last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// More parts follow.
    More,
    /// This one ends the body.
    Last,
}

impl Exchange {
    pub(crate) fn new() -> Self {
        Self {
            head: RefCell::new(Head::new()),
            inbound: RefCell::default(),
            outbound: RefCell::default(),
            liveness: Cell::new(Liveness::Open),
            backlog: Cell::new(0),
            readers: RefCell::default(),
            writers: RefCell::default(),
            transport: RefCell::new(None),
            began: Cell::new(Instant::now()),
            farewell: Farewell::default(),
            ends_connection: Cell::new(false),
            outlasts_client: Cell::new(false),
            is_tunnel: Cell::new(false),
            placement: Cell::default(),
            watcher: RefCell::default(),
            feeding: Cell::new(false),
        }
    }

    /// Lets go of what an exchange that nobody uses needs not keep.
    pub(crate) fn rest(&self) {
        let mut inbound = self.inbound.borrow_mut();
        inbound.data.clear();
        inbound.data.shrink_to(SPARE_BODY);
        self.outbound.borrow_mut().body.rest();
    }

    /// Makes a used exchange new again, keeping its buffers.
    pub(crate) fn begin(&self, transport: Weak<dyn Transport>, now: Instant) {
        let mut inbound = self.inbound.borrow_mut();
        inbound.data.clear();
        inbound.body = BodyState::Arriving;
        inbound.expectation = Expectation::None;
        inbound.spool = Spool::default();
        inbound.whole = None;
        let mut outbound = self.outbound.borrow_mut();
        outbound.stage = Stage::Awaiting;
        outbound.head = None;
        outbound.written = None;
        outbound.hints.clear();
        outbound.pushes.clear();
        outbound.body.clear();
        outbound.trailers.clear();
        outbound.content = Content::Unknown;
        outbound.parts = 0;
        outbound.accepted = 0;
        self.liveness.set(Liveness::Open);
        self.backlog.set(0);
        self.transport.replace(Some(transport));
        self.began.set(now);
        self.farewell.reset();
        self.ends_connection.set(false);
        self.outlasts_client.set(false);
        self.is_tunnel.set(false);
        self.placement.take();
    }

    pub(crate) fn liveness(&self) -> Liveness {
        self.liveness.get()
    }

    pub(crate) fn began(&self) -> Instant {
        self.began.get()
    }

    /// Nobody can be answered, or everything was: wakes whoever waits.
    pub(crate) fn end(&self, liveness: Liveness) {
        if self.liveness.replace(liveness) == Liveness::Open {
            self.wake_readers();
            self.wake_writers();
            self.release_watcher();
        }
    }

    /// Whether a client that sends no more may still want the answer: it is on
    /// its way, or nothing tells the application that nobody waits.
    pub(crate) fn outlasts_requests(&self) -> bool {
        self.outlasts_client.get() || self.outbound.borrow().stage.is_complete()
    }

    /// Whether a part of the request's body is still to come.
    pub(crate) fn awaits_rest(&self) -> bool {
        self.inbound.borrow().body == BodyState::Arriving
    }

    /// Whether the application waits for more of the request's body.
    pub(crate) fn awaits_body(&self) -> bool {
        let waits = |waiter: &Waiter| waiter.interest.strong_count() > 0;
        self.inbound.borrow().body == BodyState::Arriving && self.readers.borrow().iter().any(waits)
    }

    pub(crate) fn wake_readers(&self) {
        wake(&self.readers);
    }

    pub(crate) fn wake_writers(&self) {
        wake(&self.writers);
    }

    pub(crate) fn transport(&self) -> Option<Rc<dyn Transport>> {
        self.transport.borrow().as_ref().and_then(Weak::upgrade)
    }

    pub(crate) fn mark_ready(&self) {
        if let Some(transport) = self.transport() {
            transport.mark_ready();
        }
    }

    pub(crate) fn is_to_head_request(&self) -> bool {
        self.head.borrow().method() == "HEAD"
    }
}

fn wake(waiters: &RefCell<Vec<Waiter>>) {
    if !waiters.borrow().is_empty() {
        let waiting = waiters.take();
        waiting.into_iter().for_each(|waiter| (waiter.notify)());
    }
}

impl Outbound {
    /// Keeps the promised content-length (RFC 9110 section 8.6).
    pub(crate) fn count(&mut self, length: u64, part: Part) -> Result<(), Misuse> {
        let Content::Missing(missing) = self.content else {
            return Ok(());
        };
        let left = missing.checked_sub(length).ok_or(Misuse::TooLong)?;
        if part == Part::Last && left > 0 {
            return Err(Misuse::TooShort);
        }
        self.content = Content::Missing(left);
        Ok(())
    }

    pub(crate) fn push(&mut self, data: Chunk<'_>) {
        match data {
            Chunk::Borrowed(bytes) => self.body.copy(bytes),
            Chunk::Shared(bytes) => self.body.share(bytes),
            Chunk::File(range) => self.body.send_file(range),
        }
    }

    /// Whether the head, written or not, says that trailers follow the body.
    pub(crate) fn promises_trailers(&self) -> bool {
        let head = self.head.as_ref().or(self.written.as_ref());
        head.is_some_and(|head| head.trailers() == Presence::Present)
    }

    /// Replaces an answer of which nothing went out by an error.
    pub(crate) fn fail(&mut self, status: u16) {
        let text = reason(status);
        self.hints.clear();
        self.trailers.clear();
        self.body.clear();
        self.body.copy(text.as_bytes());
        self.accepted = text.len() as u64;
        self.head = Some(ResponseHead::plain_text(status, text.len()));
        self.stage = Stage::Complete;
    }
}
