//! What the supervisor asks of the program around it.
//!
//! The program owns the listening sockets, the configuration and the interpreter, so it forks
//! (Python must run its own hooks round a fork) and it reads settings anew. It never decides.

use std::io;
use std::time::Duration;

use crate::event::WorkerNumber;
use crate::settings::Settings;

/// The program a master runs in. All methods are called on the master's only thread.
pub trait Host {
    /// Forks. Returns on both sides, as `fork(2)` does; the supervisor's signals are blocked.
    ///
    /// The child must do no more than it has to before it returns: [`run`](crate::run()) unwinds in
    /// it and hands the caller a [`Seat`](crate::Seat).
    ///
    /// # Errors
    /// When no process could be made. Only the parent may return an error.
    fn fork(&mut self, worker: WorkerNumber) -> io::Result<Fork>;

    /// Reads the configuration anew; called for each HUP before the new workers start.
    ///
    /// `None` keeps the settings, and the number of workers, as they are.
    fn reload(&mut self) -> Option<Settings> {
        None
    }

    /// Opens log files anew; called for each USR1 before the workers get one.
    fn reopen_logs(&mut self) {}

    /// The master is about to sleep, with so many processes of workers there. Returns after what time
    /// this is to be called again, if nothing happens before.
    fn resting(&mut self, workers: usize) -> Option<Duration> {
        let _ = workers;
        None
    }

    /// Closes the listening sockets; called once, when a stop begins, before workers hear of it.
    fn stopping(&mut self) {}
}

/// Which side of the fork this is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fork {
    /// The new worker.
    Child,
    /// The master, with the pid of the new worker.
    Parent(i32),
}
