//! The listening sockets of an embedded server. It has no time to try again: an address in use is an error.

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rgunicorn_core::listen::Bind;
use rgunicorn_core::listen::ListenError;
use rgunicorn_core::listen::Listener;
use rgunicorn_eventloop::descriptor::with_descriptor;

use crate::config::Config;

/// Opens every address, or none.
pub(super) fn open_all(py: Python<'_>, config: &Config) -> PyResult<Vec<Listener>> {
    let mut listeners = Vec::new();
    for bind in &config.bind {
        match open(py, bind, config.backlog) {
            Ok(listener) => listeners.push(listener),
            Err(error) => {
                listeners.iter().for_each(Listener::unlink);
                return Err(error);
            }
        }
    }
    Ok(listeners)
}

/// Opens one address. A descriptor that the program named stays the program's.
fn open(py: Python<'_>, bind: &Bind, backlog: u32) -> PyResult<Listener> {
    let Bind::Fd(number) = bind else {
        return Listener::bind(bind, backlog).map_err(cannot_listen);
    };
    let keywords = PyDict::new(py);
    keywords.set_item("fileno", number)?;
    let socket = py
        .import("socket")?
        .call_method("socket", (), Some(&keywords))?;
    let own = with_descriptor(&socket, |descriptor| descriptor.try_clone_to_owned());
    socket.call_method0("detach")?;
    Listener::from_owned_fd(own??).map_err(cannot_listen)
}

fn cannot_listen(error: ListenError) -> PyErr {
    let number = match &error {
        ListenError::InUse { .. } => Some(nix::libc::EADDRINUSE),
        ListenError::InvalidAddress { .. } => Some(nix::libc::EADDRNOTAVAIL),
        ListenError::System { reason, .. } => reason.raw_os_error(),
        ListenError::NotASocket { .. } | ListenError::NotListening { .. } => None,
    };
    match number {
        Some(number) => PyOSError::new_err((number, error.to_string())),
        None => PyOSError::new_err(error.to_string()),
    }
}
