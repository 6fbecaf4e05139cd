//! One request and its answer, between a connection and an application.
//!
//! The connection fills the inbound side and empties the outbound side; the
//! application does the reverse through its [`Responder`]. Both run on the
//! worker's thread, so the sides are plain cells. No borrow is held while
//! foreign code (the application, a waiter) runs.
//!
//! Knows neither HTTP/1.1 nor HTTP/2: how an answer looks on the wire is
//! decided where it is written.

use std::cell::Cell;
use std::cell::Ref;
use std::cell::RefCell;
use std::rc::Rc;
use std::rc::Weak;
use std::time::Instant;

use bytes::Bytes;

use crate::error::Misuse;
use crate::error::SendError;
use crate::outgoing::Outgoing;
use crate::parser::Head;
use crate::response::Buffering;
use crate::response::ResponseHead;
use crate::response::is_bodiless;
use crate::settings::WRITE_HIGH_WATER;

/// What an exchange asks of the connection that carries it.
pub(crate) trait Transport {
    /// Something changed: give this exchange a turn.
    fn mark_ready(&self);
    /// Writes what it can now. Returns how many bytes still wait.
    fn flush_now(&self) -> usize;
}

/// Runs once, when what its owner waits for has happened.
struct Waiter {
    interest: Weak<Interest>,
    notify: Box<dyn FnOnce()>,
}

/// Shows that somebody still waits; dropping it withdraws the wait.
#[derive(Debug, Default)]
pub struct Interest(());

/// Waits in one list before those whose owners gave up are cleared away: an
/// application may ask, and give up, as often as it likes.
const WAITERS: usize = 8;

fn enlist(waiters: &RefCell<Vec<Waiter>>, interest: &Rc<Interest>, notify: Box<dyn FnOnce()>) {
    let mut waiters = waiters.borrow_mut();
    if waiters.len() >= WAITERS {
        waiters.retain(|waiter| waiter.interest.strong_count() > 0);
    }
    waiters.push(Waiter {
        interest: Rc::downgrade(interest),
        notify,
    });
}

/// One request and its answer.
pub struct Exchange {
    head: RefCell<Head>,
    inbound: RefCell<Inbound>,
    outbound: RefCell<Outbound>,
    liveness: Cell<Liveness>,
    /// Bytes of earlier parts that the connection could not write yet.
    backlog: Cell<usize>,
    readers: RefCell<Vec<Waiter>>,
    writers: RefCell<Vec<Waiter>>,
    transport: RefCell<Option<Weak<dyn Transport>>>,
    began: Cell<Instant>,
    ends_connection: Cell<bool>,
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
    pub(crate) body: Outgoing,
    content: Content,
    /// Body bytes taken from the application for the wire.
    pub(crate) accepted: u64,
}

/// What is known of the response body's length.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Content {
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
    /// Nothing more is to come.
    Complete,
    /// The answer broke off after its head: the client must see that.
    Aborted,
}

/// Whether a part of a body is the last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// More parts follow.
    More,
    /// This one ends the body.
    Last,
}

/// Whether the application may send more at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flow {
    /// It may.
    Ready,
    /// The client reads too slowly: wait for [`Responder::when_writable`].
    Full,
}

/// What [`Responder::receive`] found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Received<T> {
    /// Body bytes, perhaps none, and whether they are the last.
    Body(T, Part),
    /// The client left, or the answer is complete: nothing more will come.
    Disconnected,
    /// Nothing yet: wait for [`Responder::when_readable`].
    Pending,
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
            ends_connection: Cell::new(false),
        }
    }

    /// Makes a used exchange new again, keeping its buffers.
    pub(crate) fn begin(&self, transport: Weak<dyn Transport>, now: Instant) {
        let mut inbound = self.inbound.borrow_mut();
        inbound.data.clear();
        inbound.body = BodyState::Arriving;
        inbound.expectation = Expectation::None;
        let mut outbound = self.outbound.borrow_mut();
        outbound.stage = Stage::Awaiting;
        outbound.head = None;
        outbound.written = None;
        outbound.body.clear();
        outbound.content = Content::Unknown;
        outbound.accepted = 0;
        self.liveness.set(Liveness::Open);
        self.backlog.set(0);
        self.transport.replace(Some(transport));
        self.began.set(now);
        self.ends_connection.set(false);
    }

    /// The request's head. The connection parses into it before the call.
    pub(crate) fn head(&self) -> &RefCell<Head> {
        &self.head
    }

    pub(crate) fn inbound(&self) -> &RefCell<Inbound> {
        &self.inbound
    }

    pub(crate) fn outbound(&self) -> &RefCell<Outbound> {
        &self.outbound
    }

    pub(crate) fn liveness(&self) -> Liveness {
        self.liveness.get()
    }

    pub(crate) fn began(&self) -> Instant {
        self.began.get()
    }

    /// Whether the application's side wants no further request here.
    pub(crate) fn ends_connection(&self) -> bool {
        self.ends_connection.get()
    }

    pub(crate) fn set_backlog(&self, bytes: usize) {
        self.backlog.set(bytes);
    }

    /// Nobody can be answered, or everything was: wakes whoever waits.
    pub(crate) fn end(&self, liveness: Liveness) {
        if self.liveness.replace(liveness) == Liveness::Open {
            self.wake_readers();
            self.wake_writers();
        }
    }

    pub(crate) fn wake_readers(&self) {
        wake(&self.readers);
    }

    pub(crate) fn wake_writers(&self) {
        wake(&self.writers);
    }

    fn transport(&self) -> Option<Rc<dyn Transport>> {
        self.transport.borrow().as_ref().and_then(Weak::upgrade)
    }

    fn mark_ready(&self) {
        if let Some(transport) = self.transport() {
            transport.mark_ready();
        }
    }

    fn is_to_head_request(&self) -> bool {
        self.head.borrow().method() == "HEAD"
    }
}

