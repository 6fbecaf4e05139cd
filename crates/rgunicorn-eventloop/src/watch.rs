//! Descriptors that the runtime watches for us.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers `descriptor` with the runtime, for readability.
///
/// # Errors
/// When the kernel refuses to watch it.
///
/// # Panics
/// Outside the context of a runtime.
#[expect(
    unsafe_code,
    reason = "tokio cannot see who else may close a descriptor"
)]
pub(crate) fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the `AsyncFd` owns the `OwnedFd`, which names one descriptor and
    // keeps it open until it is dropped, after its registration.
    let watched = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
    watched.map_err(io::Error::from)
}
