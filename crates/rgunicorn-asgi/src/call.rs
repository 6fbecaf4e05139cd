//! One call of the application, and what all calls share.

use std::rc::Rc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rgunicorn_core::responder::Received;
use rgunicorn_core::responder::Responder;

use crate::message;

/// What one call of the application shares.
pub(crate) struct Call {
    pub(crate) responder: Responder,
    pub(crate) context: Rc<CallContext>,
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
