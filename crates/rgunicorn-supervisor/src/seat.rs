//! What a new worker holds of the supervisor: its number, its heartbeat, and a line to the master.
//!
//! Lives in the child process only. Everything else of the master was closed before.

use std::os::fd::OwnedFd;
use std::process;

use nix::unistd;

use crate::event::WorkerNumber;
use crate::heartbeat::Beat;

/// What a worker writes when it serves.
pub(crate) const READY: u8 = b'R';

/// What a worker writes when it wants to leave.
pub(crate) const WANTS_REPLACEMENT: u8 = b'W';

/// A worker's place in the pool. Keep it for as long as the worker lives.
#[derive(Debug)]
pub struct Seat {
    pub(crate) number: WorkerNumber,
    pub(crate) beat: Beat,
    pub(crate) master: u32,
    pub(crate) line: OwnedFd,
}

impl Seat {
    /// Which worker this is: 1 for the first one ever forked, and so on.
    #[must_use]
    pub fn number(&self) -> WorkerNumber {
        self.number
    }

    /// The heartbeat. Once the worker is ready, both of its beats must be fresh: the master goes
    /// by the older one. Beat at least every half of the timeout, and never less than once a second.
    #[must_use]
    pub fn beat(&self) -> Beat {
        self.beat
    }

    /// Says that this worker serves. Until then, ending is a failure to boot.
    pub fn ready(&self) {
        self.say(READY);
    }

    /// Asks for another worker in this one's place. Serve on: TERM comes when the other is ready.
    pub fn wants_replacement(&self) {
        self.say(WANTS_REPLACEMENT);
    }

    /// Whether the master has died, so that nobody will ever stop this worker. Look now and then.
    #[must_use]
    pub fn master_is_gone(&self) -> bool {
        u32::try_from(unistd::getppid().as_raw()) != Ok(self.master)
    }

    /// The pid of the master.
    #[must_use]
    pub fn master(&self) -> u32 {
        self.master
    }

    fn say(&self, word: u8) {
        // Fails only without a reader, and then the master is gone, which is asked elsewhere.
        if let Err(error) = unistd::write(&self.line, &[word]) {
            tracing::debug!(pid = process::id(), %error, "the master does not listen");
        }
    }
}
