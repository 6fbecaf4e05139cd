//! One stream of an HTTP/2 connection, with the exchange that it carries. Called a lane, since a stream is a socket
//! elsewhere in this crate.
//!
//! A lane that is done is used again, and so is its waker.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::rc::Weak;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use h2::Reason;
use h2::RecvStream;
use h2::SendStream;
use h2::server::SendPushedResponse;
use h2::server::SendResponse;
use http::HeaderMap;
use http::Response;

use super::Http2;
use crate::exchange::BodyState;
use crate::exchange::Exchange;
use crate::exchange::Inbound;
use crate::pace::BodyWait;
use crate::pace::Wait;
use crate::parser::Rejection;
use crate::proxy::Forwarded;
use crate::ready::Readiness;
use crate::ready::Token;
use crate::settings::BODY_HIGH_WATER;

/// One stream, or the place of one.
pub(super) struct Lane {
    pub(super) connection: Weak<Http2>,
    pub(super) token: Token,
    pub(super) readiness: Readiness,
    pub(super) exchange: RefCell<Option<Rc<Exchange>>>,
    pub(super) forwarded: RefCell<Option<Rc<Forwarded>>>,
    pub(super) ends: RefCell<Ends>,
    pub(super) stage: Cell<Stage>,
    pub(super) waits: Waits,
    /// Body bytes that the application has or may have, and whose room the
    /// client has not got back.
    held: Cell<usize>,
    /// Whether a tunnel has not been told of what came before it began.
    pub(super) came_early: Cell<bool>,
}

/// What a lane waits for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Stage {
    /// A request.
    #[default]
    Free,
    /// The rest of a body without which the application is not called.
    Gathering,
    /// Its turn to call the application.
    Callable,
    /// The application's answer.
    Exchanging,
}

/// The waits of a lane for bytes to move.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// Bytes of the request's body.
    pub(super) received: Cell<u64>,
    /// Bytes of the answer that the client's window had room for.
    pub(super) sent: Cell<u64>,
    pub(super) write: Cell<Wait>,
    pub(super) body: Cell<BodyWait>,
}

/// Both ends of a stream in h2.
#[derive(Default)]
pub(super) struct Ends {
    pub(super) receive: Option<RecvStream>,
    pub(super) respond: Option<Respond>,
    pub(super) send: Option<SendStream<Bytes>>,
}

/// What the head of an answer goes to.
pub(super) enum Respond {
    /// The stream of a request.
    Asked(SendResponse<Bytes>),
    /// A stream that the server promised.
    Promised(SendPushedResponse<Bytes>),
}

/// How far a body came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fed {
    Nothing,
    Something,
    /// The client took the request back.
    Gone,
    /// It broke this rule.
    Malformed(Rejection),
}

impl Lane {
    pub(super) fn new(connection: Weak<Http2>, token: Token, readiness: Readiness) -> Rc<Self> {
        Rc::new(Self {
            connection,
            token,
            readiness,
            exchange: RefCell::default(),
            forwarded: RefCell::default(),
            ends: RefCell::default(),
            stage: Cell::default(),
            waits: Waits::default(),
            held: Cell::new(0),
            came_early: Cell::new(false),
        })
    }

    /// Takes up a request.
    pub(super) fn begin(&self, exchange: Rc<Exchange>, ends: Ends) {
        self.exchange.replace(Some(exchange));
        self.ends.replace(ends);
        self.held.set(0);
        self.came_early.set(false);
        self.waits.received.set(0);
        self.waits.sent.set(0);
        self.waits.write.set(Wait::default());
        self.waits.body.set(BodyWait::new(0));
    }

    /// Lets go of the request. What h2 holds of the answer still goes out; a
    /// body that nobody read is refused (RFC 9113 section 8.1).
    pub(super) fn end(&self) -> Option<Rc<Exchange>> {
        self.stage.set(Stage::Free);
        drop(self.ends.take());
        drop(self.forwarded.take());
        self.exchange.take()
    }

    pub(super) fn exchange(&self) -> Option<Rc<Exchange>> {
        self.exchange.borrow().clone()
    }

    /// Moves what came of the body to the application's side, as far as that
    /// has room.
    pub(super) fn feed(&self, exchange: &Exchange) -> Fed {
        let mut inbound = exchange.inbound.borrow_mut();
        if inbound.body != BodyState::Arriving {
            return Fed::Nothing;
        }
        let mut ends = self.ends.borrow_mut();
        let Some(receive) = &mut ends.receive else {
            return Fed::Nothing;
        };
        let mut fed = Fed::Nothing;
        // h2 holds what is left here, and of small frames but few: those of a tunnel would end the connection.
        while inbound.data.len() < BODY_HIGH_WATER || exchange.is_tunnel.get() {
            match self.next_data(receive, &mut inbound) {
                Poll::Ready(Fed::Nothing) => return Fed::Something, // that was its end
                Poll::Ready(Fed::Something) => fed = Fed::Something,
                Poll::Ready(fed) => return fed, // it will not come
                Poll::Pending => return fed,
            }
        }
        fed
    }

