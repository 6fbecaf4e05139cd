//! What goes out: at once, or in order when there is room.

use std::io;

use pyo3::exceptions::PyTypeError;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyByteArray;
use pyo3::types::PyBytes;
use pyo3::types::PyMemoryView;

use super::DatagramTransport;
use super::Empty;
use super::ending;
use super::names::Name;
use super::receiving::is_for_later;
use super::system;
use crate::complaint;

/// What became of a datagram.
enum Fate {
    Sent,
    /// There is no room for it.
    Later,
    Failed(PyErr),
}

const BROKEN: &str = "Fatal write error on datagram transport";

pub(super) fn send(
    slf: &Bound<'_, DatagramTransport>,
    data: &Bound<'_, PyAny>,
    address: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    check_type(data)?;
    if this.empty == Empty::Ignored && !data.is_truthy()? {
        return Ok(());
    }
    let address = this.destination(py, address)?;
    if this.is_lost(py) && (this.address.is_some() || this.is_over(py)) {
        return ending::count_late_write(slf);
    }
    if this.queue.with(py, |queue| queue.is_empty()) {
        match attempt(this, data, address.as_ref()) {
            Fate::Sent => return Ok(()),
            Fate::Failed(error) => return ending::fail(slf, error, BROKEN),
            Fate::Later => {}
        }
    }
    // What waits must not change meanwhile.
    let data = match data.cast_exact::<PyBytes>() {
        Ok(bytes) => bytes.clone(),
        Err(_) => py.get_type::<PyBytes>().call1((data,))?.cast_into()?,
    };
    let address = address.map(Bound::unbind);
    this.queue.with(py, |queue| queue.push(data, address));
    this.change(py, |state| state.waiting = true);
    DatagramTransport::rewatch(slf)?;
    pause_protocol_if_full(slf)
}

fn check_type(data: &Bound<'_, PyAny>) -> PyResult<()> {
    if data.is_instance_of::<PyBytes>()
        || data.is_instance_of::<PyByteArray>()
        || data.is_instance_of::<PyMemoryView>()
    {
        return Ok(());
    }
    Err(PyTypeError::new_err(format!(
        "data argument must be a bytes-like object, not '{}'",
        data.get_type().name()?
    )))
}

impl DatagramTransport {
    /// Whom a datagram is for, if it is for somebody it may be for.
    fn destination<'py>(
        &self,
        py: Python<'py>,
        given: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(own) = &self.address else {
            return Ok(given.cloned());
        };
        let own = own.bind(py);
        match given {
            Some(given) if !given.is(own) && !given.eq(own)? => Err(PyValueError::new_err(
                format!("Invalid address: must be None or {own}"),
            )),
            _ => Ok(Some(own.clone())),
        }
    }

    /// An address as the kernel has it, if we can tell.
    fn name_of(&self, family: i32, address: &Bound<'_, PyAny>) -> Option<Name> {
        let known = self.peer.with(address.py(), |peer| {
            let peer = peer.as_ref()?;
            peer.object.is(address).then_some(peer.name)
        });
        known.or_else(|| Name::from_python(family, address))
    }
}

fn attempt(
    this: &DatagramTransport,
    data: &Bound<'_, PyAny>,
    address: Option<&Bound<'_, PyAny>>,
) -> Fate {
    attempt_natively(this, data, address).unwrap_or_else(|| attempt_by_python(this, data, address))
}

/// Sends by a system call of ours. None where Python has to look at the data or the address.
fn attempt_natively(
    this: &DatagramTransport,
    data: &Bound<'_, PyAny>,
    address: Option<&Bound<'_, PyAny>>,
) -> Option<Fate> {
    let py = data.py();
    let family = this.family?;
    let bytes = data.cast::<PyBytes>().ok()?.as_bytes();
    if this.connected {
        return Some(fate(py, system::send(this.descriptor, bytes, None)));
    }
    let address = address?;
    let name = this.name_of(family, address)?;
    if let Err(error) = system::audit_sendto(this._sock(py)?.bind(py), address) {
        return Some(Fate::Failed(error));
    }
    Some(fate(py, system::send(this.descriptor, bytes, Some(&name))))
}

fn fate(py: Python<'_>, sent: io::Result<()>) -> Fate {
    match sent {
        Ok(()) => Fate::Sent,
        Err(error) if system::is_for_later(&error) => Fate::Later,
        Err(error) => Fate::Failed(complaint::os_error(py, error)),
    }
}

fn attempt_by_python(
    this: &DatagramTransport,
    data: &Bound<'_, PyAny>,
    address: Option<&Bound<'_, PyAny>>,
) -> Fate {
    let py = data.py();
    let Some(socket) = this._sock(py) else {
        return Fate::Sent; // into the void, once the connection is lost
    };
    let socket = socket.bind(py);
    let sent = match this.connected {
        true => socket.call_method1(intern!(py, "send"), (data,)),
        false => socket.call_method1(intern!(py, "sendto"), (data, address)),
    };
    match sent {
        Ok(_) => Fate::Sent,
        Err(error) if is_for_later(py, &error) => Fate::Later,
        Err(error) => Fate::Failed(error),
    }
}

/// Sends what there is room for, and tells the protocol if it may write again.
///
/// # Errors
/// What the protocol raises.
pub(super) fn send_waiting(slf: &Bound<'_, DatagramTransport>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    while let Some(first) = this.queue.with(py, |queue| queue.take_first()) {
        let address = first.address.as_ref().map(|address| address.bind(py));
        match attempt(this, first.data.bind(py), address) {
            Fate::Sent => {}
            Fate::Later => {
                this.queue.with(py, |queue| queue.put_back(first));
                break;
            }
            // The others, and the end, wait for the next event.
            Fate::Failed(error) => return ending::fail(slf, error, BROKEN),
        }
    }
    resume_protocol_if_empty(slf)?; // may write
    if this.is_lost(py) || this.queue.with(py, |queue| !queue.is_empty()) {
        return Ok(());
    }
    this.change(py, |state| state.waiting = false);
    let closing = this.state.get(py).closing;
    if closing {
        this.change(py, |state| state.lost = 1);
    }
    DatagramTransport::rewatch(slf)?;
    match closing {
        true => ending::call_connection_lost(slf, None),
        false => Ok(()),
    }
}

/// Tells the protocol to write no more for now, if too much is waiting.
pub(super) fn pause_protocol_if_full(slf: &Bound<'_, DatagramTransport>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let state = this.state.get(py);
    if this.get_write_buffer_size(py) <= state.marks.high || state.protocol_paused {
        return Ok(());
    }
    this.change(py, |state| state.protocol_paused = true);
    tell_protocol(slf, "pause_writing")
}

fn resume_protocol_if_empty(slf: &Bound<'_, DatagramTransport>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let state = this.state.get(py);
    if this.get_write_buffer_size(py) > state.marks.low || !state.protocol_paused {
        return Ok(());
    }
    this.change(py, |state| state.protocol_paused = false);
    tell_protocol(slf, "resume_writing")
}

fn tell_protocol(slf: &Bound<'_, DatagramTransport>, method: &str) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let Some(protocol) = this.get_protocol(py) else {
        return Ok(());
    };
    let Err(error) = protocol.bind(py).call_method0(method) else {
        return Ok(());
    };
    complaint::report(
        this.event_loop.bind(py),
        error,
        &format!("protocol.{method}() failed"),
        slf.as_any(),
        Some(protocol),
    )
}
