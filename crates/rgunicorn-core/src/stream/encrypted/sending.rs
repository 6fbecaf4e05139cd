//! What goes out over TLS: as few records and writes as may be.

use std::io;
use std::io::IoSlice;
use std::mem;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use socket2::SockRef;

use super::Encrypted;
use super::Mode;
use super::Outbound;
use crate::outgoing::Outgoing;
use crate::outgoing::SLICES;
use crate::stream::Gate;
use crate::stream::QUIETLY;
use crate::tls::LONGEST_RECORD;
use crate::tls::SealError;

/// Plain bytes that are encrypted for one write.
pub(super) const BATCH: usize = 64 * 1024;

/// Plain bytes that one connection may send before others have their turn.
const DRAIN_BUDGET: usize = 512 * 1024;

/// Encrypted bytes that the socket did not take.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    pub(super) bytes: Vec<u8>,
    sent: usize,
    /// How many of the plain bytes in it still count as not sent.
    held: usize,
    /// How many were held, and do so no more. Whoever gave them has not heard of it yet: reads
    /// send too.
    released: usize,
    /// Whether the socket was offered them.
    pub(super) is_blocked: bool,
}

/// What is said behind plain bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Behind {
    More,
    /// That nothing follows.
    End,
}

impl Encrypted {
    /// Writes what it can of `outgoing`; ready once all of it went out.
    pub(in crate::stream) fn poll_drain(
        &mut self,
        gate: &mut Gate<'_, '_>,
        outgoing: &mut Outgoing,
    ) -> Poll<io::Result<()>> {
        if let Mode::Preamble | Mode::Clear = self.mode {
            return self.below.poll_drain(gate, outgoing);
        }
        let mut budget = DRAIN_BUDGET;
        loop {
            let drained = if self.unsent.goes_first() || outgoing.is_empty() {
                self.poll_unsent(gate)
            } else {
                Poll::Ready(Ok(()))
            };
            outgoing.advance(mem::take(&mut self.unsent.released));
            ready!(drained)?;
            if outgoing.is_empty() && self.unsent.bytes.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if outgoing.is_empty() {
                continue;
            }
            if budget == 0 {
                gate.come_back(); // others have waited
                return Poll::Pending;
            }
            let count = self.send_next(gate, outgoing)?;
            budget = budget.saturating_sub(count);
        }
    }

    /// Encrypts what goes out next, and sends it as far as the socket takes it. Returns how many
    /// plain bytes that is.
    fn send_next(&mut self, gate: &mut Gate<'_, '_>, outgoing: &Outgoing) -> io::Result<usize> {
        let endpoint = Rc::clone(&self.endpoint);
        let workspace = &mut *endpoint.workspace.borrow_mut();
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = outgoing.slices(&mut slices);
        let is_single = outgoing.single().is_some();
        let plain = match &slices[..filled] {
            [first, ..] if is_single || first.len() >= LONGEST_RECORD => {
                &first[..first.len().min(BATCH)]
            }
            _ => {
                // Small ones and parts of files are worth a copy: they share records.
                let room = &mut workspace.received;
                if room.len() < BATCH {
                    room.resize(BATCH, 0);
                }
                let count = outgoing.copy_into(&mut room[..BATCH])?;
                &room[..count]
            }
        };
        let is_last = self.ends_with_output && plain.len() == outgoing.len();
        let behind = if is_last { Behind::End } else { Behind::More };
        self.send(gate, (plain, behind), &mut workspace.sealed)?;
        Ok(plain.len())
    }

    /// Encrypts `plain` behind what is unsent, and sends what the socket takes. As long as it has
    /// not taken all, some of `plain` is held.
    fn send(
        &mut self,
        gate: &mut Gate<'_, '_>,
        (plain, behind): (&[u8], Behind),
        sealed: &mut Vec<u8>,
    ) -> io::Result<()> {
        if !self.unsent.bytes.is_empty() {
            let mut bytes = mem::take(&mut self.unsent.bytes);
            let filled = bytes.len();
            let filled = self.seal((plain, behind), &mut bytes, filled)?;
            bytes.truncate(filled);
            self.unsent.bytes = bytes;
            self.unsent.held = plain.len();
            return match self.poll_unsent(gate) {
                Poll::Ready(sent) => sent,
                Poll::Pending => Ok(()),
            };
        }
        let length = self.seal((plain, behind), sealed, 0)?;
        let sealed = &sealed[..length];
        let write = |socket: &SockRef<'_>| socket.send_with_flags(sealed, QUIETLY);
        let sent = match self.below.poll_io(gate, write) {
            Poll::Ready(sent) => sent?,
            Poll::Pending => 0,
        };
        let unsent = &mut self.unsent;
        unsent.held = plain.len();
        if sent < sealed.len() {
            unsent.bytes.extend_from_slice(&sealed[sent..]);
            unsent.is_blocked = true;
            unsent.release_part(sent);
        } else {
            unsent.release_all();
        }
        Ok(())
    }

