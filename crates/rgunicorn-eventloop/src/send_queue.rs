//! Bytes on their way to a socket, without a copy where Python's own bytes can be kept.

use std::collections::VecDeque;
use std::io;
use std::io::IoSlice;
use std::os::fd::RawFd;

use nix::libc;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Pieces that one system call takes.
const PIECES: usize = 64;

/// Pieces in order; of the first one a part may be gone.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    pieces: VecDeque<Py<PyBytes>>,
    /// Bytes of the first piece that were sent.
    sent: usize,
    size: usize,
}

/// How far a queue came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sent {
    /// There is nothing left.
    All,
    /// The socket takes no more for now.
    Some,
}

impl SendQueue {
    /// Bytes that are waiting.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn push(&mut self, piece: Bound<'_, PyBytes>) {
        self.size += piece.as_bytes().len();
        self.pieces.push_back(piece.unbind());
    }

    /// Sends what the socket takes. Pieces that are sent go to `done`, for the caller to drop.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) fn send(
        &mut self,
        py: Python<'_>,
        descriptor: RawFd,
        done: &mut Vec<Py<PyBytes>>,
    ) -> io::Result<Sent> {
        while self.size > 0 {
            let mut slices = [IoSlice::new(&[]); PIECES];
            let mut count = 0;
            let mut offered = 0;
            for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                let skipped = if count == 0 { self.sent } else { 0 };
                let bytes = &piece.as_bytes(py)[skipped..];
                *slice = IoSlice::new(bytes);
                offered += bytes.len();
                count += 1;
            }
            match send(descriptor, &slices[..count]) {
                Ok(taken) => {
                    self.advance(py, taken, done);
                    if taken < offered {
                        return Ok(Sent::Some);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Sent::Some),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Sent::All)
    }

    fn advance(&mut self, py: Python<'_>, taken: usize, done: &mut Vec<Py<PyBytes>>) {
        self.size -= taken;
        self.sent += taken;
        while let Some(first) = self.pieces.front() {
            let length = first.as_bytes(py).len();
            if self.sent < length {
                return;
            }
            self.sent -= length;
            done.extend(self.pieces.pop_front());
        }
    }
}

/// One `sendmsg`, which raises no SIGPIPE.
#[expect(unsafe_code, reason = "nix would need another crate for it")]
fn send(descriptor: RawFd, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    // SAFETY: all zeros is a valid message header: no address, no slices, no control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = slices.as_ptr().cast_mut().cast();
    message.msg_iovlen = slices.len() as _;
    // SAFETY: `IoSlice` is the kernel's `iovec`, which is only read; the slices live through the
    // call. The kernel checks the descriptor.
    let sent = unsafe { libc::sendmsg(descriptor, &raw const message, libc::MSG_NOSIGNAL) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}
