//! One worker as the pool sees it: a number, a standing, and a state that carries its own data.

use std::time::Instant;

use crate::event::WorkerNumber;

/// One worker process, from the decision to fork it until it is reaped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worker {
    pub(crate) number: WorkerNumber,
    pub(crate) standing: Standing,
    pub(crate) state: State,
    /// How many workers failed in a row in the place this one took.
    pub(crate) failures: u32,
}

/// Whether a worker counts towards the number of workers to keep.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// It does.
    Current,
    /// It serves only until others are ready: a reload passed it by, or it asked to leave.
    Outdated,
}

/// What a worker is doing, as far as the master can know.
#[derive(Clone, Copy, Debug)]
pub(crate) enum State {
    /// Forked, not heard of since.
    Booting { since: Instant, logs: Logs },
    /// Serving; its heartbeat was last known fresh at `heard`.
    Ready { since: Instant, heard: Instant },
    /// Told to end (or given up on); it gets KILL at the deadline.
    Stopping { deadline: Instant },
    /// KILL was sent. Nothing more can be done but wait.
    Killed,
}

/// What a booting worker may hold open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Logs {
    /// Files inherited before they were moved: USR1 is due once it can take the signal.
    Moved,
    /// The right files.
    Right,
}

impl Worker {
    pub(crate) fn is_booting(&self) -> bool {
        matches!(self.state, State::Booting { .. })
    }

    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready { .. })
    }

    /// Whether it fills one of the places the pool keeps: now, or as soon as it has booted.
    pub(crate) fn is_counted(&self) -> bool {
        self.standing == Standing::Current && (self.is_booting() || self.is_ready())
    }
}
