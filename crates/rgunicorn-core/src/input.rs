//! The bytes a client sent and nobody has used yet, and how to read a body from them.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use tokio::io::AsyncRead;

use crate::exchange::BodyState;
use crate::exchange::Inbound;
use crate::parser::ChunkedDecoder;
use crate::parser::Framing;
use crate::parser::Limits;
use crate::parser::Refusal;
use crate::parser::Rejection;
use crate::parser::Scan;
use crate::parser::find_head;
use crate::settings::BODY_HIGH_WATER;
use crate::settings::READ_SIZE;
use crate::state::State;
use crate::stream::Stream;
use crate::tunnel::Watcher;

/// Read at once before others get their turn.
const READ_BUDGET: usize = 4 * READ_SIZE;

/// One connection's received bytes.
#[derive(Debug, Default)]
pub(crate) struct Input {
    buffer: Vec<u8>,
    /// Where the unused bytes begin.
    start: usize,
    scan: Scan,
    pub(crate) body: BodyDecoder,
    pub(crate) end: End,
    /// Bytes read from the socket so far.
    pub(crate) received: u64,
    /// Whether some went to where a tunnel's watcher wants them, which was not told.
    pub(crate) landed: bool,
}

/// Whether the client can still send.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum End {
    /// It can.
    #[default]
    Open,
    /// It said that it is done; it may still read.
    Reached,
    /// The connection is broken: nobody is there.
    Broken,
}

/// What the body of the current request still lacks.
#[derive(Debug, Default)]
pub(crate) enum BodyDecoder {
    /// Nothing: what follows is the next request.
    #[default]
    Done,
    /// So many bytes.
    Sized(u64),
    /// Whatever chunks follow.
    Chunked(Box<ChunkedDecoder>),
    /// No body at all: whatever comes is another protocol's.
    Tunnel,
}

/// How a read ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Filled {
    /// The socket has no more for now, or the client reached its end.
    All,
    /// There may be more: others first.
    Some,
}

