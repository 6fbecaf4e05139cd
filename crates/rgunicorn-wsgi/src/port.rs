//! The way from an application's call to its exchange, on whatever thread it runs.

use std::io;
use std::os::fd::OwnedFd;

use pyo3::prelude::*;
use rgunicorn_core::chunk::Chunk;
use rgunicorn_core::error::SendError;
use rgunicorn_core::exchange::Part;
use rgunicorn_core::fields::EarlyHints;
use rgunicorn_core::response::ResponseHead;

use crate::inline::Inline;
use crate::pooled::Pooled;
use crate::sent::Sent;

/// One call's end of its exchange.
pub(crate) enum Port {
    /// On the worker's own thread.
    Inline(Inline),
    /// On a thread of the pool.
    Pooled(Pooled),
}

impl Port {
    pub(crate) fn start(&self, head: ResponseHead) -> Result<(), SendError> {
        match self {
            Self::Inline(port) => port.start(head),
            Self::Pooled(port) => port.start(head),
        }
    }

    /// Gives a part of the body.
    pub(crate) fn body(&self, data: Chunk<'_>, part: Part) -> Result<(), SendError> {
        match self {
            Self::Inline(port) => port.body(data, part),
            Self::Pooled(port) => port.body(data, part),
        }
    }

    /// Sees to it that what was given so far is sent, whatever the call does
    /// next. Waits where the client reads too slowly for more to be given.
    pub(crate) fn flush(&self, py: Python<'_>) -> Sent {
        match self {
            Self::Inline(port) => port.flush(py),
            Self::Pooled(port) => Ok(port.flush(py)),
        }
    }

    /// Has the client get what was given so far, as far as that needs no waiting.
    pub(crate) fn write_through(&self) {
        match self {
            Self::Inline(port) => port.write_through(),
            Self::Pooled(_) => {} // the worker's thread does it meanwhile
        }
    }

    pub(crate) fn hint(&self, hints: EarlyHints) -> Result<(), SendError> {
        match self {
            Self::Inline(port) => port.hint(hints),
            Self::Pooled(port) => port.hint(hints),
        }
    }

    /// Gives the answer up. The client sees that it is not complete.
    pub(crate) fn abort(&self) {
        match self {
            Self::Inline(port) => port.abort(),
            Self::Pooled(port) => port.abort(),
        }
    }

    /// Takes the client's socket out of the server's hands.
    ///
    /// # Errors
    /// See [`Responder::take_over`](rgunicorn_core::responder::Responder::take_over).
    pub(crate) fn take_over(&self, py: Python<'_>) -> io::Result<OwnedFd> {
        match self {
            Self::Inline(port) => port.take_over(),
            Self::Pooled(port) => port.take_over(py),
        }
    }

    pub(crate) fn is_disconnected(&self) -> bool {
        match self {
            Self::Inline(port) => port.is_disconnected(),
            Self::Pooled(port) => port.is_disconnected(),
        }
    }
}