    fn next_data(&self, receive: &mut RecvStream, inbound: &mut Inbound) -> Poll<Fed> {
        let mut context = Context::from_waker(self.readiness.waker());
        match receive.poll_data(&mut context) {
            Poll::Ready(Some(Ok(bytes))) => {
                inbound.data.extend_from_slice(&bytes);
                self.held.set(self.held.get() + bytes.len());
                let received = &self.waits.received;
                received.set(received.get() + bytes.len() as u64);
                if receive.is_end_stream() {
                    inbound.body = BodyState::Arrived;
                    return Poll::Ready(Fed::Nothing);
                }
                Poll::Ready(Fed::Something)
            }
            Poll::Ready(None) => {
                let trailers = receive.poll_trailers(&mut context);
                let stream = receive.stream_id().as_u32();
                match trailers {
                    Poll::Ready(Err(error)) => return Poll::Ready(lost(&error)),
                    Poll::Ready(Ok(Some(trailers))) => {
                        if let Err(rejection) = self.judge(&trailers, stream) {
                            return Poll::Ready(Fed::Malformed(rejection));
                        }
                    }
                    Poll::Ready(Ok(None)) | Poll::Pending => {}
                }
                // Nobody is told of trailers: ASGI and WSGI have no word for them.
                inbound.body = BodyState::Arrived;
                Poll::Ready(Fed::Nothing)
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(lost(&error)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The rules for trailers that the h2 crate does not keep (RFC 9113 sections 8.1 and 8.2.1).
    fn judge(&self, trailers: &HeaderMap, stream: u32) -> Result<(), Rejection> {
        let mut values = trailers.values();
        if !values.all(|value| value.as_bytes().trim_ascii() == value.as_bytes()) {
            return Err(Rejection::FieldValue);
        }
        let connection = self.connection.upgrade();
        let count = connection.and_then(|it| it.frames.borrow_mut().count_of_trailers(stream));
        if count.is_some_and(|count| count != trailers.len()) {
            return Err(Rejection::PseudoTrailer); // which h2 left out
        }
        Ok(())
    }

    /// Gives the client the room back of what the application took.
    pub(super) fn release(&self, exchange: &Exchange) {
        let waiting = exchange.inbound.borrow().data.len();
        self.release_all_but(waiting);
    }

    /// The same, but for so many bytes.
    pub(super) fn release_all_but(&self, waiting: usize) {
        let taken = self.held.get().saturating_sub(waiting);
        if taken == 0 {
            return;
        }
        self.held.set(self.held.get() - taken);
        if let Some(receive) = &mut self.ends.borrow_mut().receive {
            // Refused only where the stream is over.
            let _ = receive.flow_control().release_capacity(taken);
        }
    }

    /// Whether the client took its request back; has the lane woken if it does.
    pub(super) fn is_reset(&self) -> bool {
        let mut context = Context::from_waker(self.readiness.waker());
        let mut ends = self.ends.borrow_mut();
        let ends = &mut *ends;
        let reset = match (&mut ends.send, &mut ends.respond) {
            (Some(send), _) => send.poll_reset(&mut context),
            (None, Some(respond)) => respond.poll_reset(&mut context),
            (None, None) => return false,
        };
        reset.is_ready()
    }

    /// Ends the stream at once.
    pub(super) fn reset(&self, reason: Reason) {
        let mut ends = self.ends.borrow_mut();
        let ends = &mut *ends;
        match (&mut ends.send, &mut ends.respond) {
            (Some(send), _) => send.send_reset(reason),
            (None, Some(respond)) => respond.send_reset(reason),
            (None, None) => {}
        }
    }
}

/// Why the rest of a request will not come.
fn lost(error: &h2::Error) -> Fed {
    // h2 calls it a GOAWAY until the reset is sent. After a real one no lane is fed.
    if error.reason() == Some(Reason::PROTOCOL_ERROR) && error.is_library() {
        Fed::Malformed(Rejection::MalformedRequest)
    } else {
        Fed::Gone
    }
}

impl Respond {
    pub(super) fn send(
        &mut self,
        response: Response<()>,
        end: End,
    ) -> Result<SendStream<Bytes>, h2::Error> {
        let end = end == End::Here;
        match self {
            Self::Asked(respond) => respond.send_response(response, end),
            Self::Promised(respond) => respond.send_response(response, end),
        }
    }

    /// Sends an interim answer; none is sent for what nobody asked for.
    pub(super) fn inform(&mut self, response: Response<()>) -> Result<(), h2::Error> {
        match self {
            Self::Asked(respond) => respond.send_informational(response),
            Self::Promised(_) => Ok(()),
        }
    }

    fn poll_reset(&mut self, context: &mut Context<'_>) -> Poll<Result<Reason, h2::Error>> {
        match self {
            Self::Asked(respond) => respond.poll_reset(context),
            Self::Promised(respond) => respond.poll_reset(context),
        }
    }

    fn send_reset(&mut self, reason: Reason) {
        match self {
            Self::Asked(respond) => respond.send_reset(reason),
            Self::Promised(respond) => respond.send_reset(reason),
        }
    }
}

/// Whether anything follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    Here,
    Later,
}
