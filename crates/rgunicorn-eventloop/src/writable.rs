//! Memory that a Python object lends for writing, for as long as a call lasts.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use pyo3::ffi;
use pyo3::prelude::*;

/// A writable buffer of a Python object. Given back when dropped.
pub(crate) struct Writable<'py> {
    view: Box<ffi::Py_buffer>,
    attached: PhantomData<Python<'py>>,
}

impl<'py> Writable<'py> {
    /// # Errors
    /// `TypeError` or `BufferError` where the object has no such buffer.
    #[expect(unsafe_code, reason = "pyo3 asks for the type of the elements")]
    pub(crate) fn new(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        let mut view = Box::new(MaybeUninit::<ffi::Py_buffer>::uninit());
        // SAFETY: the thread is attached; `view` is filled in where the call succeeds.
        let view = unsafe {
            let flags = ffi::PyBUF_WRITABLE;
            if ffi::PyObject_GetBuffer(object.as_ptr(), view.as_mut_ptr(), flags) < 0 {
                return Err(PyErr::fetch(object.py()));
            }
            view.assume_init()
        };
        Ok(Self {
            view,
            attached: PhantomData,
        })
    }

    /// The memory. Nothing of Python's may be called while it is borrowed.
    #[expect(unsafe_code, reason = "pyo3 asks for the type of the elements")]
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        let length = usize::try_from(self.view.len).unwrap_or(0);
        if length == 0 {
            return &mut [];
        }
        // SAFETY: `PyBUF_WRITABLE` without strides is contiguous and writable for `len` bytes, until
        // the buffer is given back. The interpreter is held, so nobody else touches it.
        unsafe { std::slice::from_raw_parts_mut(self.view.buf.cast(), length) }
    }
}

impl Drop for Writable<'_> {
    #[expect(unsafe_code, reason = "pyo3 asks for the type of the elements")]
    fn drop(&mut self) {
        // SAFETY: the view was filled in by `PyObject_GetBuffer`, is given back once, here, and the
        // thread is attached.
        unsafe { ffi::PyBuffer_Release(&raw mut *self.view) };
    }
}
