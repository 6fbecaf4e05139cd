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
pub struct Socket {
    descriptor: OwnedFd,
    until: Until,
}

/// What makes it possible to send more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Until {
    /// The socket takes bytes.
    Writable,
    /// The client says that it has room.
    Readable,
}

impl Socket {
    pub(crate) fn new(descriptor: OwnedFd, until: Until) -> Self {
        Self { descriptor, until }
    }

    /// Waits until more can be sent, the client is gone, or `limit` is over.
    ///
    /// # Errors
    /// When the kernel cannot wait.
    pub fn wait_writable(&self, limit: Duration) -> io::Result<()> {
        let events = match self.until {
            Until::Writable => PollFlags::POLLOUT,
            Until::Readable => PollFlags::POLLIN,
        };
        let mut waits = [PollFd::new(self.descriptor.as_fd(), events)];
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        match poll(&mut waits, limit) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
