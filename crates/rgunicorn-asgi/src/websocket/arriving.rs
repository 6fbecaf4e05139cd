//! A large message on its way: the tunnel is read straight into the object that the application will get.

use pyo3::prelude::*;
use rgunicorn_core::tunnel::Placement;
use rgunicorn_core::tunnel::Read;
use rgunicorn_eventloop::landing::Landing;
use rgunicorn_websocket::Failure;
use rgunicorn_websocket::Kind;
use rgunicorn_websocket::LONGEST_HEAD;
use rgunicorn_websocket::Large;
use rgunicorn_websocket::Receiver;

use super::Socket;
use super::hearing::Interest;
use super::inbox::Waiting;
use super::unread::Unread;

/// Memory that a client gets for saying that it will send more than that.
const LEAST_TRUSTED: usize = 128 * 1024;

/// The same after it has sent as much before.
const MOST_TRUSTED: usize = 1024 * 1024;

/// Read at once, so that the mask is taken off what the processor has at hand.
const MOST_READ: usize = 128 * 1024;

/// A message whose head came.
pub(super) struct Arriving {
    large: Large,
    /// The payload so far, of bytes without its mask. Text keeps it: what makes a string takes it off.
    landing: Landing,
    /// What came behind it.
    rest: Vec<u8>,
}

impl Arriving {
    /// One of which nothing has come, after one of `last` bytes.
    pub(super) fn new(py: Python<'_>, large: Large, last: usize) -> Self {
        let capacity = large.length.min(last.clamp(LEAST_TRUSTED, MOST_TRUSTED));
        Self {
            large,
            landing: Landing::new(py, capacity + ONE_MORE),
            rest: Vec::new(),
        }
    }

    /// One whose payload begins in `landing` at `start`.
    pub(super) fn landed(py: Python<'_>, large: Large, landing: Landing, start: usize) -> Self {
        let mut this = Self {
            large,
            landing,
            rest: Vec::new(),
        };
        this.settle(py, start, 0);
        this
    }

    /// Takes what it lacks from `input`. Answers how much that is.
    pub(super) fn take(&mut self, py: Python<'_>, input: &[u8]) -> usize {
        let mut taken = 0;
        while taken < input.len() && !self.is_whole() {
            self.make_room(py);
            let before = self.landing.filled();
            let next = &input[taken..];
            let next = &next[..next.len().min(self.large.length - before)];
            taken += self.landing.append(py, next, self.mask_at(before));
        }
        taken
    }

    /// Reads what comes next to its place, unless it is whole.
    pub(super) fn read(&mut self, py: Python<'_>, read: Read<'_>) {
        if self.is_whole() {
            return;
        }
        self.make_room(py);
        let before = self.landing.filled();
        self.landing.read(py, MOST_READ, read);
        self.settle(py, before, before);
    }

    pub(super) fn is_whole(&self) -> bool {
        self.landing.filled() == self.large.length
    }

    /// The message, once it is whole, and what came behind it.
    ///
    /// # Errors
    /// Where a text is not UTF-8, of which `receiver` takes note.
    pub(super) fn finish(
        mut self,
        py: Python<'_>,
        receiver: &mut Receiver,
    ) -> (Result<Waiting, Failure>, Vec<u8>) {
        let message = match self.large.kind {
            Kind::Text => {
                let payload = self.landing.bytes(py);
                receiver.end_large(&self.large, payload, |heard| Waiting::new(py, heard))
            }
            Kind::Binary => Ok(Waiting::binary(self.landing.finish(py))),
        };
        (message, self.rest)
    }

    /// So that some of it can be written, and one byte more: a read that leaves room need not be repeated.
    fn make_room(&mut self, py: Python<'_>) {
        let capacity = self.landing.capacity();
        if self.landing.filled() + ONE_MORE >= capacity {
            let wanted = self.large.length.min(capacity.saturating_mul(2));
            self.landing.reserve(py, wanted + ONE_MORE);
        }
    }

