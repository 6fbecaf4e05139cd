//! Exceptions as text, for the error log.

use pyo3::prelude::*;

/// The exception as Python prints it, without a line end.
pub fn traceback(py: Python<'_>, error: &PyErr) -> String {
    let format = || -> PyResult<String> {
        let lines = py.import("traceback")?.call_method1(
            "format_exception",
            (error.get_type(py), error.value(py), error.traceback(py)),
        )?;
        let text: Vec<String> = lines.extract()?;
        Ok(text.concat().trim_end().to_owned())
    };
    format().unwrap_or_else(|_| error.to_string())
}