fn wake(waiters: &RefCell<Vec<Waiter>>) {
    if !waiters.borrow().is_empty() {
        let waiting = waiters.take();
        waiting.into_iter().for_each(|waiter| (waiter.notify)());
    }
}

/// The application's handle on one exchange.
pub struct Responder {
    exchange: Rc<Exchange>,
}

impl Responder {
    pub(crate) fn new(exchange: Rc<Exchange>) -> Self {
        Self { exchange }
    }

    /// The request's head, for whoever needs it after the call began.
    pub fn head(&self) -> Ref<'_, Head> {
        self.exchange.head.borrow()
    }

    /// Takes all body bytes that arrived; `convert` turns them into whatever
    /// the application wants, without a copy in between.
    ///
    /// The first call that finds none asks a client that waits for
    /// `100 Continue` to send its body.
    pub fn receive<T>(&self, convert: impl FnOnce(&[u8]) -> T) -> Received<T> {
        if self.exchange.liveness() != Liveness::Open {
            return Received::Disconnected;
        }
        let mut inbound = self.exchange.inbound.borrow_mut();
        let part = match inbound.body {
            BodyState::Arrived => Part::Last,
            BodyState::Arriving if !inbound.data.is_empty() => Part::More,
            state => {
                if state == BodyState::Arriving && inbound.expectation == Expectation::Waiting {
                    inbound.expectation = Expectation::Due;
                    drop(inbound);
                    self.exchange.mark_ready();
                }
                return Received::Pending;
            }
        };
        let body = convert(&inbound.data);
        inbound.data.clear();
        if part == Part::Last {
            inbound.body = BodyState::Delivered;
        } else {
            drop(inbound);
            self.exchange.mark_ready(); // reading may have been paused
        }
        Received::Body(body, part)
    }

    /// Calls `notify` once [`Self::receive`] would no longer be pending, if
    /// somebody still holds `interest` then.
    pub fn when_readable(&self, interest: &Rc<Interest>, notify: Box<dyn FnOnce()>) {
        enlist(&self.exchange.readers, interest, notify);
    }

    /// Calls `notify` once the client has read enough for more to be sent.
    pub fn when_writable(&self, interest: &Rc<Interest>, notify: Box<dyn FnOnce()>) {
        enlist(&self.exchange.writers, interest, notify);
    }

    /// Ends the connection after this answer, if it is not written yet.
    pub fn end_connection(&self) {
        self.exchange.ends_connection.set(true);
    }

    /// Whether the client left before its answer was complete.
    pub fn is_disconnected(&self) -> bool {
        self.exchange.liveness() == Liveness::Disconnected
    }

    /// Whether the whole answer has been handed over.
    pub fn is_complete(&self) -> bool {
        self.exchange.outbound.borrow().stage == Stage::Complete
    }

    /// Whether a head was given, be it on the wire or not.
    pub fn is_started(&self) -> bool {
        self.exchange.outbound.borrow().stage != Stage::Awaiting
    }

    /// Gives the head. It waits for the first part of the body, so that both
    /// leave in one write, unless it begins an event stream.
    ///
    /// # Errors
    /// [`Misuse::AlreadyStarted`] or [`Misuse::AlreadyComplete`] for a second
    /// head; [`SendError::Disconnected`] when the client left.
    pub fn start(&self, head: ResponseHead) -> Result<(), SendError> {
        let mut outbound = self.exchange.outbound.borrow_mut();
        match outbound.stage {
            Stage::Awaiting => {}
            Stage::Held | Stage::Open => return Err(Misuse::AlreadyStarted.into()),
            Stage::Complete | Stage::Aborted => return Err(Misuse::AlreadyComplete.into()),
        }
        if self.exchange.liveness() != Liveness::Open {
            return Err(SendError::Disconnected);
        }
        outbound.content = if is_bodiless(head.status()) || self.exchange.is_to_head_request() {
            Content::Suppressed
        } else {
            head.content_length()
                .map_or(Content::Unknown, Content::Missing)
        };
        outbound.stage = match head.buffering() {
            Buffering::Allowed => Stage::Held,
            Buffering::Refused => Stage::Open,
        };
        outbound.head = Some(head);
        drop(outbound);
        self.exchange.mark_ready();
        Ok(())
    }

    /// Gives one part of the body, and says whether more may follow at once.
    ///
    /// # Errors
    /// [`Misuse`] before the head, after the last part, or past the promised
    /// content-length; [`SendError::Disconnected`] when the client left.
    pub fn body(&self, data: Chunk<'_>, part: Part) -> Result<Flow, SendError> {
        let exchange = &self.exchange;
        let mut outbound = exchange.outbound.borrow_mut();
        match outbound.stage {
            Stage::Awaiting => return Err(Misuse::NotStarted.into()),
            Stage::Complete => return Err(Misuse::AlreadyComplete.into()),
            _ if exchange.liveness() != Liveness::Open => return Err(SendError::Disconnected),
            Stage::Aborted => return Err(SendError::Disconnected),
            Stage::Held | Stage::Open => {}
        }
        outbound.count(data.len(), part)?;
        if outbound.content != Content::Suppressed {
            outbound.accepted += data.len() as u64;
            outbound.push(data);
        }
        outbound.stage = if part == Part::Last {
            Stage::Complete
        } else {
            Stage::Open
        };
        let waiting = exchange.backlog.get() + outbound.body.len();
        drop(outbound);
        Ok(exchange.settle(waiting))
    }

    /// Ends an exchange that the application did not complete: a 500 while
    /// nothing went out, otherwise the connection or stream is cut, so that
    /// the client can tell. Does nothing to a complete answer.
    pub fn abort(&self) {
        let mut outbound = self.exchange.outbound.borrow_mut();
        match outbound.stage {
            Stage::Awaiting | Stage::Held => outbound.fail(),
            Stage::Open if outbound.head.is_some() => outbound.fail(),
            Stage::Open => outbound.stage = Stage::Aborted,
            Stage::Complete | Stage::Aborted => return,
        }
        drop(outbound);
        self.exchange.mark_ready();
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.abort();
    }
}