    /// Moves what came from `from` on to `at`, as it is kept.
    fn settle(&mut self, py: Python<'_>, from: usize, at: usize) {
        let end = from + (self.large.length - at);
        if self.landing.filled() > end {
            self.rest = self.landing.bytes(py)[end..].to_vec();
            self.landing.truncate(end);
        }
        let mask = self.mask_at(at);
        if from != at || mask != [0; 4] {
            self.landing.settle(py, from, at, mask);
        }
    }

    /// What has to be taken off at once from the byte at `index` on.
    fn mask_at(&self, index: usize) -> [u8; 4] {
        match self.large.kind {
            Kind::Text => [0; 4],
            Kind::Binary => self.large.mask_after(index),
        }
    }
}

const ONE_MORE: usize = 1;

impl Socket {
    /// The head of a large message came, and before anything else, its payload will. Some of that may be
    /// in `unread`.
    pub(super) fn begin_arriving(&self, py: Python<'_>, large: Large, unread: Unread) {
        let arriving = match unread.into_landing() {
            Ok((landing, start)) => Arriving::landed(py, large, landing, start),
            Err(mut unread) => {
                let mut arriving = Arriving::new(py, large, self.expected.get().unwrap_or(0));
                let taken = arriving.take(py, unread.bytes(py));
                unread.use_up(taken);
                self.put_away(unread);
                arriving
            }
        };
        self.arriving.replace(Some(arriving));
        self.responder.place(Placement::Offered);
    }

    /// Goes on with the large message, if there is one. Answers what came behind it, or nothing while it
    /// is not whole.
    ///
    /// # Errors
    /// Where it is a text and not UTF-8.
    pub(super) fn go_on(&self, py: Python<'_>) -> Result<Option<Unread>, Failure> {
        let Some(mut arriving) = self.arriving.take() else {
            return Ok(Some(self.unread.take()));
        };
        let mut unread = Unread::default();
        if !arriving.is_whole() {
            unread = Unread::taken(self.responder.take_input());
            let taken = arriving.take(py, unread.bytes(py));
            unread.use_up(taken);
        }
        if !arriving.is_whole() {
            self.put_away(unread);
            self.arriving.replace(Some(arriving));
            return Ok(None);
        }
        let mut session = self.session.borrow_mut();
        let session = session.as_mut().expect("it heard the head");
        let (message, rest) = arriving.finish(py, &mut session.receiver);
        let message = message?;
        self.expect(message.expects());
        if self.interest() == Interest::Keep {
            self.inbox.borrow_mut().push(message);
        }
        if !rest.is_empty() {
            // Only what was read to its place has one, and behind it is what was read since.
            let mut input = self.responder.take_input();
            input.splice(..0, rest);
            unread = Unread::taken(input);
        }
        Ok(Some(unread))
    }

    /// Reads to where a large message goes that is there in part, or likely.
    pub(super) fn read_large(&self, py: Python<'_>, read: Read<'_>) {
        if let Some(arriving) = &mut *self.arriving.borrow_mut() {
            return arriving.read(py, read);
        }
        let Some(length) = self.expected.get() else {
            return;
        };
        if self.is_full() || self.interest() == Interest::Drop || !self.unread.borrow().is_used() {
            return;
        }
        let length = length.min(MOST_TRUSTED);
        let mut landing = Landing::new(py, LONGEST_HEAD + length + ONE_MORE);
        landing.read(py, LONGEST_HEAD + MOST_READ + ONE_MORE, read);
        if landing.filled() > 0 {
            self.unread.replace(Unread::landed(landing));
        }
    }

    /// Prepares for a message of so many bytes, or for small ones.
    pub(super) fn expect(&self, length: Option<usize>) {
        self.expected.set(length);
        self.responder.place(match length {
            Some(_) => Placement::Offered,
            None => Placement::Exchange,
        });
    }

    /// Gives memory back whose bytes were used.
    pub(super) fn put_away(&self, unread: Unread) {
        match unread.into_taken() {
            Some(bytes) => self.responder.give_back(bytes),
            None => self.expect(None), // there was no large message in it
        }
    }
}
