//! What the end of the application's task means for its exchange.

use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rgunicorn_eventloop::confined::Confined;
use rgunicorn_eventloop::traceback::traceback;

use crate::call::Call;
use crate::call::Called;
use crate::error::is_disconnect;

impl Called for Call {
    fn settle(&self, task: &Bound<'_, PyAny>) -> PyResult<()> {
        settle(self, task)
    }

    fn becomes_abandoned(&self, now: Instant, grace: Duration) -> bool {
        Self::becomes_abandoned(self, now, grace)
    }
}

/// Looks at a finished task: logs what the application did wrong, and ends the
/// exchange if it did not.
pub(crate) fn settle(call: &Call, task: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = task.py();
    let responder = &call.responder;
    match task.call_method0(intern!(py, "result")) {
        Err(_) if task.call_method0(intern!(py, "cancelled"))?.is_truthy()? => responder.abort(),
        Err(error) => {
            responder.end_connection();
            responder.abort();
            log_exception(py, &error);
        }
        Ok(value) if !value.is_none() => {
            responder.end_connection();
            tracing::error!("ASGI callable should return None, but returned '{value}'.");
            responder.abort();
        }
        Ok(_) if responder.is_complete() || responder.is_disconnected() => {}
        Ok(_) if responder.heard_farewell() => {
            tracing::debug!("The application ended its response because the server stops.");
            responder.abort();
        }
        Ok(_) if responder.is_started() => {
            tracing::error!("ASGI callable returned without completing response.");
            responder.abort();
        }
        Ok(_) => {
            tracing::error!("ASGI callable returned without starting response.");
            responder.abort();
        }
    }
    call.end(py);
    Ok(())
}

/// Logs an exception that left the application, unless it is the
/// application's way of saying that the client left.
pub(crate) fn log_exception(py: Python<'_>, error: &PyErr) {
    if is_disconnect(py, error) {
        tracing::debug!("Client disconnected before its response was complete.");
        return;
    }
    tracing::error!("Exception in ASGI application\n{}", traceback(py, error));
}

/// The done-callback of a task that had to wait.
#[pyclass(frozen, module = "rgunicorn._rgunicorn")]
pub(crate) struct Finished {
    call: Confined<Rc<dyn Called>>,
    /// Tasks that run, with this callback; asyncio itself holds them only weakly.
    tasks: Py<PyDict>,
}

impl Finished {
    pub(crate) fn call(&self) -> PyResult<&Rc<dyn Called>> {
        self.call.get()
    }

    pub(crate) fn new(call: Rc<dyn Called>, tasks: Py<PyDict>) -> Self {
        Self {
            call: Confined::new(call),
            tasks,
        }
    }
}

#[pymethods]
impl Finished {
    fn __call__(&self, task: &Bound<'_, PyAny>) -> PyResult<()> {
        self.tasks.bind(task.py()).del_item(task)?;
        self.call.get()?.settle(task)
    }
}
