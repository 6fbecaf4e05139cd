//! `wsgi.early_hints`: fields for the client to act on while it waits (RFC 8297).

use pyo3::prelude::*;
use pyo3::types::PyString;
use rgunicorn_core::fields::EarlyHints;
use rgunicorn_eventloop::confined::Confined;

use crate::present::Present;
use crate::text::with_field;

/// What the application calls.
#[pyclass(frozen, module = "rgunicorn._rgunicorn")]
pub(crate) struct SendEarlyHints {
    present: Confined<Present>,
}

impl SendEarlyHints {
    pub(crate) fn new(present: Present) -> Self {
        Self {
            present: Confined::new(present),
        }
    }
}

#[pymethods]
impl SendEarlyHints {
    /// Sends pairs of name and value in a 103. Does nothing once the head was
    /// sent, or for HTTP/1.0.
    #[pyo3(signature = (headers, /))]
    fn __call__(&self, headers: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut hints = EarlyHints::new();
        for pair in headers.try_iter()? {
            let (name, value): (Bound<'_, PyString>, Bound<'_, PyString>) = pair?.extract()?;
            with_field(&name, &value, |name, value| hints.field(name, value))?;
        }
        let reply = self.present.get()?.reply();
        reply.map_or(Ok(()), |reply| reply.hint(headers.py(), hints))
    }
}
