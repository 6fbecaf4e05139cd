//! Python objects made once and used for every request.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::types::PyString;
use rgunicorn_eventloop::interned::Interned;

/// Names of header fields, as `bytes`.
#[derive(Default)]
pub(crate) struct NameCache(Interned<Py<PyBytes>>);

impl NameCache {
    /// `name` as `bytes`.
    pub(crate) fn get<'py>(&self, py: Python<'py>, name: &[u8]) -> Bound<'py, PyBytes> {
        let make = |name: &[u8]| PyBytes::new(py, name).unbind();
        self.0.with(name, make, |known| known.bind(py).clone())
    }
}

/// The method as `str`; the usual ones are interned.
pub(crate) fn method<'py>(py: Python<'py>, method: &str) -> Bound<'py, PyString> {
    match method {
        "GET" => pyo3::intern!(py, "GET").clone(),
        "POST" => pyo3::intern!(py, "POST").clone(),
        "PUT" => pyo3::intern!(py, "PUT").clone(),
        "HEAD" => pyo3::intern!(py, "HEAD").clone(),
        "DELETE" => pyo3::intern!(py, "DELETE").clone(),
        "PATCH" => pyo3::intern!(py, "PATCH").clone(),
        "OPTIONS" => pyo3::intern!(py, "OPTIONS").clone(),
        other => PyString::new(py, other),
    }
}
