//! Who else holds a Python object: an object that nobody has kept can be used again.

use pyo3::ffi;
use pyo3::prelude::*;

/// How many references there are to `object`, this one included. No other thread can change that
/// while the caller has the interpreter.
#[expect(unsafe_code, reason = "pyo3 has no safe way to ask")]
pub fn count<T>(object: &Py<T>, _py: Python<'_>) -> isize {
    // SAFETY: the pointer is that of a living object, since `object` holds it.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) }
}
