//! One call of the application, and what all calls share.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rgunicorn_core::responder::Received;
use rgunicorn_core::responder::Responder;

use crate::message;

/// What one call of the application shares.
pub(crate) struct Call {
    pub(crate) responder: Responder,
    pub(crate) context: Rc<CallContext>,
    /// When the client was first seen to be gone.
    left: Cell<Option<Instant>>,
}

impl Call {
    pub(crate) fn new(responder: Responder, context: Rc<CallContext>) -> Rc<Self> {
        Rc::new(Self {
            responder,
            context,
            left: Cell::new(None),
        })
    }

    /// Whether the application has been sending to nobody for as long as `grace`.
    /// One that has not begun to answer is left to finish what it does.
    pub(crate) fn is_abandoned(&self, now: Instant, grace: Duration) -> bool {
        if !self.responder.is_disconnected() || !self.responder.is_started() {
            return false;
        }
        let left = self.left.get().unwrap_or(now);
        self.left.set(Some(left));
        now.duration_since(left) >= grace
    }
}

/// What all calls share.
pub(crate) struct CallContext {
    pub(crate) event_loop: Py<PyAny>,
    pub(crate) done: Py<PyAny>,
}

/// The next event, if it is there.
pub(crate) fn receive<'py>(py: Python<'py>, call: &Call) -> PyResult<Option<Bound<'py, PyAny>>> {
    match call.responder.receive(|data| PyBytes::new(py, data)) {
        Received::Body(data, part) => message::request(py, data, part).map(Some),
        Received::Disconnected => message::disconnect(py).map(Some),
        Received::Pending => Ok(None),
    }
}
