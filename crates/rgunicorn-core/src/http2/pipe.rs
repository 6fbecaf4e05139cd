//! What stands between the socket and the h2 crate: bytes are read before it asks, and written once it is done.
//!
//! One read takes what the socket holds, and one write carries what all streams of a turn have to say. The frames of
//! the client pass by here, and are counted.

use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use super::upgrade::Interposed;
use crate::frames;
use crate::frames::Frames;
use crate::frames::Word;
use crate::input::End;
use crate::input::Filled;
use crate::input::Input;
use crate::outgoing::Outgoing;
use crate::state::State;
use crate::stream::Gate;
use crate::stream::Stream;

/// Bytes that wait for the socket before h2 is told to wait. More make no write cheaper.
const OUTPUT_LIMIT: usize = 128 * 1024;

/// A GOAWAY that says no more than a code (RFC 9113 section 6.8).
const GOAWAY_LENGTH: usize = 17;

/// RFC 9113 section 7.
const PROTOCOL_ERROR: u8 = 0x1;
const COMPRESSION_ERROR: u8 = 0x9;

/// The end of the pipe that belongs to the connection.
pub(super) struct Pipe {
    stream: RefCell<Stream>,
    /// Whether the socket took less than there was.
    blocked: Cell<bool>,
    shared: Rc<Shared>,
}

/// The end that belongs to h2.
pub(super) struct H2Side(Rc<Shared>);

struct Shared {
    input: RefCell<Input>,
    output: RefCell<Outgoing>,
    /// What goes before the rest of the input, at an upgrade.
    interposed: RefCell<Option<Interposed>>,
    /// Whether h2 had more to write than was taken.
    full: Cell<bool>,
    /// Whether h2 may know that the client sends no more.
    end_is_told: Cell<bool>,
}

impl Pipe {
    pub(super) fn new(stream: Stream, input: Input) -> Self {
        let shared = Shared {
            input: RefCell::new(input),
            output: RefCell::default(),
            interposed: RefCell::default(),
            full: Cell::new(false),
            end_is_told: Cell::new(false),
        };
        Self {
            stream: RefCell::new(stream),
            blocked: Cell::new(false),
            shared: Rc::new(shared),
        }
    }

    pub(super) fn h2_side(&self) -> H2Side {
        H2Side(Rc::clone(&self.shared))
    }

    pub(super) fn stream(&self) -> &RefCell<Stream> {
        &self.stream
    }

    /// Sends `bytes` before anything that h2 says, and has h2 read something before what follows.
    pub(super) fn interpose(&self, bytes: &[u8], interposed: Interposed) {
        self.shared.output.borrow_mut().copy(bytes);
        self.shared.interposed.replace(Some(interposed));
    }

    /// Counts the frames that came before there was a pipe.
    pub(super) fn count_first(&self, frames: &mut Frames) {
        frames.take(self.shared.input.borrow().unused());
    }

    /// Reads what the socket holds, within one turn's budget.
    pub(super) fn fill(
        &self,
        context: &mut Context<'_>,
        state: &State,
        frames: &mut Frames,
    ) -> Filled {
        let mut input = self.shared.input.borrow_mut();
        let before = input.received;
        let filled = input.fill(&mut self.stream.borrow_mut(), context, state);
        let new = (input.received - before) as usize;
        let unused = input.unused();
        frames.take(&unused[unused.len() - new..]);
        filled
    }

    /// The same, past what the runtime knows.
    pub(super) fn fill_now(&self, state: &State, frames: &mut Frames) {
        let mut input = self.shared.input.borrow_mut();
        let new = input.fill_now(&mut self.stream.borrow_mut(), state);
        let unused = input.unused();
        frames.take(&unused[unused.len() - new..]);
    }

    /// Says what h2 could not do, where it has but the general word: in the GOAWAY that it wrote last.
    pub(super) fn name_compression_error(&self, frames: &Frames) {
        let input = self.shared.input.borrow();
        let mut output = self.shared.output.borrow_mut();
        let Some([head @ .., code]) = output.copied().last_chunk_mut::<GOAWAY_LENGTH>() else {
            return;
        };
        let is_general = head.starts_with(&[0, 0, 8, 7, 0, 0, 0, 0, 0])
            && head.ends_with(&[0, 0, 0])
            && *code == PROTOCOL_ERROR;
        if is_general && frames.ends_unreadable(input.recent()) {
            *code = COMPRESSION_ERROR;
        }
    }

