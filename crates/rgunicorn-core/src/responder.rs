//! The application's side of an exchange: take the request's body, give the answer.
//!
//! Every rule about the order of calls is enforced here, for all interfaces
//! and all versions of HTTP.

use std::cell::Ref;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use crate::chunk::Chunk;
use crate::error::Misuse;
use crate::error::SendError;
use crate::exchange::BodyState;
use crate::exchange::Content;
use crate::exchange::Exchange;
use crate::exchange::Expectation;
use crate::exchange::Interest;
use crate::exchange::Liveness;
use crate::exchange::Part;
use crate::exchange::Stage;
use crate::exchange::enlist;
use crate::fields::EarlyHints;
use crate::fields::Trailers;
use crate::file::FileRange;
use crate::parser::Head;
use crate::parser::Version;
use crate::response::Buffering;
use crate::response::ResponseHead;
use crate::response::is_bodiless;
use crate::settings::WRITE_HIGH_WATER;
use crate::socket::Socket;
use crate::spool::Spooled;

mod answer;
mod push;

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
        let stage = self.exchange.outbound.borrow().stage;
        if stage.is_complete() || stage == Stage::Aborted {
            return Received::Disconnected;
        }
        let mut inbound = self.exchange.inbound.borrow_mut();
        let part = match inbound.body {
            BodyState::Arrived => Part::Last,
            BodyState::Arriving if !inbound.data.is_empty() => Part::More,
            BodyState::Delivered if self.exchange.farewell.say() => return Received::Disconnected,
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
            if let Some(transport) = self.exchange.transport() {
                transport.mark_for_reading(); // it may have been paused
            }
        }
        Received::Body(body, part)
    }

    /// Takes the whole body, for an application that is called with it
    /// ([`Bodies::Whole`](crate::app::Bodies::Whole)). `None` is an empty one.
    pub fn take_body(&self) -> Option<Spooled> {
        let mut inbound = self.exchange.inbound.borrow_mut();
        inbound.body = BodyState::Delivered;
        match inbound.whole.take() {
            None if inbound.data.is_empty() => None,
            None => Some(Spooled::Memory(std::mem::take(&mut inbound.data))),
            whole => whole,
        }
    }

    /// Writes what was given, as far as the kernel takes it. For a call that
    /// keeps the runtime from doing so.
    pub fn write_through(&self) {
        if let Some(transport) = self.exchange.transport() {
            transport.write_through();
        }
    }

    /// The client's socket, to wait with. `None` once there is no client.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn socket(&self) -> io::Result<Option<Socket>> {
        match self.exchange.transport() {
            Some(transport) => transport.duplicate_socket().map(Some),
            None => Ok(None),
        }
    }

    /// Takes the client's socket out of the server's hands. Nothing that is sent here goes
    /// out any more, and the exchange ends without a line in the access log.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`] once there is no client, and
    /// [`io::ErrorKind::InvalidInput`] when the answer has begun or the client has sent more
    /// than this request.
    pub fn take_over(&self) -> io::Result<OwnedFd> {
        let transport = self.exchange.transport();
        let begun = self.exchange.outbound.borrow().stage != Stage::Awaiting;
        match transport {
            None => Err(io::ErrorKind::NotConnected.into()),
            Some(_) if begun => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the answer has begun",
            )),
            Some(transport) => transport.hand_over(),
        }
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

    /// Whether more may be sent without waiting; also when nobody is left to
    /// send it to.
    pub fn has_room(&self) -> bool {
        self.exchange.liveness() != Liveness::Open || self.backlog() <= WRITE_HIGH_WATER
    }

    /// Bytes of the answer that wait for the client.
    pub fn backlog(&self) -> usize {
        self.exchange.backlog.get() + self.exchange.outbound.borrow().body.len()
    }

    /// Ends the connection after this answer, if it is not written yet.
    pub fn end_connection(&self) {
        self.exchange.ends_connection.set(true);
    }

    /// Whether the client left before its answer was complete.
    pub fn is_disconnected(&self) -> bool {
        self.exchange.liveness() == Liveness::Disconnected
    }

    /// Whether the application was told that its client left because the
    /// server is about to: it ends for that reason, if it does.
    pub fn heard_farewell(&self) -> bool {
        self.exchange.farewell.was_said()
    }

    /// Whether the whole answer has been handed over.
    pub fn is_complete(&self) -> bool {
        self.exchange.outbound.borrow().stage.is_complete()
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
            Stage::Trailing => return Err(Misuse::TrailersDue.into()),
            Stage::Complete | Stage::Encoded | Stage::Aborted => {
                return Err(Misuse::AlreadyComplete.into());
            }
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
            Stage::Trailing => return Err(Misuse::TrailersDue.into()),
            Stage::Complete | Stage::Encoded => return Err(Misuse::AlreadyComplete.into()),
            _ if exchange.liveness() != Liveness::Open => return Err(SendError::Disconnected),
            Stage::Aborted => return Err(SendError::Disconnected),
            Stage::Held | Stage::Open => {}
        }
        if outbound.content == Content::Suppressed {
            outbound.parts += 1;
        } else {
            let data = data.loaded()?;
            outbound.count(data.len(), part)?;
            outbound.parts += 1;
            outbound.accepted += data.len();
            outbound.push(data);
        }
        outbound.stage = match part {
            Part::More => Stage::Open,
            Part::Last if outbound.promises_trailers() => Stage::Trailing,
            Part::Last => Stage::Complete,
        };
        let waiting = exchange.backlog.get() + outbound.body.len();
        drop(outbound);
        Ok(exchange.settle(waiting))
    }

    /// Gives a file as the whole body. What it has grown by since the head's
    /// `content-length` was taken is left out.
    ///
    /// # Errors
    /// [`Misuse::BodyBegun`] after a part of the body; otherwise as [`Self::body`].
    pub fn file(&self, mut range: FileRange) -> Result<Flow, SendError> {
        let outbound = self.exchange.outbound.borrow();
        if outbound.parts > 0 && matches!(outbound.stage, Stage::Held | Stage::Open) {
            return Err(Misuse::BodyBegun.into());
        }
        if let Content::Missing(missing) = outbound.content {
            range.truncate(missing);
        }
        drop(outbound);
        self.body(Chunk::File(range), Part::Last)
    }

    /// Gives fields that follow the body. They reach a client that asked for
    /// trailers, over a framing that has room for them, and nobody else (RFC
    /// 9110 section 6.5.1).
    ///
    /// # Errors
    /// [`Misuse`] before the body is complete, without a promise of trailers
    /// in the head, or after the last of them; [`SendError::Disconnected`]
    /// when the client left.
    pub fn trailers(&self, fields: &Trailers, part: Part) -> Result<(), SendError> {
        let mut outbound = self.exchange.outbound.borrow_mut();
        match outbound.stage {
            Stage::Awaiting => return Err(Misuse::NotStarted.into()),
            Stage::Complete | Stage::Encoded => return Err(Misuse::AlreadyComplete.into()),
            Stage::Held | Stage::Open => return Err(Misuse::NoTrailers.into()),
            _ if self.exchange.liveness() != Liveness::Open => return Err(SendError::Disconnected),
            Stage::Aborted => return Err(SendError::Disconnected),
            Stage::Trailing => {}
        }
        if self.exchange.head.borrow().accepts_trailers() {
            outbound.trailers.extend(fields);
        }
        if part == Part::Last {
            outbound.stage = Stage::Complete;
        }
        drop(outbound);
        self.exchange.mark_ready();
        Ok(())
    }

    /// Tells the client what it may fetch while it waits (RFC 8297), and says
    /// whether more may follow at once. Once the head is on its way, and for
    /// HTTP/1.0, this does nothing.
    ///
    /// # Errors
    /// [`Misuse::AlreadyComplete`] after the response;
    /// [`SendError::Disconnected`] when the client left.
    pub fn hint(&self, hints: EarlyHints) -> Result<Flow, SendError> {
        let mut outbound = self.exchange.outbound.borrow_mut();
        if outbound.stage.is_complete() {
            return Err(Misuse::AlreadyComplete.into());
        }
        if self.exchange.liveness() != Liveness::Open || outbound.stage == Stage::Aborted {
            return Err(SendError::Disconnected);
        }
        let interim = self.exchange.head.borrow().version() != Version::Http10;
        if !interim || outbound.written.is_some() {
            return Ok(Flow::Ready);
        }
        outbound.hints.push(hints);
        let hints = outbound.hints.iter().map(|it| it.as_bytes().len());
        let waiting = self.exchange.backlog.get() + outbound.body.len() + hints.sum::<usize>();
        drop(outbound);
        Ok(self.exchange.settle(waiting))
    }

    /// Ends an exchange that the application did not complete: a 500 while
    /// nothing went out, or a 503 if the application was told to end;
    /// otherwise the connection or stream is cut, so that the client can tell.
    /// Does nothing to a complete answer.
    pub fn abort(&self) {
        let status = if self.heard_farewell() { 503 } else { 500 };
        let mut outbound = self.exchange.outbound.borrow_mut();
        match outbound.stage {
            Stage::Awaiting | Stage::Held => outbound.fail(status),
            Stage::Open | Stage::Trailing if outbound.head.is_some() => outbound.fail(status),
            Stage::Open | Stage::Trailing => outbound.stage = Stage::Aborted,
            Stage::Complete | Stage::Encoded | Stage::Aborted => return,
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
    /// Also said when the server is about to end; then the answer is still taken.
    Disconnected,
    /// Nothing yet: wait for [`Responder::when_readable`].
    Pending,
}
