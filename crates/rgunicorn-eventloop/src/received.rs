//! Bytes from a socket, as Python's.

use std::io;
use std::os::fd::RawFd;

use nix::libc;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::landing::_PyBytes_Resize;

/// As much as is received at once; asyncio's own transports do the same.
pub(crate) const MOST: usize = 256 * 1024;

/// Receives into `buffer`, and makes a copy of what came.
///
/// # Errors
/// As [`receive`].
pub(crate) fn receive_copied<'py>(
    py: Python<'py>,
    descriptor: RawFd,
    buffer: &mut [u8],
) -> io::Result<Bound<'py, PyBytes>> {
    let count = receive(descriptor, buffer)?;
    Ok(PyBytes::new(py, &buffer[..count]))
}

/// Receives into a bytes object, which shrinks to what came.
///
/// # Errors
/// As [`receive`].
#[expect(unsafe_code, reason = "pyo3 fills a new bytes object with zeros")]
pub(crate) fn receive_in_place(
    py: Python<'_>,
    descriptor: RawFd,
) -> io::Result<Bound<'_, PyBytes>> {
    // SAFETY: the thread is attached. A bytes object without content has `MOST` writable bytes, and
    // nobody else has a reference to it until it is returned; `recv` writes no more than that.
    // `_PyBytes_Resize` takes the only reference and leaves another, or null.
    unsafe {
        let mut object = ffi::PyBytes_FromStringAndSize(std::ptr::null(), MOST.cast_signed());
        if object.is_null() {
            drop(PyErr::take(py));
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let memory = ffi::PyBytes_AsString(object);
        let got = libc::recv(descriptor, memory.cast(), MOST, 0);
        if got < 0 {
            let error = io::Error::last_os_error();
            ffi::Py_DECREF(object);
            return Err(error);
        }
        if _PyBytes_Resize(&raw mut object, got) < 0 {
            drop(PyErr::take(py));
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        Ok(Bound::from_owned_ptr(py, object).cast_into_unchecked())
    }
}

/// One `recv` into `buffer`; the number of bytes at its begin is returned.
///
/// # Errors
/// `WouldBlock` where nothing is there, anything else where the connection is broken.
#[expect(unsafe_code, reason = "nix would need another crate for it")]
pub(crate) fn receive(descriptor: RawFd, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the buffer is writable for the length given. The kernel checks the descriptor.
    let got = unsafe { libc::recv(descriptor, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    usize::try_from(got).map_err(|_| io::Error::last_os_error())
}
