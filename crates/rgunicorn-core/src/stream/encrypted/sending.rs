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
        self.send(gate, plain, &mut workspace.sealed)?;
        Ok(plain.len())
    }

    /// Encrypts `plain` behind what is unsent, and sends what the socket takes. As long as it has
    /// not taken all, some of `plain` is held.
    fn send(
        &mut self,
        gate: &mut Gate<'_, '_>,
        plain: &[u8],
        sealed: &mut Vec<u8>,
    ) -> io::Result<()> {
        let Mode::Secured(session) = &mut self.mode else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let unsent = &mut self.unsent;
        if !unsent.bytes.is_empty() {
            let filled = unsent.bytes.len();
            let filled = session
                .seal(&mut self.pending, plain, &mut unsent.bytes, filled)
                .map_err(broken)?;
            unsent.bytes.truncate(filled);
            unsent.held = plain.len();
            return match self.poll_unsent(gate) {
                Poll::Ready(sent) => sent,
                Poll::Pending => Ok(()),
            };
        }
        let length = session.seal(&mut self.pending, plain, sealed, 0);
        let sealed = &sealed[..length.map_err(broken)?];
        let write = |socket: &SockRef<'_>| socket.send_with_flags(sealed, QUIETLY);
        let sent = match self.below.poll_io(gate, write) {
            Poll::Ready(sent) => sent?,
            Poll::Pending => 0,
        };
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
        self.send(&mut Gate::Runtime(context), plain, &mut workspace.sealed)?;
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
