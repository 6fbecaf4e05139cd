//! TLS over a socket: one read and one write a turn, and nothing kept between two.
//!
//! Bytes of the wire pass through two buffers that all connections of a worker
//! share. A connection has memory of its own only for part of a record, and for
//! what its client does not take.

use std::cell::OnceCell;
use std::io;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use socket2::SockRef;
use tokio::io::AsyncRead;
use tokio::io::ReadBuf;
use tokio_util::io::poll_read_buf;

use super::Gate;
use super::Stream;
use crate::settings::READ_SIZE;
use crate::tls::LONGEST_RECORD;
use crate::tls::Session;
use crate::tls::TlsFacts;

mod asynchronous;
mod endpoint;
mod sending;

pub(crate) use endpoint::Endpoint;
pub(crate) use endpoint::First;
use sending::Unsent;

/// Where the handshake leaves what it decided.
pub(crate) type Facts = Rc<OnceCell<Arc<TlsFacts>>>;

/// Bytes of the wire that may wait for the rest of a message. Certificates of clients are long.
const MOST_PENDING: usize = 64 * 1024;

/// One socket with TLS.
#[derive(Debug)]
pub(crate) struct Encrypted {
    below: Stream,
    endpoint: Rc<Endpoint>,
    facts: Facts,
    mode: Mode,
    /// Received, and part of a record.
    pending: Vec<u8>,
    /// Whether `pending` was not looked at.
    pending_is_new: bool,
    unsent: Unsent,
    /// Decrypted, and more than [`AsyncRead::poll_read`] was asked for.
    plain: Vec<u8>,
    inbound: Inbound,
    outbound: Outbound,
    /// Whether nothing follows what goes out next.
    ends_with_output: bool,
}

#[derive(Debug)]
enum Mode {
    Preamble,
    /// The first byte will say whether this is TLS.
    Hello,
    Secured(Box<Session>),
    /// Somebody who does not speak TLS, to be told so.
    Clear,
    /// The peer broke the rules, of which this one. It is told to whoever asks first.
    Failed(Option<rustls::Error>),
}

/// Whether the peer may still send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Inbound {
    Open,
    Ended,
}

/// Whether we may.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outbound {
    Open,
    /// The peer was told that nothing follows.
    Ended,
    /// It is not to be told: something is missing.
    Broken,
}

impl Encrypted {
    pub(super) fn new(below: Stream, endpoint: Rc<Endpoint>, facts: Facts) -> Self {
        Self {
            below,
            facts,
            mode: match endpoint.first {
                First::Preamble => Mode::Preamble,
                First::Hello => Mode::Hello,
            },
            endpoint,
            pending: Vec::new(),
            pending_is_new: false,
            unsent: Unsent::default(),
            plain: Vec::new(),
            inbound: Inbound::Open,
            outbound: Outbound::Open,
            ends_with_output: false,
        }
    }

    /// Begins the handshake, now that the proxy has had its say. `received` is what came behind that.
    pub(crate) fn begin(&mut self, received: &[u8]) {
        if matches!(self.mode, Mode::Preamble) {
            self.mode = Mode::Hello;
            self.pending = received.to_vec();
            self.pending_is_new = !received.is_empty();
        }
    }

    /// Whether the handshake has not begun because a proxy may have something to say.
    pub(crate) fn is_before_handshake(&self) -> bool {
        matches!(self.mode, Mode::Preamble)
    }

    /// Whether the peer speaks in the clear, and expects to be answered so.
    pub(crate) fn is_clear(&self) -> bool {
        matches!(self.mode, Mode::Clear)
    }

    /// Why the connection failed, once.
    pub(crate) fn take_failure(&mut self) -> Option<rustls::Error> {
        match &mut self.mode {
            Mode::Failed(error) => error.take(),
            _ => None,
        }
    }

    pub(super) fn below(&mut self) -> &mut Stream {
        &mut self.below
    }

