//! What goes out: at the end of the turn, or as soon as there is much of it.

use pyo3::exceptions::PyRuntimeError;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyByteArray;
use pyo3::types::PyBytes;
use pyo3::types::PyMemoryView;

use super::StreamTransport;
use super::ending;
use crate::call::Entered;
use crate::complaint;
use crate::send_queue::Sent;

pub(super) fn write(slf: &Bound<'_, StreamTransport>, data: &Bound<'_, PyAny>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let data = as_bytes(data)?;
    let state = this.state.get(py);
    if state.eof {
        let message = "Cannot call write() after write_eof()";
        return Err(PyRuntimeError::new_err(message));
    }
    if this.empty_waiter.with(py, |waiter| waiter.is_some()) {
        let message = "unable to write; sendfile is in progress";
        return Err(PyRuntimeError::new_err(message));
    }
    if data.as_bytes().is_empty() {
        return Ok(());
    }
    if state.lost > 0 {
        return ending::count_late_write(slf);
    }
    let size = this.queue.with(py, |queue| {
        queue.push(data);
        queue.size()
    });
    if state.wants.contains(nix::sys::epoll::EpollFlags::EPOLLOUT) {
        return pause_protocol_if_full(slf); // goes out when the socket is ready
    }
    if size > state.marks.high || !this.event_loop.get().is_in_turn(py) {
        send(slf)?;
        return pause_protocol_if_full(slf);
    }
    if !state.flush_due {
        this.change(py, |state| state.flush_due = true);
        let object = slf.clone().into_any().unbind();
        this.event_loop
            .get()
            .flush_later(py, object, flush_in_context);
    }
    Ok(())
}

/// The data as bytes that nobody can change until they are sent.
fn as_bytes<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    if let Ok(bytes) = data.cast::<PyBytes>() {
        return Ok(bytes.clone());
    }
    if data.is_instance_of::<PyByteArray>() || data.is_instance_of::<PyMemoryView>() {
        let bytes = data.py().get_type::<PyBytes>().call1((data,))?;
        return Ok(bytes.cast_into::<PyBytes>()?);
    }
    Err(PyTypeError::new_err(format!(
        "data argument must be a bytes-like object, not '{}'",
        data.get_type().name()?
    )))
}

/// The end of a turn: sends what was written in it.
fn flush_in_context(object: &Bound<'_, PyAny>) -> PyResult<()> {
    let slf = object.cast_exact::<StreamTransport>()?;
    slf.get().change(slf.py(), |state| state.flush_due = false);
    let entered = Entered::new(slf.get().context.bind(slf.py()))?;
    let result = flush(slf);
    drop(entered);
    result
}

/// Sends what the socket takes, and tells the protocol if it may write again.
pub(super) fn flush(slf: &Bound<'_, StreamTransport>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    if this.state.get(py).lost > 0 {
        return Ok(());
    }
    let sent = send(slf)?;
    resume_protocol_if_empty(slf)?; // may write
    let left = this.queue.with(py, |queue| queue.size());
    if sent == Sent::Some || left > 0 {
        return Ok(());
    }
    if let Some(waiter) = this
        .empty_waiter
        .with(py, |it| it.as_ref().map(|it| it.clone_ref(py)))
    {
        let waiter = waiter.bind(py);
        if !waiter.call_method0(intern!(py, "done"))?.is_truthy()? {
            waiter.call_method1(intern!(py, "set_result"), (py.None(),))?;
        }
    }
    let state = this.state.get(py);
    if state.lost > 0 {
        return Ok(());
    }
    if state.closing {
        this.change(py, |state| state.lost = 1);
        return ending::call_connection_lost(slf, None);
    }
    if state.eof {
        return ending::shut_down(slf);
    }
    Ok(())
}

/// Sends what the socket takes; what it does not take waits until it is ready.
fn send(slf: &Bound<'_, StreamTransport>) -> PyResult<Sent> {
    let (py, this) = (slf.py(), slf.get());
    let mut done = Vec::new();
    let sent = this
        .queue
        .with(py, |queue| queue.send(py, this.descriptor, &mut done));
    drop(done);
    match sent {
        Ok(sent) => {
            StreamTransport::rewatch(slf)?;
            Ok(sent)
        }
        Err(error) => {
            let error = complaint::os_error(py, error);
            drop(this.queue.replace(py, Default::default()));
            if let Some(waiter) = this.empty_waiter.replace(py, None) {
                let error = error.clone_ref(py).into_value(py);
                waiter
                    .bind(py)
                    .call_method1(intern!(py, "set_exception"), (error,))?;
            }
            ending::fatal_error(slf, error, "Fatal write error on socket transport")?;
            Ok(Sent::All)
        }
    }
}

pub(super) fn write_eof(slf: &Bound<'_, StreamTransport>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let state = this.state.get(py);
    if state.closing || state.eof {
        return Ok(());
    }
    this.change(py, |state| state.eof = true);
    if this.queue.with(py, |queue| queue.size() == 0) {
        return ending::shut_down(slf);
    }
    Ok(())
}

/// Tells the protocol to write no more for now, if too much is waiting.
pub(super) fn pause_protocol_if_full(slf: &Bound<'_, StreamTransport>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let state = this.state.get(py);
    let size = this.queue.with(py, |queue| queue.size());
    if size <= state.marks.high || state.protocol_paused {
        return Ok(());
    }
    this.change(py, |state| state.protocol_paused = true);
    tell_protocol(slf, "pause_writing")
}

fn resume_protocol_if_empty(slf: &Bound<'_, StreamTransport>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let state = this.state.get(py);
    let size = this.queue.with(py, |queue| queue.size());
    if size > state.marks.low || !state.protocol_paused {
        return Ok(());
    }
    this.change(py, |state| state.protocol_paused = false);
    tell_protocol(slf, "resume_writing")
}

fn tell_protocol(slf: &Bound<'_, StreamTransport>, method: &str) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let Some(protocol) = this.get_protocol(py) else {
        return Ok(());
    };
    match protocol.bind(py).call_method0(method) {
        Ok(_) => Ok(()),
        Err(error) => ending::report(slf, error, &format!("protocol.{method}() failed")),
    }
}
