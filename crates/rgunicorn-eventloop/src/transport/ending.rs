//! How a connection ends: closed by us, by the other side, or broken.

use pyo3::exceptions::PyConnectionError;
use pyo3::exceptions::PyOSError;
use pyo3::intern;
use pyo3::prelude::*;

use super::StreamTransport;
use crate::complaint;

/// Reads no more; ends when all is sent.
pub(super) fn close(slf: &Bound<'_, StreamTransport>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    if this.state.get(py).closing {
        return Ok(());
    }
    this.change(py, |state| state.closing = true);
    if this.queue.with(py, |queue| queue.size() == 0) {
        this.change(py, |state| state.lost += 1);
        lose_later(slf, None)?;
    }
    StreamTransport::rewatch(slf)
}

/// Ends at once; what was not sent is not sent.
pub(super) fn force_close(
    slf: &Bound<'_, StreamTransport>,
    error: Option<Bound<'_, PyAny>>,
) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    if this.state.get(py).lost > 0 {
        return Ok(());
    }
    drop(this.queue.replace(py, Default::default()));
    this.change(py, |state| {
        state.closing = true;
        state.lost = 1;
    });
    StreamTransport::rewatch(slf)?;
    lose_later(slf, error)
}

fn lose_later(slf: &Bound<'_, StreamTransport>, error: Option<Bound<'_, PyAny>>) -> PyResult<()> {
    let py = slf.py();
    let lose = slf.getattr(intern!(py, "_call_connection_lost"))?;
    let event_loop = slf.get().event_loop.bind(py);
    event_loop.call_method1(intern!(py, "call_soon"), (lose, error))?;
    Ok(())
}

/// Tells the protocol that its connection is gone, and lets go of everything.
pub(super) fn call_connection_lost(
    slf: &Bound<'_, StreamTransport>,
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
    StreamTransport::rewatch(slf)?;
    let socket = this.socket.replace(py, None);
    let server = this.server.replace(py, None);
    drop(this.protocol.replace(py, None));
    let event_loop = this.event_loop.bind(py);
    event_loop.call_method1(intern!(py, "_end_transport"), (slf, socket, server))?;
    if let Some(waiter) = this.empty_waiter.replace(py, None) {
        let waiter = waiter.bind(py);
        if !waiter.call_method0(intern!(py, "done"))?.is_truthy()? {
            let error = PyConnectionError::new_err("Connection is closed by peer");
            waiter.call_method1(intern!(py, "set_exception"), (error.into_value(py),))?;
        }
    }
    told
}

/// Ends the connection over an error: the network's are expected, all others are reported.
pub(super) fn fatal_error(
    slf: &Bound<'_, StreamTransport>,
    error: PyErr,
    message: &str,
) -> PyResult<()> {
    let py = slf.py();
    let value = error.clone_ref(py).into_value(py).into_bound(py).into_any();
    if error.is_instance_of::<PyOSError>(py) {
        let event_loop = slf.get().event_loop.bind(py);
        event_loop.call_method1(intern!(py, "_note_broken"), (slf, message, &value))?;
    } else {
        report(slf, error, message)?;
    }
    force_close(slf, Some(value))
}

/// Gives an exception of the protocol's to the exception handler, unless it is meant for the whole
/// process.
pub(super) fn report(
    slf: &Bound<'_, StreamTransport>,
    error: PyErr,
    message: &str,
) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let event_loop = this.event_loop.bind(py);
    complaint::report(
        event_loop,
        error,
        message,
        slf.as_any(),
        this.get_protocol(py),
    )
}

/// Says to the other side that we write no more.
pub(super) fn shut_down(slf: &Bound<'_, StreamTransport>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    if let Some(socket) = this._sock(py) {
        socket
            .bind(py)
            .call_method1(intern!(py, "shutdown"), (WRITES,))?;
    }
    Ok(())
}

/// `socket.SHUT_WR`.
const WRITES: i32 = nix::libc::SHUT_WR;

/// Somebody writes to a connection that is gone.
pub(super) fn count_late_write(slf: &Bound<'_, StreamTransport>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let lost = this.state.get(py).lost;
    this.change(py, |state| state.lost = state.lost.saturating_add(1));
    complaint::warn_of_late_write(py, lost)
}

impl Drop for StreamTransport {
    /// Whoever forgets to close a transport is told, and the socket is closed.
    fn drop(&mut self) {
        let Some(socket) = self.socket.get_mut().take() else {
            return;
        };
        complaint::close_forgotten("StreamTransport", self.descriptor, socket);
    }
}
