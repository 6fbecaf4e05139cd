//! What comes in, and who gets it.

use std::io;

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;

use super::StreamTransport;
use super::ending::close;
use super::ending::fatal_error;
use super::state::Receives;
use crate::complaint;
use crate::received;
use crate::watched::Rest;
use crate::writable::Writable;

const BROKEN: &str = "Fatal read error on socket transport";

/// Receives once and passes it on. Says whether there may be more.
pub(super) fn receive(slf: &Bound<'_, StreamTransport>) -> PyResult<Rest> {
    match slf.get().state.get(slf.py()).receives {
        Receives::Bytes => receive_bytes(slf),
        Receives::IntoBuffer => receive_into_buffer(slf),
    }
}

fn receive_bytes(slf: &Bound<'_, StreamTransport>) -> PyResult<Rest> {
    let (py, this) = (slf.py(), slf.get());
    let got = if this.state.get(py).receives_much() {
        received::receive_in_place(py, this.descriptor)
    } else {
        let core = this.event_loop.get();
        let mut buffer = core.take_read_buffer(py);
        let got = received::receive_copied(py, this.descriptor, &mut buffer);
        core.give_read_buffer(py, buffer);
        got
    };
    let data = match got {
        Ok(data) => data,
        Err(error) if is_nothing(&error) => return Ok(Rest::None),
        Err(error) => {
            fatal_error(slf, complaint::os_error(py, error), BROKEN)?;
            return Ok(Rest::None);
        }
    };
    let size = data.as_bytes().len();
    this.change(py, |state| state.last_received = size);
    if size == 0 {
        end_of_stream(slf)?;
        return Ok(Rest::None);
    }
    let Some(protocol) = this.get_protocol(py) else {
        return Ok(Rest::None);
    };
    let told = protocol
        .bind(py)
        .call_method1(intern!(py, "data_received"), (data,));
    if let Err(error) = told {
        fatal_error(
            slf,
            error,
            "Fatal error: protocol.data_received() call failed.",
        )?;
    }
    Ok(if size < received::MOST {
        Rest::None
    } else {
        Rest::Perhaps
    })
}

fn receive_into_buffer(slf: &Bound<'_, StreamTransport>) -> PyResult<Rest> {
    let (py, this) = (slf.py(), slf.get());
    let Some(protocol) = this.get_protocol(py) else {
        return Ok(Rest::None);
    };
    let protocol = protocol.bind(py);
    let buffer = match lent_buffer(protocol) {
        Ok(buffer) => buffer,
        Err(error) => {
            fatal_error(
                slf,
                error,
                "Fatal error: protocol.get_buffer() call failed.",
            )?;
            return Ok(Rest::None);
        }
    };
    let received = Writable::new(&buffer).and_then(|mut writable| {
        let buffer = writable.bytes();
        match received::receive(this.descriptor, buffer) {
            Ok(count) => Ok(Some((count, count == buffer.len()))),
            Err(error) if is_nothing(&error) => Ok(None),
            Err(error) => Err(complaint::os_error(py, error)),
        }
    });
    let (count, full) = match received {
        Ok(Some(received)) => received,
        Ok(None) => return Ok(Rest::None),
        Err(error) => {
            fatal_error(slf, error, BROKEN)?;
            return Ok(Rest::None);
        }
    };
    if count == 0 {
        end_of_stream(slf)?;
        return Ok(Rest::None);
    }
    if let Err(error) = protocol.call_method1(intern!(py, "buffer_updated"), (count,)) {
        fatal_error(
            slf,
            error,
            "Fatal error: protocol.buffer_updated() call failed.",
        )?;
    }
    Ok(if full { Rest::Perhaps } else { Rest::None })
}

fn lent_buffer<'py>(protocol: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = protocol.py();
    let buffer = protocol.call_method1(intern!(py, "get_buffer"), (-1,))?;
    if buffer.len()? == 0 {
        return Err(PyRuntimeError::new_err(
            "get_buffer() returned an empty buffer",
        ));
    }
    Ok(buffer)
}

/// The other side writes no more.
fn end_of_stream(slf: &Bound<'_, StreamTransport>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let Some(protocol) = this.get_protocol(py) else {
        return Ok(());
    };
    let kept = protocol
        .bind(py)
        .call_method0(intern!(py, "eof_received"))
        .and_then(|kept| kept.is_truthy());
    match kept {
        // We go on writing; there is nothing left to read.
        Ok(true) => {
            this.change(py, |state| state.started = false);
            StreamTransport::rewatch(slf)
        }
        Ok(false) => close(slf),
        Err(error) => fatal_error(
            slf,
            error,
            "Fatal error: protocol.eof_received() call failed.",
        ),
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
