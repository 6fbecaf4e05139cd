//! The language between the loop and the pool: what happened, and what to do about it.
//!
//! Workers are known by their number, never by pid: the pool decides before a process exists.

use std::fmt;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;

use crate::settings::Settings;

/// Names one worker for the life of the master: 1, 2, 3, … in the order of forks (gunicorn's `age`).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WorkerNumber(pub(crate) u64);

impl WorkerNumber {
    /// The bare number.
    #[must_use]
    pub fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for WorkerNumber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Something the pool must know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    /// No workers, please, until a reload (WINCH).
    Dismiss,
    /// A worker's process ended.
    Ended(WorkerNumber, Ending),
    /// One worker fewer, please (TTOU).
    Fewer,
    /// The fork for this worker failed, so it never lived.
    ForkFailed(WorkerNumber),
    /// A worker's heartbeat was read: both of its beats are at least this fresh.
    Heard(WorkerNumber, Instant),
    /// One worker more, please (TTIN).
    More,
    /// The master itself was not running when it should have been: frozen, or starved.
    Overslept,
    /// A worker serves from now on.
    Ready(WorkerNumber),
    /// Replace every worker (HUP), under new settings if there are any.
    Reload(Option<Settings>),
    /// Log files were moved; workers must open them anew (USR1).
    ReopenLogs,
    /// Stop for good.
    Stop(Urgency),
    /// Time has passed.
    Tick,
    /// A worker serves on, but wants to leave once another has taken its place.
    WantsReplacement(WorkerNumber),
}

/// How a worker's process ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    /// It exited with this code.
    Code(i32),
    /// This signal killed it. A bare number: real-time signals have no name.
    Signal(i32),
    /// It is gone, and something else than this supervisor collected its status.
    Vanished,
}

impl Ending {
    /// Whether somebody else ended it: an operator, or the kernel short of memory.
    /// Says nothing about whether the next one can boot.
    pub(crate) fn came_from_outside(self) -> bool {
        const SENT: [Signal; 5] = [
            Signal::SIGHUP,
            Signal::SIGINT,
            Signal::SIGKILL,
            Signal::SIGQUIT,
            Signal::SIGTERM,
        ];
        matches!(self, Self::Signal(number) if SENT.iter().any(|&signal| signal as i32 == number))
    }
}

/// How much patience a stop has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Urgency {
    /// INT or QUIT: drop what is unfinished.
    Fast,
    /// TERM: let requests finish.
    Graceful,
}

/// Something the loop must do, in the order given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// A stop begins: stop listening.
    CloseSockets,
    /// As many workers as there should be, this many, serve; said once after each change.
    Complete(usize),
    /// All workers are gone: leave.
    Exit(Cause),
    /// A worker is gone: let go of its pipe and its heartbeat.
    Forget(WorkerNumber),
    /// Say that a stop begins only after this long.
    LogDelay(Duration),
    /// Say how a worker ended. Its process is still known; `Forget` follows.
    LogEnd(WorkerNumber, Ending),
    /// Say that a boot failure does not stop the server, and when the next attempt is.
    LogRetry(Duration),
    /// Say that a worker was silent for too long.
    LogSilence(WorkerNumber),
    /// Send a worker this signal.
    Signal(WorkerNumber, Signal),
    /// Fork this worker.
    Spawn(WorkerNumber),
}

/// Why the server stops.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    /// Somebody asked for it.
    Asked,
    /// At start-up a worker died before it was ready.
    BootFailed,
    /// At start-up a worker found no application.
    LoadFailed,
}

impl Cause {
    /// What a worker's end means when it came before the worker was ready.
    pub(crate) fn of_boot_failure(ending: Ending) -> Self {
        match ending {
            Ending::Code(4) => Self::LoadFailed,
            Ending::Code(_) | Ending::Signal(_) | Ending::Vanished => Self::BootFailed,
        }
    }

    /// The exit code of the server, gunicorn's.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Asked => 0,
            Self::BootFailed => 3,
            Self::LoadFailed => 4,
        }
    }

    /// The sentence for the log, when the stop was not wanted.
    pub(crate) fn reason(self) -> Option<&'static str> {
        match self {
            Self::Asked => None,
            Self::BootFailed => Some("Worker failed to boot."),
            Self::LoadFailed => Some("App failed to load."),
        }
    }
}
