//! The `tls` extension: how the connection of a request is secured.
//!
//! `asgiref/docs/specs/tls` is the specification.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::types::PyList;
use rgunicorn_core::tls::TlsFacts;

/// What an application is told, once for each connection.
///
/// # Errors
/// `MemoryError`.
pub(crate) fn described<'py>(py: Python<'py>, facts: &TlsFacts) -> PyResult<Bound<'py, PyDict>> {
    let tls = PyDict::new(py);
    tls.set_item(intern!(py, "server_cert"), facts.server_certificate())?;
    let chain = PyList::new(py, facts.client_chain().collect::<Vec<_>>())?;
    tls.set_item(intern!(py, "client_cert_chain"), chain)?;
    let name = facts.client().map(|client| client.subject());
    tls.set_item(intern!(py, "client_cert_name"), name)?;
    // A client whose certificate is not good is not served.
    tls.set_item(intern!(py, "client_cert_error"), py.None())?;
    tls.set_item(intern!(py, "tls_version"), facts.version())?;
    tls.set_item(intern!(py, "cipher_suite"), facts.cipher_suite())?;
    Ok(tls)
}
