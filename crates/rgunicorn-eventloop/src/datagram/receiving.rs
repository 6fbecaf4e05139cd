//! What comes in, and who gets it.

use pyo3::exceptions::PyBlockingIOError;
use pyo3::exceptions::PyInterruptedError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::DatagramTransport;
use super::ending;
use super::names::Name;
use super::names::Peer;
use super::system;
use crate::complaint;
use crate::received::MOST;
use crate::watched::Rest;

/// What a look at the socket brought.
enum Got<'py> {
    Nothing,
    /// Data, and where they are from.
    Datagram(Bound<'py, PyAny>, Bound<'py, PyAny>),
    Failed(PyErr),
}

/// Receives one datagram and passes it on; more where many come and nobody else is due. Says
/// whether there may be more.
///
/// # Errors
/// What the protocol raises.
pub(super) fn receive(slf: &Bound<'_, DatagramTransport>) -> PyResult<Rest> {
    let (py, this) = (slf.py(), slf.get());
    let limit = this.state.with(py, |state| state.pace.limit());
    let mut received = 0;
    let mut rest = Rest::Perhaps;
    loop {
        let Some(protocol) = this.get_protocol(py).filter(|_| !this.is_lost(py)) else {
            return Ok(Rest::None);
        };
        match look(this, py) {
            Got::Nothing => {
                rest = Rest::None;
                break;
            }
            Got::Datagram(data, address) => {
                received += 1;
                let method = intern!(py, "datagram_received");
                protocol.bind(py).call_method1(method, (data, address))?;
            }
            Got::Failed(error) => {
                ending::fail(slf, error, "Fatal read error on datagram transport")?;
                break;
            }
        }
        // A callback that the protocol has scheduled is to run before the next datagram comes.
        if received == limit || this.event_loop.get().has_due(py) || !this.is_reading(py) {
            break;
        }
    }
    this.change(py, |state| state.pace.note(received));
    Ok(rest)
}

fn look<'py>(this: &DatagramTransport, py: Python<'py>) -> Got<'py> {
    let got = match this.family {
        Some(_) => receive_natively(this, py),
        None => receive_by_python(this, py),
    };
    match got {
        Ok(Some((data, address))) => Got::Datagram(data, address),
        Ok(None) => Got::Nothing,
        Err(error) => Got::Failed(error),
    }
}

type Datagram<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

fn receive_natively<'py>(
    this: &DatagramTransport,
    py: Python<'py>,
) -> PyResult<Option<Datagram<'py>>> {
    let core = this.event_loop.get();
    let mut buffer = core.take_read_buffer(py);
    let received = system::receive(this.descriptor, &mut buffer)
        .map(|(count, sender)| (PyBytes::new(py, &buffer[..count]), sender));
    core.give_read_buffer(py, buffer);
    match received {
        Ok((data, sender)) => Ok(Some((data.into_any(), this.address_of(py, sender)?))),
        Err(error) if system::is_for_later(&error) => Ok(None),
        Err(error) => Err(complaint::os_error(py, error)),
    }
}

fn receive_by_python<'py>(
    this: &DatagramTransport,
    py: Python<'py>,
) -> PyResult<Option<Datagram<'py>>> {
    let Some(socket) = this._sock(py) else {
        return Ok(None);
    };
    match socket
        .bind(py)
        .call_method1(intern!(py, "recvfrom"), (MOST,))
    {
        Ok(received) => Ok(Some(received.extract()?)),
        Err(error) if is_for_later(py, &error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether to try again when the socket is ready.
pub(super) fn is_for_later(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyBlockingIOError>(py) || error.is_instance_of::<PyInterruptedError>(py)
}

impl DatagramTransport {
    /// Whether the protocol knows, or will soon, that its connection is gone.
    pub(super) fn is_lost(&self, py: Python<'_>) -> bool {
        self.state.get(py).lost > 0
    }

    /// An address as Python has it: that of the last one is made once.
    fn address_of<'py>(&self, py: Python<'py>, name: Name) -> PyResult<Bound<'py, PyAny>> {
        let known = self.peer.with(py, |peer| {
            let peer = peer.as_ref()?;
            (peer.name.known() == name.known()).then(|| peer.object.clone_ref(py))
        });
        if let Some(object) = known {
            return Ok(object.into_bound(py));
        }
        let object = name.python_address(py)?;
        let peer = Peer {
            name,
            object: object.clone().unbind(),
        };
        drop(self.peer.replace(py, Some(peer)));
        Ok(object)
    }
}