impl Exchange {
    /// Writes early when much is waiting; what still waits then decides.
    fn settle(&self, waiting: usize) -> Flow {
        let Some(transport) = self.transport() else {
            return Flow::Ready;
        };
        if waiting <= WRITE_HIGH_WATER {
            transport.mark_ready();
            return Flow::Ready;
        }
        let left = transport.flush_now();
        // The client may have been found gone: then nobody wakes a waiter.
        if left > WRITE_HIGH_WATER && self.liveness() == Liveness::Open {
            Flow::Full
        } else {
            Flow::Ready
        }
    }
}

impl Outbound {
    /// Keeps the promised content-length (RFC 9110 section 8.6).
    fn count(&mut self, length: usize, part: Part) -> Result<(), Misuse> {
        let Content::Missing(missing) = self.content else {
            return Ok(());
        };
        let left = missing.checked_sub(length as u64).ok_or(Misuse::TooLong)?;
        if part == Part::Last && left > 0 {
            return Err(Misuse::TooShort);
        }
        self.content = Content::Missing(left);
        Ok(())
    }

    fn push(&mut self, data: Chunk<'_>) {
        match data {
            Chunk::Borrowed(bytes) => self.body.copy(bytes),
            Chunk::Shared(bytes) => self.body.share(bytes),
        }
    }

    /// Replaces an answer of which nothing went out by a 500.
    fn fail(&mut self) {
        const TEXT: &[u8] = b"Internal Server Error";
        self.body.clear();
        self.body.copy(TEXT);
        self.accepted = TEXT.len() as u64;
        self.head = Some(ResponseHead::plain_text(500, TEXT.len()));
        self.stage = Stage::Complete;
    }
}

/// A part of a body, as the application has it.
#[derive(Debug)]
pub enum Chunk<'a> {
    /// To be copied now.
    Borrowed(&'a [u8]),
    /// To be kept until it is written.
    Shared(Bytes),
}

impl Chunk<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Borrowed(bytes) => bytes.len(),
            Self::Shared(bytes) => bytes.len(),
        }
    }
}
