//! The two system calls of datagram sockets, and what Python says of them.

use std::ffi::CStr;
use std::ffi::c_char;
use std::ffi::c_int;
use std::io;
use std::os::fd::RawFd;
use std::ptr;

use nix::libc;
use pyo3::prelude::*;

use super::names::Name;
use super::names::SPACE;

/// One `recvfrom`, which does not wait. Returns how many bytes came, and who sent them.
///
/// # Errors
/// `WouldBlock` where nothing is there; what an earlier datagram met; anything else.
#[expect(unsafe_code, reason = "nix would need another crate for it")]
pub(super) fn receive(descriptor: RawFd, buffer: &mut [u8]) -> io::Result<(usize, Name)> {
    let mut sender = Name::empty();
    let mut length = libc::socklen_t::try_from(SPACE).unwrap_or(0);
    // SAFETY: the buffer is writable for the length given, and so are the `SPACE` bytes at the begin
    // of `Name` (`repr(C)`), which any bytes are valid for. The kernel checks the descriptor.
    let received = unsafe {
        libc::recvfrom(
            descriptor,
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            libc::MSG_DONTWAIT,
            (&raw mut sender).cast(),
            &raw mut length,
        )
    };
    sender.length = length;
    match usize::try_from(received) {
        Ok(count) => Ok((count, sender)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// One `sendto`, which does not wait and raises no SIGPIPE; without a receiver to whom the socket is
/// connected to.
///
/// # Errors
/// `WouldBlock` where there is no room; what an earlier datagram met; anything else.
#[expect(unsafe_code, reason = "nix would need another crate for it")]
pub(super) fn send(descriptor: RawFd, data: &[u8], receiver: Option<&Name>) -> io::Result<()> {
    let (name, length) = match receiver {
        Some(name) => (ptr::from_ref(name).cast(), name.length),
        None => (ptr::null(), 0),
    };
    // SAFETY: the data are readable for the length given. `name` is null with a length of 0, or its
    // `length` bytes are at the begin of a `Name` (`repr(C)`): as many as it was made with, or as the
    // kernel has given, which is less than there is room for. The kernel checks the descriptor.
    let sent = unsafe {
        libc::sendto(
            descriptor,
            data.as_ptr().cast(),
            data.len(),
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            name,
            length,
        )
    };
    match sent {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether to try again when the socket is ready.
pub(super) fn is_for_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

#[expect(unsafe_code, reason = "pyo3 has no name for it")]
unsafe extern "C" {
    fn PySys_Audit(event: *const c_char, format: *const c_char, ...) -> c_int;
}

const SENDTO: &CStr = c"socket.sendto";
const TWO_OBJECTS: &CStr = c"OO";

/// Tells audit hooks of what Python's `sendto` would tell them.
///
/// # Errors
/// What a hook raises.
#[expect(unsafe_code, reason = "pyo3 has no name for it")]
pub(super) fn audit_sendto(socket: &Bound<'_, PyAny>, address: &Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: the thread is attached; the format asks for two objects, and two that live are given.
    let told = unsafe {
        PySys_Audit(
            SENDTO.as_ptr(),
            TWO_OBJECTS.as_ptr(),
            socket.as_ptr(),
            address.as_ptr(),
        )
    };
    match told {
        0.. => Ok(()),
        _ => Err(PyErr::fetch(socket.py())),
    }
}
