//! An exchange whose application runs on the worker's own thread: while it
//! does, nobody but it writes.

use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use pyo3::prelude::*;
use rgunicorn_core::chunk::Chunk;
use rgunicorn_core::error::SendError;
use rgunicorn_core::exchange::Part;
use rgunicorn_core::fields::EarlyHints;
use rgunicorn_core::responder::Responder;
use rgunicorn_core::response::ResponseHead;

use crate::sent::Sent;

/// The application's end of such an exchange.
pub(crate) struct Inline {
    responder: Responder,
    /// Whether something was given that nobody has tried to write.
    held: Cell<bool>,
    /// Whether the client took nothing for too long.
    given_up: Cell<bool>,
    waiting: Rc<Waiting>,
}

/// What a wait for a slow client needs to know.
pub struct Waiting {
    /// Shows that the worker is alive.
    pub beat: Box<dyn Fn()>,
    /// How often it has to.
    pub every: Duration,
    /// How long a client may take nothing; `None` is for ever.
    pub patience: Option<Duration>,
}

impl Inline {
    pub(crate) fn new(responder: Responder, waiting: Rc<Waiting>) -> Self {
        Self {
            responder,
            waiting,
            held: Cell::new(false),
            given_up: Cell::new(false),
        }
    }

    pub(crate) fn start(&self, head: ResponseHead) -> Result<(), SendError> {
        self.responder.start(head)
    }

    /// Gives a part of the body. What the application has in memory anyway
    /// needs no waiting: the connection goes on with it once the call is over.
    pub(crate) fn body(&self, data: Chunk<'_>, part: Part) -> Result<(), SendError> {
        self.held.set(true);
        self.responder.body(data, part).map(drop)
    }

    /// Writes what was given so far; waits where the client reads too slowly
    /// for more to be given.
    ///
    /// # Errors
    /// [`SendError::Disconnected`], and whatever a signal handler raises.
    pub(crate) fn flush(&self, py: Python<'_>) -> Sent {
        if !self.held.replace(false) {
            return Ok(Ok(()));
        }
        let mut patience = self.waiting.patience;
        let mut before = usize::MAX;
        loop {
            self.responder.write_through();
            if self.responder.is_disconnected() {
                return Ok(Err(SendError::Disconnected));
            }
            if self.responder.has_room() {
                return Ok(Ok(()));
            }
            let left = self.responder.backlog();
            if left < before {
                (before, patience) = (left, self.waiting.patience);
            } else if patience.is_some_and(|patience| patience.is_zero()) {
                self.given_up.set(true);
                self.responder.abort();
                return Ok(Err(SendError::Disconnected));
            }
            self.wait(py)?;
            patience = patience.map(|patience| patience.saturating_sub(self.waiting.every));
        }
    }

    /// Writes what the client takes at once of what was given so far.
    pub(crate) fn write_through(&self) {
        if self.held.replace(false) {
            self.responder.write_through();
        }
    }

    /// Waits for the client to read, without the interpreter: other threads of
    /// the application may go on. The worker is alive meanwhile.
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        (self.waiting.beat)();
        if let Some(socket) = self.responder.socket()? {
            let limit = self.waiting.every;
            py.detach(|| socket.wait_writable(limit))?;
        }
        py.check_signals()
    }

    pub(crate) fn hint(&self, hints: EarlyHints) -> Result<(), SendError> {
        self.held.set(true);
        self.responder.hint(hints).map(drop) // written through at once
    }

    /// Gives the answer up. The client sees that it is not complete.
    pub(crate) fn abort(&self) {
        self.responder.end_connection();
        self.responder.abort();
    }

    pub(crate) fn take_over(&self) -> io::Result<OwnedFd> {
        self.responder.take_over()
    }

    pub(crate) fn is_disconnected(&self) -> bool {
        self.given_up.get() || self.responder.is_disconnected()
    }
}