    pub(super) fn socket(&self) -> SockRef<'_> {
        self.below.socket()
    }

    pub(super) fn has_plain_bytes(&self) -> bool {
        !self.plain.is_empty()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.inbound == Inbound::Ended || self.below.has_ended()
    }

    pub(super) fn application_protocol(&self) -> Option<&[u8]> {
        match &self.mode {
            Mode::Secured(session) => session.application_protocol(),
            _ => None,
        }
    }

    /// Appends plain bytes to `buffer`. Zero bytes is the peer's end.
    pub(super) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        if let Mode::Preamble | Mode::Clear = self.mode {
            return poll_read_buf(Pin::new(&mut self.below), context, buffer);
        }
        let room = buffer.capacity() - buffer.len();
        self.poll_receive(context, room.clamp(LONGEST_RECORD, READ_SIZE), |plain| {
            buffer.extend_from_slice(plain);
        })
    }

    /// The same past what the runtime knows, from what the kernel holds.
    pub(super) fn read_now(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        if let Mode::Preamble | Mode::Clear = self.mode {
            return self.below.read_now(buffer);
        }
        let before = buffer.len();
        while self.inbound == Inbound::Open && buffer.len() == before {
            let mut wire = mem::take(&mut self.pending);
            match self.below.read_now(&mut wire) {
                Ok(1..) => {}
                nothing => {
                    self.pending = wire;
                    if nothing? == 0 {
                        self.inbound = Inbound::Ended;
                    }
                    break;
                }
            }
            self.pending_is_new = false;
            self.digest(&mut wire, |plain| buffer.extend_from_slice(plain))
                .map_err(|error| self.fail(error))?;
        }
        Ok(buffer.len() - before)
    }

    /// Reads at most `most` bytes at a time, until some of them are plain ones.
    fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        most: usize,
        mut take: impl FnMut(&[u8]),
    ) -> Poll<io::Result<usize>> {
        let endpoint = Rc::clone(&self.endpoint);
        let workspace = &mut *endpoint.workspace.borrow_mut();
        let wire = &mut workspace.received;
        loop {
            if self.unsent.is_blocked {
                // Not waited for: who does not take our answers may still send.
                let _ = self.poll_unsent(&mut Gate::Runtime(context))?;
            }
            if self.inbound == Inbound::Ended {
                return Poll::Ready(Ok(0));
            }
            let length = ready!(self.poll_wire(context, wire, most))?;
            let mut count = 0;
            self.digest(&mut wire[..length], |plain| {
                count += plain.len();
                take(plain);
            })
            .map_err(|error| self.fail(error))?;
            if count > 0 {
                return Poll::Ready(Ok(count)); // what there is to be said goes with the answer
            }
            let _ = self.poll_unsent(&mut Gate::Runtime(context))?;
        }
    }

    /// Puts what is pending into `wire`, and what the socket has behind it. Returns how much that is.
    fn poll_wire(
        &mut self,
        context: &mut Context<'_>,
        wire: &mut Vec<u8>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let pending = self.pending.len();
        if wire.len() < pending + most {
            wire.resize(pending + most, 0);
        }
        wire[..pending].copy_from_slice(&self.pending);
        if mem::take(&mut self.pending_is_new) {
            return Poll::Ready(Ok(pending));
        }
        let mut room = ReadBuf::new(&mut wire[pending..pending + most]);
        ready!(Pin::new(&mut self.below).poll_read(context, &mut room))?;
        let count = room.filled().len();
        if count == 0 {
            self.inbound = Inbound::Ended;
        }
        Poll::Ready(Ok(pending + count))
    }

    /// Gives the plain bytes in `wire` to `take`, and keeps what is part of a record.
    fn digest(
        &mut self,
        wire: &mut [u8],
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), rustls::Error> {
        if let (Mode::Hello, Some(first)) = (&self.mode, wire.first()) {
            if is_text(*first) {
                self.mode = Mode::Clear;
                self.pending = Vec::new();
                take(wire);
                return Ok(());
            }
            let session = Session::new(&self.endpoint.tls.borrow())?;
            self.mode = Mode::Secured(Box::new(session));
        }
        let Mode::Secured(session) = &mut self.mode else {
            return Ok(());
        };
        let received = session.receive(wire, take, &mut self.unsent.bytes)?;
        if self.facts.get().is_none() && !session.is_handshaking() {
            let facts = session.facts();
            let _ = facts.map(|facts| self.facts.set(Arc::new(facts)));
        }
        if received.has_ended {
            self.inbound = Inbound::Ended;
        }
        let rest = &wire[received.used..];
        if rest.len() > MOST_PENDING {
            return Err(rustls::Error::General("a message is too long".to_owned()));
        }
        self.pending = rest.to_vec();
        Ok(())
    }

    /// The peer broke a rule: says so to it, as far as it listens.
    fn fail(&mut self, error: rustls::Error) -> io::Error {
        let _ = self.poll_unsent(&mut Gate::Kernel);
        self.outbound = Outbound::Broken;
        self.mode = Mode::Failed(Some(error));
        io::ErrorKind::InvalidData.into()
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        self.say_end();
    }
}

/// Whether a client that begins so means HTTP and no TLS, whose records begin with their type.
fn is_text(first: u8) -> bool {
    first.is_ascii_alphabetic() || first.is_ascii_whitespace()
}
