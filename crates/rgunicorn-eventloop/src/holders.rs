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

/// Whether a weak reference to `object` exists. Always false for classes that allow none.
#[expect(unsafe_code, reason = "pyo3 has no safe way to ask")]
pub(crate) fn is_weakly_held<T>(object: &Py<T>, _py: Python<'_>) -> bool {
    // SAFETY: the object lives, and the caller is attached. Where its type has an offset for the
    // list of weak references, that list's pointer is there, in the object.
    unsafe {
        let object = object.as_ptr();
        let offset = (*ffi::Py_TYPE(object)).tp_weaklistoffset;
        offset > 0 && !(*object.byte_offset(offset).cast::<*mut ffi::PyObject>()).is_null()
    }
}
