//! Awaitables that need no future: they finish at the first step.

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;

/// `await` gives `None` at once.
#[pyclass(frozen, module = "rgunicorn._rgunicorn")]
#[derive(Debug)]
pub struct Done;

#[pymethods]
impl Done {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self) -> Option<()> {
        None
    }
}

/// `await` gives the value at once.
#[pyclass(frozen, freelist = 64, module = "rgunicorn._rgunicorn")]
#[derive(Debug)]
pub struct DoneWith(Py<PyAny>);

impl DoneWith {
    /// Wraps what `await` is to give.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn of(value: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
        let py = value.py();
        Ok(Bound::new(py, Self(value.unbind()))?.into_any())
    }
}

#[pymethods]
impl DoneWith {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<()>> {
        Err(PyStopIteration::new_err((self.0.clone_ref(py),)))
    }
}
