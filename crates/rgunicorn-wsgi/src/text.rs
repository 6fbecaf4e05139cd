//! Bytes as PEP 3333 wants them: `str` whose code points are the bytes, and back.

use pyo3::prelude::*;
use pyo3::types::PyString;

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
