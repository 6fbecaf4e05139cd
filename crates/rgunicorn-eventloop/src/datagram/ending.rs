//! How it ends: closed by us, or broken.

use pyo3::exceptions::PyOSError;
use pyo3::intern;
use pyo3::prelude::*;

use super::DatagramTransport;
use super::queue::DatagramQueue;
use crate::complaint;
use crate::task::ends_process;

/// Receives no more; ends when all is sent.
pub(super) fn close(slf: &Bound<'_, DatagramTransport>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    if this.state.get(py).closing {
        return Ok(());
    }
    this.change(py, |state| state.closing = true);
    if this.queue.with(py, |queue| queue.is_empty()) {
        this.change(py, |state| state.lost += 1);
        lose_later(slf, None)?;
    }
    DatagramTransport::rewatch(slf)
}

/// Ends at once; what was not sent is not sent.
pub(super) fn force_close(
    slf: &Bound<'_, DatagramTransport>,
    error: Option<Bound<'_, PyAny>>,
) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    if this.is_lost(py) {
        return Ok(());
    }
    drop(this.queue.replace(py, DatagramQueue::new(this.empty)));
    this.change(py, |state| {
        state.closing = true;
        state.lost = 1;
    });
    DatagramTransport::rewatch(slf)?;
    lose_later(slf, error)
}

fn lose_later(slf: &Bound<'_, DatagramTransport>, error: Option<Bound<'_, PyAny>>) -> PyResult<()> {
    let py = slf.py();
    let lose = slf.getattr(intern!(py, "_call_connection_lost"))?;
    let event_loop = slf.get().event_loop.bind(py);
    event_loop.call_method1(intern!(py, "call_soon"), (lose, error))?;
    Ok(())
}

/// Tells the protocol that its connection is gone, and lets go of everything.
pub(super) fn call_connection_lost(
    slf: &Bound<'_, DatagramTransport>,
    error: Option<Bound<'_, PyAny>>,
) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let told = match this.get_protocol(py) {
        Some(protocol) => protocol
            .bind(py)
            .call_method1(intern!(py, "connection_lost"), (error,))
            .map(drop),
        None => Ok(()),
    };
    let socket = this.socket.replace(py, None);
    drop(this.protocol.replace(py, None));
    drop(this.queue.replace(py, DatagramQueue::new(this.empty)));
    drop(this.peer.replace(py, None));
    let event_loop = this.event_loop.bind(py);
    let given = (slf, socket, None::<Py<PyAny>>);
    event_loop.call_method1(intern!(py, "_end_transport"), given)?;
    told
}

/// A datagram could not be received or sent. The network's errors are for the protocol; all others
/// end the connection.
///
/// # Errors
/// What the protocol raises, and what is meant for the whole process.
pub(super) fn fail(
    slf: &Bound<'_, DatagramTransport>,
    error: PyErr,
    message: &str,
) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    if !error.is_instance_of::<PyOSError>(py) {
        return match ends_process(py, &error) {
            true => Err(error),
            false => fatal_error(slf, error, message),
        };
    }
    if let Some(protocol) = this.get_protocol(py) {
        let method = intern!(py, "error_received");
        protocol
            .bind(py)
            .call_method1(method, (error.into_value(py),))?;
    }
    Ok(())
}

/// Ends the connection over an error: the network's are expected, all others are reported.
pub(super) fn fatal_error(
    slf: &Bound<'_, DatagramTransport>,
    error: PyErr,
    message: &str,
) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let value = error.clone_ref(py).into_value(py).into_bound(py).into_any();
    let event_loop = this.event_loop.bind(py);
    if error.is_instance_of::<PyOSError>(py) {
        event_loop.call_method1(intern!(py, "_note_broken"), (slf, message, &value))?;
    } else {
        let protocol = this.get_protocol(py);
        complaint::report(event_loop, error, message, slf.as_any(), protocol)?;
    }
    force_close(slf, Some(value))
}

/// Somebody sends after the end.
pub(super) fn count_late_write(slf: &Bound<'_, DatagramTransport>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let lost = this.state.get(py).lost;
    this.change(py, |state| state.lost = state.lost.saturating_add(1));
    complaint::warn_of_late_write(py, lost)
}

impl Drop for DatagramTransport {
    /// Whoever forgets to close a transport is told, and the socket is closed.
    fn drop(&mut self) {
        if let Some(socket) = self.socket.get_mut().take() {
            complaint::close_forgotten("DatagramTransport", self.descriptor, socket);
        }
    }
}
