//! Python's files as descriptors, for as long as a call lasts.

use std::os::fd::BorrowedFd;
use std::os::fd::RawFd;

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;

/// Lends the descriptor of a file-like object to `take`.
///
/// # Errors
/// Whatever its `fileno()` raises; `TypeError` or `ValueError` where that is no descriptor.
#[expect(unsafe_code, reason = "Python names a descriptor by its bare number")]
pub fn with_descriptor<T>(
    file: &Bound<'_, PyAny>,
    take: impl FnOnce(BorrowedFd<'_>) -> T,
) -> PyResult<T> {
    let number: RawFd = file.call_method0(intern!(file.py(), "fileno"))?.extract()?;
    if number < 0 {
        return Err(PyValueError::new_err("file descriptor cannot be negative"));
    }
    // SAFETY: `file` is alive for the length of this call, and says that the number is its own.
    Ok(take(unsafe { BorrowedFd::borrow_raw(number) }))
}
