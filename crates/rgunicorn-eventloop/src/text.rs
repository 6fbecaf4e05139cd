//! Texts as Python's.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// `text` as a `str`. CPython's decoder would check again what is known to be UTF-8, a word at a time; a
/// large text without any character beyond ASCII is looked through by vectors, and copied.
#[expect(unsafe_code, reason = "pyo3 has no way past the decoder")]
#[must_use]
pub fn to_str<'py>(py: Python<'py>, text: &str) -> Bound<'py, PyString> {
    if text.len() < LARGE || !text.is_ascii() {
        return PyString::new(py, text);
    }
    // SAFETY: the thread is attached. A new `str` of so many characters up to 127 has as many bytes at its
    // data, and a zero behind them; nobody else has a reference to it until all of them are written, with
    // ASCII only.
    unsafe {
        let object = ffi::PyUnicode_New(text.len().cast_signed(), 127);
        if object.is_null() {
            drop(PyErr::take(py));
            return PyString::new(py, text); // says that there is no memory
        }
        let string = Bound::from_owned_ptr(py, object);
        let data = ffi::PyUnicode_DATA(object).cast::<u8>();
        std::ptr::copy_nonoverlapping(text.as_ptr(), data, text.len());
        string.cast_into_unchecked()
    }
}

/// Bytes from which on it is worth it.
const LARGE: usize = 2 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_length_is_itself() {
        Python::initialize();
        Python::attach(|py| {
            for length in [0, 1, LARGE - 1, LARGE, LARGE + 1, 99_999] {
                for end in ["", "z", "\0", "\u{7f}", "\u{80}", "ü", "€", "😀"] {
                    let text = "a".repeat(length) + end;
                    let string = to_str(py, &text);
                    assert!(string.as_any().eq(PyString::new(py, &text)).unwrap());
                    assert_eq!(string.to_str().unwrap(), text);
                    assert_eq!(string.len().unwrap(), text.chars().count());
                }
            }
        });
    }
}
