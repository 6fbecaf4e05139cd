//! What the supervisor asks of the program around it.
//!
//! The program owns the listening sockets, the configuration and the interpreter, so it forks
//! (Python must run its own hooks round a fork) and it reads settings anew. It never decides.

use std::io;
use std::ops::ControlFlow;
use std::process;
use std::time::Duration;

use crate::event::WorkerNumber;
use crate::settings::Settings;

/// The program a master runs in. All methods are called on the master's only thread.
pub trait Host {
    /// Signals are listened to, and no worker was forked yet. `Break` ends the server before it
    /// began.
    fn starting(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// This worker is about to be forked; signals are not blocked yet.
    ///
    /// # Errors
    /// When it must not be: as if the fork had failed.
    fn before_fork(&mut self, _worker: WorkerNumber) -> io::Result<()> {
        Ok(())
    }

    /// Forks. Returns on both sides, as `fork(2)` does; the supervisor's signals are blocked.
    ///
    /// The child must do no more than it has to before it returns: [`run`](crate::run()) unwinds in
    /// it and hands the caller a [`Seat`](crate::Seat).
    ///
    /// # Errors
    /// When no process could be made. Only the parent may return an error.
    fn fork(&mut self, worker: WorkerNumber) -> io::Result<Fork>;

    /// A worker's process is gone, however it ended; called before another takes its place.
    fn ended(&mut self, _worker: WorkerNumber) {}

    /// TTIN, TTOU or WINCH changed how many workers are to be kept.
    fn resized(&mut self, _workers: usize) {}

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
    /// Where another master serves them, their files must stay.
    fn stopping(&mut self, _others: Others) {}

    /// The pid of the master that this one is to replace, if it is the new one of an upgrade.
    fn predecessor(&self) -> Option<i32> {
        None
    }

    /// Forks for an upgrade; called for USR2. Returns on both sides; in the child
    /// [`become_master`](Self::become_master) follows.
    ///
    /// # Errors
    /// When no process could be made. Only the parent may return an error.
    fn fork_master(&mut self) -> io::Result<Fork> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// In the child of [`fork_master`](Self::fork_master): executes the program anew, and hands it the
    /// listening sockets. Does not return; where that fails the process ends.
    fn become_master(&mut self) -> ! {
        process::exit(1)
    }

    /// The master that this one was to replace is gone: what was its own is this one's now.
    fn promoted(&mut self) {}
}

/// Whether other masters serve on the same sockets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Others {
    /// This is the only one.
    None,
    /// There is one, before or after this one.
    Serve,
}

/// Which side of the fork this is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fork {
    /// The new worker.
    Child,
    /// The master, with the pid of the new worker.
    Parent(i32),
}