impl Input {
    pub(crate) fn unused(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// The same, behind what is still there of bytes that were used.
    pub(crate) fn recent(&self) -> &[u8] {
        &self.buffer
    }

    /// The length of the next request's head, if all of it is there.
    ///
    /// # Errors
    /// The line of it that breaks a rule.
    pub(crate) fn find_head(&mut self, limits: &Limits) -> Result<Option<usize>, Refusal> {
        find_head(&self.buffer[self.start..], &mut self.scan, limits)
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
    }

    /// Reads what the socket holds, within one turn's budget.
    pub(crate) fn fill(
        &mut self,
        stream: &mut Stream,
        context: &mut Context<'_>,
        state: &State,
    ) -> Filled {
        self.fill_within(READ_BUDGET, stream, context, state)
    }

    fn fill_within(
        &mut self,
        mut budget: usize,
        stream: &mut Stream,
        context: &mut Context<'_>,
        state: &State,
    ) -> Filled {
        while self.end == End::Open {
            self.make_room(state);
            let outcome = stream.poll_fill(context, &mut self.buffer);
            if let Some(filled) = self.note(outcome, &mut budget, state) {
                return filled;
            }
        }
        Filled::All
    }

    /// The same to where `watcher` wants it, and where it does not, to our own memory.
    pub(crate) fn land(
        &mut self,
        stream: &mut Stream,
        context: &mut Context<'_>,
        state: &State,
        watcher: &dyn Watcher,
    ) -> Filled {
        let mut budget = READ_BUDGET;
        while self.end == End::Open {
            let mut outcome = None;
            watcher.land(&mut |room| {
                let spare = room.remaining();
                if spare > 0 {
                    let polled = Pin::new(&mut *stream).poll_read(context, room);
                    outcome = Some(polled.map_ok(|()| spare - room.remaining()));
                }
            });
            let Some(outcome) = outcome else {
                return self.fill_within(budget, stream, context, state);
            };
            self.landed |= matches!(outcome, Poll::Ready(Ok(1..)));
            if let Some(filled) = self.note(outcome, &mut budget, state) {
                return filled;
            }
        }
        Filled::All
    }

    /// Takes note of what a read came to. Answers how the reading ends, if it does.
    fn note(
        &mut self,
        outcome: Poll<io::Result<usize>>,
        budget: &mut usize,
        state: &State,
    ) -> Option<Filled> {
        match outcome {
            Poll::Pending => return Some(Filled::All),
            Poll::Ready(Ok(0)) => self.end = End::Reached,
            Poll::Ready(Err(_)) => self.end = End::Broken,
            Poll::Ready(Ok(count)) => {
                self.received += count as u64;
                state.read.set(state.read.get() + count);
                if count >= *budget {
                    return Some(Filled::Some);
                }
                *budget -= count;
            }
        }
        None
    }

    /// Reads once what the kernel holds, past what the runtime knows. Returns how many bytes came.
    pub(crate) fn fill_now(&mut self, stream: &mut Stream, state: &State) -> usize {
        if self.end != End::Open {
            return 0;
        }
        self.make_room(state);
        match stream.read_now(&mut self.buffer) {
            Ok(0) => self.end = End::Reached,
            Ok(count) => {
                self.received += count as u64;
                return count;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.end = End::Broken,
        }
        0
    }

    fn make_room(&mut self, state: &State) {
        if self.buffer.capacity() == 0 {
            self.buffer = state.take_buffer();
            self.start = 0;
        } else if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        if self.buffer.capacity() - self.buffer.len() < READ_SIZE / 4 {
            self.buffer.drain(..self.start);
            self.start = 0;
            self.buffer.reserve(READ_SIZE);
        }
    }

    /// Gives an empty buffer back: idle connections hold none.
    pub(crate) fn rest(&mut self, state: &State) {
        if self.start == self.buffer.len() && self.buffer.capacity() > 0 {
            state.give_buffer(std::mem::take(&mut self.buffer));
            self.start = 0;
        }
    }

    /// Whether the last request's body was read to its end.
    pub(crate) fn is_between_requests(&self) -> bool {
        matches!(self.body, BodyDecoder::Done)
    }

    /// Gets ready for the body of a request.
    pub(crate) fn begin_body(&mut self, framing: Framing, limits: &Limits) {
        self.body = match framing {
            Framing::Empty | Framing::Length(0) => BodyDecoder::Done,
            Framing::Length(length) => BodyDecoder::Sized(length),
            Framing::Chunked => BodyDecoder::Chunked(Box::new(ChunkedDecoder::new(limits))),
        };
    }

    /// Moves body bytes to the application's side, as far as it has room.
    ///
    /// # Errors
    /// A [`Rejection`] where a chunked body is malformed.
    pub(crate) fn feed(&mut self, inbound: &mut Inbound) -> Result<(), Rejection> {
        let room = match self.body {
            // Nothing will make room behind the client's end.
            BodyDecoder::Tunnel if self.end != End::Open => usize::MAX,
            _ => BODY_HIGH_WATER.saturating_sub(inbound.data.len()),
        };
        self.decode(&mut inbound.data, room)?;
        if matches!(self.body, BodyDecoder::Done) && inbound.body == BodyState::Arriving {
            inbound.body = BodyState::Arrived;
        }
        Ok(())
    }

    /// Reads body bytes that nobody wants. Returns how many.
    ///
    /// # Errors
    /// A [`Rejection`] where a chunked body is malformed.
    pub(crate) fn discard(&mut self, scratch: &mut Vec<u8>) -> Result<u64, Rejection> {
        scratch.clear();
        let before = self.unused().len();
        self.decode(scratch, usize::MAX)?;
        Ok((before - self.unused().len()) as u64)
    }

    fn decode(&mut self, out: &mut Vec<u8>, room: usize) -> Result<(), Rejection> {
        let unused = &self.buffer[self.start..];
        match &mut self.body {
            BodyDecoder::Done => {}
            BodyDecoder::Tunnel if self.start == 0 && out.is_empty() => {
                std::mem::swap(out, &mut self.buffer);
            }
            BodyDecoder::Tunnel => {
                let taken = unused.len().min(room);
                out.extend_from_slice(&unused[..taken]);
                self.start += taken;
            }
            BodyDecoder::Sized(missing) => {
                let wanted = usize::try_from(*missing).unwrap_or(usize::MAX);
                let taken = unused.len().min(room).min(wanted);
                out.extend_from_slice(&unused[..taken]);
                *missing -= taken as u64;
                self.start += taken;
                if *missing == 0 {
                    self.body = BodyDecoder::Done;
                }
            }
            BodyDecoder::Chunked(decoder) => {
                let decoded = decoder.decode(unused, out, room)?;
                self.start += decoded.consumed;
                if decoded.finished {
                    self.body = BodyDecoder::Done;
                }
            }
        }
        Ok(())
    }

    /// Drops everything: the connection answers no more.
    pub(crate) fn forget(&mut self, state: &State) {
        self.start = self.buffer.len();
        self.rest(state);
    }
}

/// Reads and drops until the client's end.
pub(crate) fn discard_all(stream: &mut Stream, context: &mut Context<'_>) -> io::Result<End> {
    for _ in 0..READ_BUDGET / 4096 {
        match stream.poll_discard(context) {
            Poll::Pending => return Ok(End::Open),
            Poll::Ready(Ok(0)) => return Ok(End::Reached),
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => return Err(error),
        }
    }
    context.waker().wake_by_ref();
    Ok(End::Open)
}
