//! What the operator may choose about the pool. Plain data.

use std::time::Duration;

/// The most workers a pool is ever asked to keep; more is taken as this.
pub(crate) const MOST_WORKERS: usize = 1024;

/// The most worker processes alive at once, counting those that are still on their way out.
///
/// Reloads in quick succession may each leave a full pool finishing its requests; past this
/// bound a new worker waits until an old one is gone.
pub(crate) const CAPACITY: usize = 4 * MOST_WORKERS;

/// Longer than any machine stays up, and short enough to be added to the present.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How many workers to keep, and how long to wait for each thing they do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Workers to keep running: at least 1 and at most 1024, whatever is written here.
    pub workers: usize,
    /// How long a ready worker may stay without a heartbeat; zero never checks.
    pub timeout: Duration,
    /// How long a worker told to end may take to finish its requests. The master's KILL comes a
    /// second later, so that a worker that keeps to its own deadline is never cut off.
    pub graceful_timeout: Duration,
    /// How long a worker may take from the fork until it is ready; zero never checks.
    pub boot_timeout: Duration,
    /// How long to go on as before once asked for a graceful stop.
    pub drain_delay: Duration,
    /// Whether the server has no terminal, so that WINCH comes from an operator and never from a
    /// window that changed.
    pub daemon: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 1,
            timeout: Duration::from_secs(30),
            graceful_timeout: Duration::from_secs(30),
            // Off, as in gunicorn: how long an import may take is for the application to say.
            boot_timeout: Duration::ZERO,
            drain_delay: Duration::ZERO,
            daemon: false,
        }
    }
}

impl Settings {
    /// Brings every value into the range a pool can work with.
    pub(crate) fn bounded(self) -> Self {
        Self {
            workers: self.workers.clamp(1, MOST_WORKERS),
            timeout: self.timeout.min(FOREVER),
            graceful_timeout: self.graceful_timeout.min(FOREVER),
            boot_timeout: self.boot_timeout.min(FOREVER),
            drain_delay: self.drain_delay.min(FOREVER),
            daemon: self.daemon,
        }
    }
}