    /// Encrypts `plain`, and what has to be said behind it, behind the first `filled` bytes of `out`. Returns how
    /// much of it is filled then.
    fn seal(
        &mut self,
        (plain, behind): (&[u8], Behind),
        out: &mut Vec<u8>,
        filled: usize,
    ) -> io::Result<usize> {
        let Mode::Secured(session) = &mut self.mode else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let filled = session
            .seal(&mut self.pending, plain, out, filled)
            .map_err(broken)?;
        if behind == Behind::More || self.outbound != Outbound::Open {
            return Ok(filled);
        }
        self.outbound = Outbound::Ended;
        session
            .seal_end(&mut self.pending, out, filled)
            .map_err(broken)
    }

    /// What goes out next is the last: the peer is told so with it, and not by a write of its own.
    pub(in crate::stream) fn end_with_output(&mut self) {
        self.ends_with_output = true;
    }

    /// Sends what the socket did not take before.
    pub(super) fn poll_unsent(&mut self, gate: &mut Gate<'_, '_>) -> Poll<io::Result<()>> {
        while !self.unsent.bytes.is_empty() {
            self.unsent.is_blocked = true;
            let waiting = &self.unsent.bytes[self.unsent.sent..];
            let write = |socket: &SockRef<'_>| socket.send_with_flags(waiting, QUIETLY);
            let count = ready!(self.below.poll_io(gate, write))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    /// Tells the peer that nothing follows (RFC 8446 section 6.1), as far as it listens: so it can
    /// tell an answer that is complete from one that broke off.
    pub(in crate::stream) fn say_end(&mut self) {
        if let (Mode::Secured(session), Outbound::Open) = (&mut self.mode, self.outbound) {
            self.outbound = Outbound::Ended;
            let bytes = &mut self.unsent.bytes;
            let filled = bytes.len();
            // Without keys there is nothing to say.
            if let Ok(filled) = session.seal_end(&mut self.pending, bytes, filled) {
                bytes.truncate(filled);
                let _ = self.poll_unsent(&mut Gate::Kernel);
            }
        }
    }

    /// The peer is not to be told that all is well.
    pub(in crate::stream) fn break_off(&mut self) {
        self.outbound = Outbound::Broken;
    }

    pub(super) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        plain: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_unsent(&mut Gate::Runtime(context)))?;
        let plain = &plain[..plain.len().min(BATCH)];
        let endpoint = Rc::clone(&self.endpoint);
        let workspace = &mut *endpoint.workspace.borrow_mut();
        let part = (plain, Behind::More);
        self.send(&mut Gate::Runtime(context), part, &mut workspace.sealed)?;
        // Whoever writes like this does not ask what was sent.
        (self.unsent.held, self.unsent.released) = (0, 0);
        Poll::Ready(Ok(plain.len()))
    }
}

impl Unsent {
    /// Whether it must be gone before more is encrypted.
    fn goes_first(&self) -> bool {
        self.is_blocked || self.held > 0 || self.bytes.len() > LONGEST_RECORD
    }

    /// The socket took so many bytes. As many plain ones count as sent, but for the last: what is
    /// whole is known only when all is gone.
    fn advance(&mut self, count: usize) {
        self.sent += count;
        if self.sent < self.bytes.len() {
            return self.release_part(count);
        }
        self.bytes = Vec::new();
        self.sent = 0;
        self.is_blocked = false;
        self.release_all();
    }

    fn release_part(&mut self, count: usize) {
        let count = count.min(self.held.saturating_sub(1));
        self.held -= count;
        self.released += count;
    }

    fn release_all(&mut self) {
        self.released += mem::take(&mut self.held);
    }
}

fn broken(error: SealError) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, error)
}
