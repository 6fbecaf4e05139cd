//! Bytes as PEP 3333 wants them: `str` whose code points are the bytes, and back.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use rgunicorn_core::error::InvalidHead;

/// `bytes`, each as one character (latin-1).
pub(crate) fn native<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.is_ascii() => PyString::new(py, text),
        _ => {
            let text: String = bytes.iter().copied().map(char::from).collect();
            PyString::new(py, &text)
        }
    }
}

/// The bytes that `text` stands for, given to `take`. `None` where a character
/// is none of latin-1.
///
/// # Errors
/// When the text cannot be read.
pub(crate) fn with_octets<T>(
    text: &Bound<'_, PyString>,
    take: impl FnOnce(&[u8]) -> T,
) -> PyResult<Option<T>> {
    // A lone surrogate has no UTF-8, and is none of latin-1 either.
    let Ok(text) = text.to_str() else {
        return Ok(None);
    };
    if text.is_ascii() {
        return Ok(Some(take(text.as_bytes())));
    }
    let octets: Option<Vec<u8>> = text.chars().map(|it| u8::try_from(it).ok()).collect();
    Ok(octets.map(|octets| take(&octets)))
}

/// Gives the bytes of a field's name and value to `take`.
///
/// # Errors
/// `ValueError` for characters that are none of latin-1, and for what `take` refuses.
pub(crate) fn with_field(
    name: &Bound<'_, PyString>,
    value: &Bound<'_, PyString>,
    take: impl FnOnce(&[u8], &[u8]) -> Result<(), InvalidHead>,
) -> PyResult<()> {
    let taken = with_octets(name, |name| with_octets(value, |value| take(name, value)))?;
    match taken.transpose()?.flatten() {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(PyValueError::new_err(error.to_string())),
        None => Err(PyValueError::new_err(format!(
            "invalid header ({}, {}): only characters of latin-1 can be sent",
            name.repr()?,
            value.repr()?
        ))),
    }
}