    /// Bytes that were read and that h2 has not taken.
    pub(super) fn unread(&self) -> usize {
        self.shared.input.borrow().unused().len()
    }

    /// Bytes read from the socket so far.
    pub(super) fn received(&self) -> u64 {
        self.shared.input.borrow().received
    }

    pub(super) fn end(&self) -> End {
        self.shared.input.borrow().end
    }

    /// Whether the client sends no more, and h2 does not know.
    pub(super) fn end_is_news(&self) -> bool {
        self.end() != End::Open && !self.shared.end_is_told.get()
    }

    /// Lets h2 know that the client sends no more: to h2 that is the end of all streams.
    pub(super) fn tell_end(&self) {
        self.shared.end_is_told.set(true);
    }

    /// Writes what the socket takes. Returns how much that was, and whether it was all.
    pub(super) fn drain(&self, gate: &mut Gate<'_, '_>) -> (u64, Poll<io::Result<()>>) {
        let output = &mut *self.shared.output.borrow_mut();
        let before = output.len();
        let drained = self.stream.borrow_mut().poll_drain(gate, output);
        self.blocked.set(drained.is_pending());
        (before.saturating_sub(output.len()) as u64, drained)
    }

    /// Whether the socket took less than there was, when it was last asked.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.get()
    }

    /// Bytes that wait for the socket.
    pub(super) fn backlog(&self) -> usize {
        self.shared.output.borrow().len()
    }

    /// The first that h2 says of a stream in what waits for the socket, which must have taken all before.
    pub(super) fn first_word(&self, stream: u32) -> Option<Word> {
        let output = self.shared.output.borrow();
        frames::first_word(output.single()?, stream)
    }

    /// Whether h2 waits until there is room.
    pub(super) fn is_full(&self) -> bool {
        self.shared.full.get()
    }

    /// Whether h2 was told to wait since the last call.
    pub(super) fn was_full(&self) -> bool {
        self.shared.full.replace(false)
    }

    /// Gives back what an idle connection needs not keep.
    pub(super) fn rest(&self, state: &State) {
        self.shared.input.borrow_mut().rest(state);
    }

    /// The same for what is written.
    pub(super) fn rest_output(&self) {
        let mut output = self.shared.output.borrow_mut();
        if output.is_empty() {
            output.rest();
        }
    }

    /// Drops what was read: nobody answers any more.
    pub(super) fn forget(&self, state: &State) {
        self.shared.input.borrow_mut().forget(state);
    }
}

impl AsyncRead for H2Side {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut input = self.0.input.borrow_mut();
        let mut interposed = self.0.interposed.borrow_mut();
        if let Some(before) = &mut *interposed {
            let Some(bytes) = before.next(&mut input, buffer.remaining()) else {
                return self.0.idle(input.end);
            };
            buffer.put_slice(&bytes);
            if before.is_over() {
                *interposed = None;
            }
            return Poll::Ready(Ok(()));
        }
        let count = input.unused().len().min(buffer.remaining());
        if count == 0 {
            return self.0.idle(input.end);
        }
        buffer.put_slice(&input.unused()[..count]);
        input.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl Shared {
    /// What a read of nothing means. Nobody is woken: every turn asks anew.
    fn idle(&self, end: End) -> Poll<io::Result<()>> {
        match end {
            End::Broken => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            End::Reached if self.end_is_told.get() => Poll::Ready(Ok(())),
            End::Open | End::Reached => Poll::Pending,
        }
    }
}

impl H2Side {
    fn take(&self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut output = self.0.output.borrow_mut();
        if output.len() >= OUTPUT_LIMIT {
            self.0.full.set(true);
            return Poll::Pending;
        }
        for slice in slices {
            output.copy(slice);
        }
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }
}

impl AsyncWrite for H2Side {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.take(&[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.take(slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The turn flushes, once all streams had their say.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // the connection does that when all is written
    }
}
