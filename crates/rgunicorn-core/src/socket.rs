//! A client's socket, for a thread that the runtime does not run on.

use std::io;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

/// A client's socket, for a thread whose runtime stands still to wait with.
#[derive(Debug)]
pub struct Socket(pub(crate) OwnedFd);

impl Socket {
    /// Waits until the socket takes bytes, the client is gone, or `limit` is over.
    ///
    /// # Errors
    /// When the kernel cannot wait.
    pub fn wait_writable(&self, limit: Duration) -> io::Result<()> {
        let mut waits = [PollFd::new(self.0.as_fd(), PollFlags::POLLOUT)];
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        match poll(&mut waits, limit) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
