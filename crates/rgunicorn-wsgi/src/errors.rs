//! `wsgi.errors`: what the application prints goes to the error log.

use pyo3::prelude::*;

/// A text stream without an encoding of its own.
#[pyclass(frozen, module = "rgunicorn._rgunicorn")]
#[derive(Debug)]
pub(crate) struct ErrorStream {
    write: fn(&str),
}

impl ErrorStream {
    pub(crate) fn new(write: fn(&str)) -> Self {
        Self { write }
    }
}

#[pymethods]
impl ErrorStream {
    fn write(&self, text: &str) -> usize {
        (self.write)(text);
        text.chars().count()
    }

    fn writelines(&self, lines: &Bound<'_, PyAny>) -> PyResult<()> {
        for line in lines.try_iter()? {
            (self.write)(&line?.extract::<String>()?);
        }
        Ok(())
    }

    /// Nothing waits: every write is one to the log.
    fn flush(&self) {}

    fn isatty(&self) -> bool {
        false
    }

    fn writable(&self) -> bool {
        true
    }
}
