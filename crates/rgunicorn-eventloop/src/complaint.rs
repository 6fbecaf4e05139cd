//! What is said when something is wrong with a transport.

use std::ffi::CString;
use std::io;
use std::os::fd::RawFd;

use pyo3::exceptions::PyOSError;
use pyo3::exceptions::PyResourceWarning;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::task::ends_process;

/// Gives an exception of a protocol's to the loop's exception handler, unless it is meant for the
/// whole process.
pub(crate) fn report(
    event_loop: &Bound<'_, PyAny>,
    error: PyErr,
    message: &str,
    transport: &Bound<'_, PyAny>,
    protocol: Option<Py<PyAny>>,
) -> PyResult<()> {
    let py = event_loop.py();
    if ends_process(py, &error) {
        return Err(error);
    }
    let context = PyDict::new(py);
    context.set_item("message", message)?;
    context.set_item("exception", error.into_value(py))?;
    context.set_item("transport", transport)?;
    context.set_item("protocol", protocol)?;
    event_loop.call_method1("call_exception_handler", (context,))?;
    Ok(())
}

/// The error as Python's sockets raise it: its class follows from its number.
#[cold]
pub(crate) fn os_error(py: Python<'_>, error: io::Error) -> PyErr {
    let Some(number) = error.raw_os_error() else {
        return error.into();
    };
    let text = py
        .import("os")
        .and_then(|os| os.call_method1("strerror", (number,)));
    match text {
        Ok(text) => PyOSError::new_err((number, text.unbind())),
        Err(error) => error,
    }
}

/// Somebody writes to a connection that is gone; so many times it has happened before.
pub(crate) fn warn_of_late_write(py: Python<'_>, before: u32) -> PyResult<()> {
    if before >= TOLERATED {
        let logger = py.import("asyncio.log")?.getattr("logger")?;
        logger.call_method1("warning", ("socket.send() raised exception.",))?;
    }
    Ok(())
}

/// asyncio warns from the fifth late write on.
const TOLERATED: u32 = 5;

/// Tells whoever forgot to close a transport, and closes its socket.
pub(crate) fn close_forgotten(class: &str, descriptor: RawFd, socket: Py<PyAny>) {
    Python::attach(|py| {
        let warning = CString::new(format!("unclosed transport <{class} fd={descriptor}>"));
        let category = py.get_type::<PyResourceWarning>();
        let warned = PyErr::warn(py, &category, &warning.unwrap_or_default(), 1);
        let closed = socket.call_method0(py, intern!(py, "close"));
        for error in [warned.err(), closed.err()].into_iter().flatten() {
            error.write_unraisable(py, None);
        }
    });
}
